/** Reads a table from SQLite's catalog. Much of it, such as CHECKs, is only in the text of CREATE TABLE. */
import type { NamePart } from "../../../config/tables.ts";
import { isOwnTable, OWN_TABLE, ownSigns, prefixesOf } from "../names.ts";
import type { Ask, Described, TargetColumn, TargetKey } from "../target.ts";
import { columnType, ROWID_TYPE } from "./types.ts";

interface TableRow {
  name: string;
  type: string;
  sql: string;
}

/** `table`, `view`, `virtual`, `shadow`. */
interface ListRow {
  type: string;
  wr: number;
  strict: number;
}

interface ColumnRow {
  name: string;
  type: string;
  isNotNull: number;
  default: string | null;
  /** The column's position in the primary key, from 1. */
  pk: number;
  /** 2 and 3: generated. */
  hidden: number;
}

interface IndexRow {
  name: string;
  origin: string;
  /** The column of an index. Null: an expression. */
  column: string | null;
  partial: number;
}

const TABLE = `SELECT name, type, sql FROM main.sqlite_schema WHERE type IN ('table', 'view') AND name = $1 COLLATE NOCASE`;
const LIST = `SELECT type, wr, strict FROM pragma_table_list($1) WHERE schema = 'main'`;
const COLUMNS = `SELECT name, type, "notnull" AS "isNotNull", dflt_value AS "default", pk, hidden FROM pragma_table_xinfo($1) WHERE hidden <> 1 ORDER BY cid`;
const INDEXES = `SELECT l.name AS name, l.origin AS origin, l.partial AS partial, x.name AS "column"
FROM pragma_index_list($1) AS l, pragma_index_xinfo(l.name) AS x WHERE l."unique" = 1 AND x.key = 1 ORDER BY l.seq, x.seqno`;
/** The tables with a foreign key that leads to this table. */
const REFERRING = `SELECT DISTINCT m.name AS name, m.type AS type, m.sql AS sql FROM main.sqlite_schema AS m, pragma_foreign_key_list(m.name) AS f
WHERE m.type = 'table' AND f."table" = $1 COLLATE NOCASE`;
const BESIDE = `SELECT count(*) AS found FROM main.sqlite_schema WHERE type = 'table' AND lower(name) IN ($1, $2)`;

export async function describeSqlite(ask: Ask, parts: readonly NamePart[]): Promise<Described> {
  const [name = "", schema = "main"] = parts.map(({ text }) => text).toReversed();
  if (schema.toLowerCase() !== "main") return { fault: "there is no such table: SQLite has the schema main alone" };
  if (name.toLowerCase().startsWith("sqlite_")) return { fault: "is a table of SQLite's own" };
  const [found] = await ask<TableRow>(TABLE, [name]);
  if (!found) return { fault: "there is no such table", isMissing: true };
  if (await isOwn(ask, found.name.toLowerCase())) return { fault: OWN_TABLE };
  const [list] = await ask<ListRow>(LIST, [found.name]);
  if (found.type === "view") return { fault: "is a view: expected a table" };
  if (list?.type !== "table") return { fault: "is a virtual table: expected one that SQLite keeps itself" };
  const [columns, indexes, referring] = await Promise.all([
    ask<ColumnRow>(COLUMNS, [found.name]),
    ask<IndexRow>(INDEXES, [found.name]),
    ask<TableRow>(REFERRING, [found.name]),
  ]);
  const about = { isWithoutRowid: Number(list.wr) === 1, isStrict: Number(list.strict) === 1, columns, indexes };
  return {
    table: {
      dialect: "sqlite",
      schema: "main",
      name: found.name,
      columns: columns.map((column) => columnOf(column, about)),
      keys: keysOf(about),
      toldConstraints: [...checkNames(found.sql), ...namesOf(indexes.filter(({ origin }) => origin === "c"))],
      hindrances: hindrancesOf(found, referring),
    },
  };
}

interface About {
  isWithoutRowid: boolean;
  isStrict: boolean;
  columns: ColumnRow[];
  indexes: IndexRow[];
}

/** Whether a table is DataFlow's own, also with the prefix that its tables may have. */
async function isOwn(ask: Ask, name: string): Promise<boolean> {
  if (isOwnTable(name, false)) return true;
  for (const prefix of prefixesOf(name)) {
    const [row] = await ask<{ found: number }>(
      BESIDE,
      ownSigns.map((sign) => prefix + sign),
    );
    if (Number(row?.found) === ownSigns.length) return true;
  }
  return false;
}

/** An INTEGER PRIMARY KEY is the rowid under another name. It has no index, and SQLite numbers new rows by itself. */
function isRowid({ type, pk }: ColumnRow, { isWithoutRowid, columns, indexes }: About): boolean {
  const isAlone = columns.filter((column) => Number(column.pk) > 0).length === 1;
  const isNamed = Number(pk) === 1 && type.toUpperCase() === ROWID_TYPE;
  return isNamed && isAlone && !isWithoutRowid && !indexes.some(({ origin }) => origin === "pk");
}

function columnOf(column: ColumnRow, about: About): TargetColumn {
  const isKey = Number(column.pk) > 0;
  return {
    name: column.name,
    ...columnType(column.type, about.isStrict),
    isNotNull: Number(column.isNotNull) === 1 || (isKey && about.isWithoutRowid),
    hasDefault: (column.default !== null && !/^null$/i.test(column.default)) || isRowid(column, about),
    isReadOnly: Number(column.hidden) > 1,
  };
}

function keysOf(about: About): TargetKey[] {
  const primary = about.columns
    .filter(({ pk }) => Number(pk) > 0)
    .sort((one, other) => Number(one.pk) - Number(other.pk))
    .map(({ name }) => name);
  const isFull = (rows: IndexRow[]) => rows.every(({ column, partial }) => column !== null && Number(partial) === 0);
  const unique = [...Map.groupBy(about.indexes, ({ name }) => name)]
    .filter(([, rows]) => rows[0]?.origin !== "pk" && isFull(rows))
    .map(([name, rows]) => ({ name, columns: rows.map(({ column }) => column as string), isPrimary: false }));
  return primary.length > 0 ? [{ name: "PRIMARY KEY", columns: primary, isPrimary: true }, ...unique] : unique;
}

const namesOf = (indexes: IndexRow[]): string[] => [...new Set(indexes.map(({ name }) => name))];

/** The parts of an SQL text that are not code: comments, strings, quoted names. */
const NO_CODE = /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]/g;
const COMMENT = /^(?:--|\/\*)/;
const DEFERRED = /(?<!\bNOT\s+)\bDEFERRABLE\s+INITIALLY\s+DEFERRED\b/i;
const ON_CONFLICT = /\bON\s+CONFLICT\s+(?:ROLLBACK|ABORT|FAIL|IGNORE|REPLACE)\b/i;
const CHECK_NAME = /\bCONSTRAINT\s+("(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|[^\s"`[(,]+)\s+CHECK\b/gi;

const codeOf = (sql: string): string => sql.replace(NO_CODE, (found) => (COMMENT.test(found) ? " " : ' "" '));

const checkNames = (sql: string): string[] =>
  [...sql.matchAll(CHECK_NAME)].map(([, name = ""]) =>
    /^["`[]/.test(name) ? name.slice(1, -1).replaceAll('""', '"') : name,
  );

/** Constraints whose faults a row does not show: deferred ones fail at COMMIT, ON CONFLICT clauses hide the fault. */
function hindrancesOf({ sql }: TableRow, referring: TableRow[]): string[] {
  const code = codeOf(sql);
  return [
    ...(DEFERRED.test(code) ? ["the table has a deferred foreign key: expected immediate ones"] : []),
    ...(ON_CONFLICT.test(code) ? ["the table has an ON CONFLICT clause: expected none"] : []),
    ...referring
      .filter((other) => other.sql !== sql && DEFERRED.test(codeOf(other.sql)))
      .map(({ name }) => `the table ${name} refers to it by a deferred foreign key: expected an immediate one`),
  ];
}
