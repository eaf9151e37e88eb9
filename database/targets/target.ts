/** The types of delivery into the company's own tables: the dataset's `table`, the catalog's table, and the plan made from both. */

export const tableModes = ["insert", "ignore", "upsert", "update", "delete"] as const;
export type TableMode = (typeof tableModes)[number];

export const tableMetas = [
  "batchId",
  "clientId",
  "clientIdentifier",
  "dataset",
  "record",
  "line",
  "receivedAt",
  "json",
] as const;
export type TableMeta = (typeof tableMetas)[number];

/** Where a column's value comes from: a path of the schema (`address.city`), what is known of the record, or a fixed value. */
export type ColumnSource = string | { meta: TableMeta } | { value: unknown };

/** The dataset's `table`, with its defaults. */
export interface TableDocument {
  /** A name of `TABLE_DATABASES`; null: the database of `DATABASE_URL`. */
  database: string | null;
  /** `table` or `schema.table`; a part that holds a dot is quoted. */
  name: string;
  mode: TableMode;
  /** The columns of the key. Null: the table's primary key. */
  key: string[] | null;
  /** What fills each column. Null: every property of the schema fills the column of its name. */
  columns: Record<string, ColumnSource> | null;
  absent: "keep" | "null";
  newer: string | null;
  delete: { field: string; values: unknown[] } | null;
  create: boolean;
  /** Whether references are checked before any row is written. Documents of earlier releases lack this member. */
  checkReferences?: boolean;
  messages: Record<string, { field?: string; code?: string; message: string }>;
}

export const targetDialects = ["postgres", "sqlite", "mssql"] as const;
export type TargetDialect = (typeof targetDialects)[number];

/** What a column can hold, whatever its database calls it. */
export type ColumnKind =
  | "text"
  | "integer"
  | "decimal"
  | "float"
  | "boolean"
  | "date"
  | "time"
  | "timestamp"
  | "timestamptz"
  | "uuid"
  | "json"
  | "enum"
  | "array"
  | "other";

/** A column, as the catalog describes it. */
export interface TargetColumn {
  name: string;
  kind: ColumnKind;
  /** The type as the database writes it, for casts and messages; of a domain that of its base. */
  type: string;
  /** For an array: the kind of its elements. The limits below are those of each element. */
  element: ColumnKind | null;
  isNotNull: boolean;
  hasDefault: boolean;
  /** Generated, or ALWAYS identity: nobody may write it. */
  isReadOnly: boolean;
  /** In characters, or in bytes where the server counts these; null: no bound. */
  maxLength: { units: "characters" | "utf-16" | "bytes"; most: number } | null;
  /** For decimals: digits. For floats: bits, 24 or 53. Null: no limit. */
  precision: number | null;
  /** For decimals: digits after the point. For times: decimals of a second. Null: no limit. */
  scale: number | null;
  /** For integers: the smallest and the largest value, as digits. */
  range: { least: string; most: string } | null;
  /** For enums: their values. */
  values: string[] | null;
}

/** A full, valid, immediate unique index or primary key. */
export interface TargetKey {
  name: string;
  columns: string[];
  isPrimary: boolean;
}

/** A table, as the catalog describes it. */
export interface TargetTable {
  /** The name of the database. Null: the database of `DATABASE_URL`. */
  database: string | null;
  dialect: TargetDialect;
  schema: string;
  name: string;
  columns: TargetColumn[];
  keys: TargetKey[];
  /** The constraints whose names the server adds to an error. Null: all of them. */
  toldConstraints: string[] | null;
  /** Why no dataset can write it, in words: deferred constraints, `ON CONFLICT` clauses. */
  hindrances: string[];
}

/** Asks a database: the rows of one statement. Its parameters are `$1`, `$2`, in order, each once. Throws DatabaseUnavailable. */
export type Ask = <T>(text: string, values: readonly unknown[]) => Promise<T[]>;

/** A table as a dialect's catalog describes it, or the reason why no dataset can write it. `isMissing`: nothing has this name. */
export type Described = { table: Omit<TargetTable, "database"> } | { fault: string; isMissing?: true };

/** A column that the dataset writes, and what is written into it. */
export interface PlannedColumn {
  column: TargetColumn;
  source: { path: string[] } | { meta: TableMeta } | { value: unknown };
}

/** A foreign key, as the catalog describes it. */
export interface RawReference {
  /** The name of the violated constraint. Null: the server does not report it. */
  constraint: string | null;
  columns: string[];
  schema: string;
  table: string;
  parentColumns: string[];
  /** Whether texts are equal there only if they have the same characters. */
  isByCharacters: boolean;
}

/** A foreign key of a table whose references are looked for before its rows are written. */
export interface TableReference {
  /** The constraint's name. Null: the server does not name it in its errors. */
  constraint: string | null;
  columns: string[];
  parent: { schema: string; name: string; columns: string[] };
  /**
   * Set if the reference leads to the table itself. `isExact`: two values of `columns` are the same key exactly if their texts
   * are equal.
   */
  own: { columns: string[]; isExact: boolean } | null;
}

/** How a dataset's records become rows. Made from the document, the record schema and the catalog. */
export interface TablePlan {
  table: TargetTable;
  mode: TableMode;
  /** Names of columns; empty: `insert` into a table without a key. */
  key: string[];
  columns: PlannedColumn[];
  absent: "keep" | "null";
  newer: PlannedColumn | null;
  delete: { path: string[]; values: unknown[] } | null;
  messages: TableDocument["messages"];
  /** The references that are looked up before the rows are written: none, unless the document asks for it. */
  references: TableReference[];
}

/** Why a value does not fit its column. */
export class ValueFault {
  readonly code: "maxLength" | "range" | "type" | "required";
  readonly message: string;
  constructor(code: ValueFault["code"], message: string) {
    this.code = code;
    this.message = message;
  }
}

/** The text of a value for the column, or why it has none. The value is neither null nor undefined. */
export type ToText = (value: unknown, column: TargetColumn) => string | ValueFault;

export const ofType = (expected: string): ValueFault => new ValueFault("type", `must be ${expected}`);
