/** Which batches a worker has claimed together: of those the one that has the client's place leaves it to the next when it goes. */
import type { Migration } from "./migration.ts";

export const groupMembers: Migration = {
  name: "0018-group-members",
  async up({ ddl, query }) {
    // The first batch of its group. Groups that run now give their place back with the batch that has it.
    await query(`ALTER TABLE "batch_work" ADD "group_id" ${ddl.types.bigint}`);
  },
};
