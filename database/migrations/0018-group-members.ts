/**
 * The group of each batch. When the batch that holds the group's place ends, the next batch of the group takes the
 * place over.
 */
import type { Migration } from "./ddl.ts";

export const groupMembers: Migration = {
  name: "0018-group-members",
  async up({ ddl, query }) {
    // `group_id`: the id of the group's first batch. Groups that run during the migration have no `group_id`; such a
    // group frees its place when the batch that holds the place ends.
    await query(`ALTER TABLE "batch_work" ADD "group_id" ${ddl.types.bigint}`);
  },
};
