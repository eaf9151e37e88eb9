/** Vacuum settings of tables whose rows are inserted and deleted all the time (see postgres/ddl.ts). */
import type { Migration } from "./ddl.ts";

export const vacuum: Migration = {
  name: "0017-vacuum",
  async up({ ddl, query }) {
    for (const statement of ddl.cleaned ?? []) await query(statement);
  },
};
