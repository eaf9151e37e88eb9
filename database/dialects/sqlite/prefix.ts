import type { Place } from "../../dialect.ts";

/** A table takes its indexes and triggers along, whose texts follow its name. */
export const place: Place = {
  make: () => [],
  move: (table, to) => `ALTER TABLE "${table}" RENAME TO ${to.of(table)}`,
  dropTriggers: () => ["insert", "update", "delete"].map((on) => `DROP TRIGGER IF EXISTS "batch_count_${on}"`),
};
