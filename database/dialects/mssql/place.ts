import type { Place } from "../../dialect.ts";

const TRIGGERS = ["batch_count_change", "batch_work_taken"];

/** Indexes and triggers go with their table. Who may not make a schema may use one that is there. */
export const place: Place = {
  make: (schema) => [`IF SCHEMA_ID(N'${schema}') IS NULL EXEC(N'CREATE SCHEMA "${schema}"')`],
  move: (table, { schema }) => `ALTER SCHEMA "${schema}" TRANSFER "${table}"`,
  dropTriggers: ({ schema }) => TRIGGERS.map((name) => `DROP TRIGGER IF EXISTS "${schema}"."${name}"`),
};
