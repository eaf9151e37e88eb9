/**
 * `legal_hold`: whether nothing of the client may be deleted. `erasure_id`: the erasure that deletes the client. NULL:
 * no.
 */
import type { Migration } from "./ddl.ts";

export const legalHold: Migration = {
  name: "0032-legal-hold",
  async up({ ddl, query }) {
    await query(`ALTER TABLE "client" ADD "legal_hold" ${ddl.types.int}`);
    await query(`ALTER TABLE "client" ADD "erasure_id" ${ddl.types.uuid}`);
  },
};
