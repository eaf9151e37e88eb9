/** The steps of a unit, independent of the dialect. Each dialect renders them as SQL in its own way. */
import { type Column, type ColumnOf, columnOf, type Row, type Table } from "../schema/table.ts";

/** The rows of `table` that a step has written. Later steps read them with `FROM name`, by the database's column names. */
export interface RowSet<T extends Table = Table, N extends ColumnOf<T> = ColumnOf<T>> {
  name: string;
  table: T;
  columns: readonly N[];
}

export const rowSet = <T extends Table, N extends ColumnOf<T>>(name: string, table: T, columns: N[]): RowSet<T, N> => {
  for (const column of columns) columnOf(table, column);
  return { name, table, columns };
};

interface Writing {
  table: Table;
  /** The row set that makes the written rows visible to later steps. */
  into?: RowSet | undefined;
}

export interface Update extends Writing {
  do: "update";
  /** `column = expression, …` */
  set: string;
  /** A row set to join with the table. */
  from?: string | undefined;
  where?: string | undefined;
  byKey?: ByKey | undefined;
}

/** Finds several rows by their keys: from a list parameter (`:ids`), or from the column of this name in a row set. */
export interface ByKey {
  column: string;
  of: string;
}

export interface Insert extends Writing {
  do: "insert";
  /** Expressions by column. */
  values: Record<string, string>;
  from?: string | undefined;
  where?: string | undefined;
  /** GROUP BY, and HAVING if it is needed. */
  group?: string | undefined;
}

/** Inserts a row, or updates the row with the same key. `into` has the rows that were written. */
export interface Upsert extends Writing {
  do: "upsert";
  /** Columns of the key, which are among `values`. */
  key: string[];
  values: Record<string, string>;
  from?: string | undefined;
  /** The column in whose order rows are written. */
  order?: string | undefined;
  /** The columns of an existing row that get the new values. None: an existing row stays as it is. */
  update: string[];
  /** Adds the new values to those of the existing row. */
  adds?: boolean | undefined;
  /** The condition to update an existing row. Its columns carry the table's name; the new values are `given.column` if there is a `from`. */
  where?: string | undefined;
}

export interface Remove extends Writing {
  do: "remove";
  where: string;
  /** Makes the number of deleted rows a parameter of this name for later steps. The first step cannot have it. */
  countAs?: string | undefined;
}

/** Deletes the first rows in an order. Skips rows that other nodes are deleting. */
export interface RemoveFirst extends Writing {
  do: "removeFirst";
  key: string[];
  /** The condition of the rows. It is checked again right before each row is deleted. */
  where: string;
  /** A more expensive condition, checked once. */
  and?: string | undefined;
  order: string;
  limit: string;
}

/** Locks rows until the unit ends. */
export interface Lock {
  do: "lock";
  table: Table;
  where?: string | undefined;
  byKey?: ByKey | undefined;
  into: RowSet;
  /** Skips rows that another transaction has locked. Omitted: waits for them. */
  skipLocked?: boolean | undefined;
}

/** Reads rows into a row set. `select` must give the columns of `into` in their order. */
export interface Gather {
  do: "gather";
  table: Table;
  select: string;
  into: RowSet;
  /** The row set has one row or none. Its values become parameters of later steps (`:last_seq` of the row set `last`); NULL without a row. */
  isOne?: boolean | undefined;
}

/** Takes due rows by updating them, so that each goes to one caller only. Skips rows that others are taking. */
export interface Take {
  do: "take";
  table: Table;
  /** The condition that a row is due. `set` must make it false. */
  due: string;
  /** A SELECT of the ids that may be taken. Omitted: all. */
  among?: string | undefined;
  set: string;
  order: string;
  limit: string;
  into: RowSet;
}

export interface Select {
  do: "select";
  text: string;
  /** Columns to convert: JSON and bytes. */
  read: Reading[];
  /** The same answer, built from row sets. A dialect that has the row sets at hand uses it instead of a query. */
  cells?: Cell[];
}

/** A column of an answer with one row, taken from a row set with one row. If the first cell's set is empty, so is the answer. */
export interface Cell {
  as: string;
  set: string;
  column: string;
}

/** How a column of an answer is converted. */
export interface Reading {
  name: string;
  as: "json" | "hex";
}

/** The parameters that a `gather` with `isOne` makes for later steps, each with its row set and column. */
export const scalarsOf = (step: Step): [name: string, of: RowSet, column: Column][] =>
  step.do === "gather" && step.isOne
    ? step.into.columns.map((name) => {
        const column = columnOf(step.into.table, name);
        return [`${step.into.name}_${column.column}`, step.into, column];
      })
    : [];

export type Step = Lock | Gather | Update | Insert | Upsert | Remove | RemoveFirst | Take | Select;
/** The last step of a unit that answers rows of type `R`. */
export type Answer<R> = (Select | Take) & { row?: R };

const writing =
  <S extends Step>(kind: S["do"]) =>
  (table: Table, parts: Omit<S, "do" | "table">) =>
    ({ do: kind, table, ...parts }) as S;

export const update = writing<Update>("update");
export const insert = writing<Insert>("insert");
export const upsert = writing<Upsert>("upsert");
export const remove = writing<Remove>("remove");
export const lock = writing<Lock>("lock");
export const gather = writing<Gather>("gather");
export const removeFirst = writing<RemoveFirst>("removeFirst");

export const take = <T extends Table, N extends ColumnOf<T>>(
  table: T,
  { into, ...parts }: Omit<Take, "do" | "table" | "into"> & { into: RowSet<T, N> },
): Answer<Pick<Row<T>, N>> => ({ do: "take", table, into, ...parts });

/** `text`: a whole SELECT statement. Names with capitals must be quoted. */
export const select = <R>(text: string): Answer<R> => ({ do: "select", text, read: [] });

/** The condition of the rows that a step locks or updates. */
export function rowsOf({ where, byKey }: Lock | Update, isIn: (column: string, list: string) => string): string {
  const { column = "", of = "" } = byKey ?? {};
  const hasKey = of.startsWith(":") ? isIn(column, of) : `${column} IN (SELECT ${of}.${column} FROM ${of})`;
  return [...(byKey ? [hasKey] : []), ...(where === undefined ? [] : [where])].join(" AND ");
}

/** A SELECT list: the columns of the table (alias `of`), under their TypeScript names. */
export const listOf = (table: Table, names: readonly string[], of: string): string =>
  names.map((name) => `${of}.${columnOf(table, name).column} AS "${name}"`).join(", ");

export function readingOf(table: Table, names: string[]): Reading[] {
  return names.flatMap((name) => {
    const { kind, isJson } = columnOf(table, name);
    if (isJson) return { name, as: "json" as const };
    return kind === "hash" || kind === "key" ? { name, as: "hex" as const } : [];
  });
}

/** A SELECT of these columns. `rest`: the text from FROM on, in which the table has the alias `of`. */
export const selectFrom = <T extends Table, N extends ColumnOf<T>>(
  table: T,
  names: N[],
  of: string,
  rest: string,
): Answer<Pick<Row<T>, N>> => ({
  do: "select",
  text: `SELECT ${listOf(table, names, of)} ${rest}`,
  read: readingOf(table, names),
});
