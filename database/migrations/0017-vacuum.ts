/** What comes and goes all the time is cleaned by its number, whatever a table's size is. */
import type { Migration } from "./migration.ts";

export const vacuum: Migration = {
  name: "0017-vacuum",
  async up({ ddl, query }) {
    for (const statement of ddl.cleaned ?? []) await query(statement);
  },
};
