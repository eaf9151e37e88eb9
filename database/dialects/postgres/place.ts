import type { Place } from "../../dialect.ts";

const FUNCTIONS = ["batch_count_insert", "batch_count_update", "batch_count_delete", "batch_work_taken"];

/** Indexes, sequences and triggers go with their table. Who may not make a schema may use one that is there. */
export const place: Place = {
  make: (schema) => [
    `DO $$ BEGIN IF to_regnamespace('${schema}') IS NULL THEN CREATE SCHEMA "${schema}"; END IF; END $$`,
  ],
  move: (table, { schema }) => `ALTER TABLE "${table}" SET SCHEMA "${schema}"`,
  // They were left behind where they were.
  dropTriggers: () => FUNCTIONS.map((name) => `DROP FUNCTION IF EXISTS "${name}"() CASCADE`),
};
