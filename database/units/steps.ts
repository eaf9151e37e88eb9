/** The steps of a unit: SQL as every dialect has it, in the few parts that each puts together in its own way. */
import { type ColumnOf, columnOf, type Row, type Table } from "../schema/table.ts";

/** Rows of `table` that a step has written, for the steps after it: there `FROM name`, with the columns' names in the database. */
export interface RowSet<T extends Table = Table, N extends ColumnOf<T> = ColumnOf<T>> {
  name: string;
  table: T;
  columns: N[];
}

export const rowSet = <T extends Table, N extends ColumnOf<T>>(name: string, table: T, columns: N[]): RowSet<T, N> => {
  for (const column of columns) columnOf(table, column);
  return { name, table, columns };
};

interface Writing {
  table: Table;
  /** What later steps see of the rows. */
  into?: RowSet | undefined;
}

export interface Update extends Writing {
  do: "update";
  /** `column = expression, …` */
  set: string;
  /** A row set beside the table. */
  from?: string | undefined;
  where: string;
}

export interface Insert extends Writing {
  do: "insert";
  /** Expressions by column. */
  values: Record<string, string>;
  from?: string | undefined;
  where?: string | undefined;
  /** With its HAVING. */
  group?: string | undefined;
}

/** Where a row with the key is there, it is updated. `into` has those that are new, where none is updated. */
export interface Upsert extends Writing {
  do: "upsert";
  /** Columns of the key, which are among `values`. */
  key: string[];
  values: Record<string, string>;
  from?: string | undefined;
  /** The one of `values` in whose order rows are written. */
  order?: string | undefined;
  /** Those of `values` that a row which is there takes over. None: it stays as it is. */
  update: string[];
  /** Which row that is there may be updated; its columns are told by the table's name. */
  where?: string | undefined;
}

export interface Remove extends Writing {
  do: "remove";
  where: string;
  /** How many rows it was is a parameter of this name for the steps after it. Not of the first step. */
  countAs?: string | undefined;
}

/** Deletes the first rows. Where other nodes delete of the same right now, theirs are passed by. */
export interface RemoveFirst extends Writing {
  do: "removeFirst";
  key: string[];
  /** Which rows, also asked of each right before it is deleted. */
  where: string;
  /** A dearer condition, asked once. */
  and?: string | undefined;
  order: string;
  limit: string;
}

/** Rows that nobody else may change until the unit is over. */
export interface Lock {
  do: "lock";
  table: Table;
  where: string;
  into: RowSet;
  /** Rows that somebody else has locked are passed by, instead of waited for. */
  passingBy?: boolean | undefined;
}

/** Rows of earlier steps, put together. `select` gives the columns of `into` in their order. */
export interface Gather {
  do: "gather";
  table: Table;
  select: string;
  into: RowSet;
}

/** Takes rows that are due by updating them: each goes to one caller only, and what others take right now is passed by. */
export interface Take {
  do: "take";
  table: Table;
  /** A condition of one row, which `set` ends. */
  due: string;
  /** A SELECT of ids, of which the rows have to be. */
  among?: string | undefined;
  set: string;
  order: string;
  limit: string;
  into: RowSet;
}

export interface Select {
  do: "select";
  text: string;
  /** JSON and bytes that are told in another way than they are stored. */
  read: Reading[];
}

/** How a column of an answer is read. */
export interface Reading {
  name: string;
  as: "json" | "hex";
}

export type Step = Lock | Gather | Update | Insert | Upsert | Remove | RemoveFirst | Take | Select;
/** The last step of a unit that answers rows. */
export type Answer<R> = (Select | Take) & { row?: R };

const writing =
  <S extends Step>(kind: S["do"]) =>
  (table: Table, parts: Omit<S, "do" | "table">): S =>
    ({ do: kind, table, ...parts }) as unknown as S;

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
): Answer<Pick<Row<T>, N>> => ({ do: "take", table, into: into as unknown as RowSet, ...parts });

/** `text`: a whole SELECT. Names with capitals are quoted. */
export const select = <R>(text: string): Answer<R> => ({ do: "select", text, read: [] });

/** A list of columns with their names in TypeScript, of the table or alias `of`. */
export const listOf = (table: Table, names: string[], of: string): string =>
  names.map((name) => `${of}.${columnOf(table, name).column} AS "${name}"`).join(", ");

export function readingOf(table: Table, names: string[]): Reading[] {
  return names.flatMap((name) => {
    const { kind, isJson } = columnOf(table, name);
    if (isJson) return { name, as: "json" as const };
    return kind === "hash" || kind === "key" ? { name, as: "hex" as const } : [];
  });
}

/** `rest`: what follows the list of columns, from FROM on; there the table is called `of`. */
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
