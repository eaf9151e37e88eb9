/** A step of the schema, and the table in which those that were taken are written down. */
import type { Backfill, Ddl, Index } from "../dialect.ts";

export const LOG = "schema_migration";

export interface MigrationContext {
  ddl: Ddl;
  query(sql: string): Promise<unknown>;
}

export interface Migration {
  name: string;
  up(context: MigrationContext): Promise<void>;
  /** The step is this index alone: by `Dialect.makeIndex`, where there is one, in place of `up`. */
  index?: Index;
  /** The step is this change of rows alone: by `Dialect.fill`, where there is one, in place of `up`. */
  backfill?: Backfill;
}
