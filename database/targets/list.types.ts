/** How the tables of a catalog are listed: what each dialect does for `list.ts`. */
import type { Ask } from "./target.ts";

/** A table of a catalog. `id`: what its columns are found by. */
export interface FoundTable {
  id: string;
  schema: string;
  name: string;
}

export interface FoundColumn {
  /** Of its table. */
  id: string;
  name: string;
  /** As the database writes it. */
  type: string;
  isNullable: boolean;
  /** It is part of the primary key. */
  isKey: boolean;
}

/** How a catalog is read: two queries, whatever the number of tables is. */
export interface CatalogList {
  /** At most so many, without those of the server. */
  tables(ask: Ask, most: number): Promise<FoundTable[]>;
  /** Of these tables, in their order in the table. */
  columns(ask: Ask, ids: string[]): Promise<FoundColumn[]>;
}
