/** The group of each batch. When the batch that holds the group's place ends, the next batch of the group gets the place. */
import type { Migration } from "./ddl.ts";

export const groupMembers: Migration = {
  name: "0018-group-members",
  async up({ ddl, query }) {
    // The id of the group's first batch. Groups that run now free their place with the batch that holds it.
    await query(`ALTER TABLE "batch_work" ADD "group_id" ${ddl.types.bigint}`);
  },
};
