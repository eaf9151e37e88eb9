/** How the tables of a catalog are listed: what each dialect does for `list.ts`. */
import type { Ask } from "./target.ts";

/** A table of a catalog. `id`: the key by which the query of columns finds the table. */
export interface FoundTable {
  id: string;
  schema: string;
  name: string;
}

export interface FoundColumn {
  /** The id of the column's table. */
  id: string;
  name: string;
  /** The type as the database writes it. */
  type: string;
  isNullable: boolean;
  /** Whether the column is part of the primary key. */
  isKey: boolean;
}

/** How a catalog is read: two queries, whatever the number of tables is. */
export interface CatalogList {
  /** At most `most` tables, without the server's own. */
  tables(ask: Ask, most: number): Promise<FoundTable[]>;
  /** The columns of these tables, in the order of each table. */
  columns(ask: Ask, ids: string[]): Promise<FoundColumn[]>;
}
