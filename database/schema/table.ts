/**
 * How a table is declared, once; `tables.ts` has all tables. From the declaration come the types of rows, the lists of columns in
 * statements, the types of table variables on SQL Server, and the attributes of Sequelize's models.
 */

/** The kinds of column. Each dialect has its own type for each kind. */
export type ColumnKind =
  /** A BIGINT primary key that the database generates. It is never reused, not even after a delete. */
  | "id"
  | "int"
  | "bigint"
  | "double"
  | "uuid"
  /** Short text of up to 255 characters, which an index can hold. */
  | "name"
  | "text"
  /** 32 bytes. */
  | "hash"
  /** Up to 32 bytes: a record's unique key is half a hash. */
  | "key"
  | "bytes";

/** The TypeScript type of each kind, in rows of the store. `hash` and `key` are hexadecimal digits. */
interface Held extends Record<ColumnKind, unknown> {
  id: number;
  int: number;
  bigint: number;
  double: number;
  uuid: string;
  name: string;
  text: string;
  hash: string;
  key: string;
  bytes: Uint8Array;
}

/** `kind`, or `kind?` for a column that may be NULL. */
type Written = ColumnKind | `${ColumnKind}?`;

/** A column with a more specific type than its kind: one of a few names, or JSON (`isJson`). */
export interface Typed<T> {
  kind: Written;
  isJson?: boolean;
  /** Never set. It only carries the type. */
  type?: T;
}

export const typed = <T>(kind: Written): Typed<T> => ({ kind });
/** A text column with JSON. Rows have the parsed value. */
export const json = <T>(kind: "text" | "text?" = "text"): Typed<T> => ({ kind, isJson: true });

type Declared = Record<string, Written | Typed<unknown>>;

/** The TypeScript type of each kind, in Sequelize's models. */
interface HeldByModels extends Omit<Held, "hash" | "key" | "bytes"> {
  hash: Buffer;
  key: Buffer;
  bytes: Buffer;
}

type Value<C, H extends Record<ColumnKind, unknown>> =
  C extends Typed<infer T>
    ? T
    : C extends `${infer K extends ColumnKind}?`
      ? H[K] | null
      : C extends ColumnKind
        ? H[C]
        : never;

export interface Column {
  /** The name in TypeScript. */
  name: string;
  /** The name in the database. */
  column: string;
  kind: ColumnKind;
  isNull: boolean;
  isJson: boolean;
}

export interface Table<C extends Declared = Declared> {
  name: string;
  columns: Column[];
  /** The columns of the primary key, by their TypeScript names. */
  key: string[];
  /** The actors that write the table. */
  writers: string[];
  /** Never set: the declaration, for `Row`. */
  declared?: C;
}

/** The type of a row of the store. */
export type Row<T extends Table> = T extends Table<infer C> ? { -readonly [N in keyof C]: Value<C[N], Held> } : never;
/** The type of a row of Sequelize's models. */
export type Attributes<T extends Table> =
  T extends Table<infer C> ? { -readonly [N in keyof C]: Value<C[N], HeldByModels> } : never;
/** The columns that a new row must have. It may leave out its id, and columns that may be NULL. */
type Given<T extends Table> = {
  [N in keyof Attributes<T>]: N extends "id" ? never : null extends Attributes<T>[N] ? never : N;
}[keyof Attributes<T>];
export type NewRow<T extends Table> = Pick<Attributes<T>, Given<T>> & Partial<Omit<Attributes<T>, Given<T>>>;
export type ColumnOf<T extends Table> = keyof Row<T> & string;

export const snake = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

interface Meaning<C> {
  key: (keyof C & string)[];
  writers: string[];
}

export function table<const C extends Declared>(name: string, declared: C, { key, writers }: Meaning<C>): Table<C> {
  const columns = Object.entries(declared).map(([column, given]) => {
    const { kind, isJson = false } = typeof given === "string" ? { kind: given } : given;
    return {
      name: column,
      column: snake(column),
      kind: kind.replace("?", "") as ColumnKind,
      isNull: kind.endsWith("?"),
      isJson,
    };
  });
  return { name, columns, key, writers };
}

/** The column of this name. Throws if the table has no such column. */
export function columnOf(of: Table, name: string): Column {
  const found = of.columns.find((column) => column.name === name);
  if (!found) throw new Error(`The table ${of.name} has no column ${name}.`);
  return found;
}
