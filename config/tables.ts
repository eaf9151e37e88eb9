/** The settings about the company's own tables: their databases, and which tables datasets may write. */
import { type Parser, shown } from "./parse.ts";
import { databaseUrl } from "./urls.ts";

/** A database beside the one of `DATABASE_URL`. */
export interface TableDatabase {
  name: string;
  url: string;
}

/** A part of a table's name. In an unquoted part `*` stands for any text. */
export interface NamePart {
  text: string;
  isQuoted: boolean;
}

/**
 * Tables that datasets may write. `database` null: the database of `DATABASE_URL`. `parts`: the schema, if it is named, and the
 * table.
 */
export interface AllowedTables {
  database: string | null;
  parts: readonly NamePart[];
}

const PART = /"((?:[^"]|"")+)"|([^".]+)/y;
const MOST_PARTS = 2;

/** The parts of `table`, `schema.table` or `"my.table"`. Null if the text is no such name. */
export function namePartsOf(text: string): NamePart[] | null {
  const parts: NamePart[] = [];
  for (let at = 0; at <= text.length; at++) {
    PART.lastIndex = at;
    const [whole, quoted, plain] = PART.exec(text) ?? [];
    if (whole === undefined || parts.length === MOST_PARTS) return null;
    parts.push({ text: quoted?.replaceAll('""', '"') ?? (plain as string), isQuoted: quoted !== undefined });
    at += whole.length;
    if (at < text.length && text[at] !== ".") return null;
  }
  return parts.some(({ text }) => text.includes("\0") || text.trim() !== text) ? null : parts;
}

const NAME = /^[a-z][a-z0-9_-]{0,63}$/;

/** Reads `name=URL`. A comma in the URL is written `%2C`; file paths do not use that text otherwise. */
const tableDatabase: Parser<TableDatabase> = {
  expected: `NAME=URL (a name of a-z 0-9 _ -; a comma in the URL is %2C), the URL ${databaseUrl.expected}`,
  parse(text) {
    const [name, url] = halves(text);
    if (!NAME.test(name) || databaseUrl.parse(url) === undefined || /^sqlite:(\/\/\/)?:memory:/.test(url))
      return undefined;
    return Object.freeze({ name, url: url.startsWith("sqlite:") ? url.replaceAll(/%2c/gi, ",") : url });
  },
  found(text, secrecy) {
    const [name, url] = halves(text);
    return NAME.test(name) ? `${name}=${databaseUrl.found(url, secrecy)}` : shown(text, secrecy);
  },
};

function halves(text: string): [name: string, url: string] {
  const at = text.indexOf("=");
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

const entriesOf = (text: string) => text.split(",").map((entry) => entry.trim());

/** Reads a comma-separated list in which each name is unique. */
export const tableDatabases: Parser<readonly TableDatabase[]> = {
  expected: `comma-separated, each name once: ${tableDatabase.expected}`,
  parse(text) {
    const all = entriesOf(text).map((entry) => tableDatabase.parse(entry));
    const isWrong = all.some((one, i) => one === undefined || firstOfName(all, one.name) < i);
    return isWrong ? undefined : Object.freeze(all as TableDatabase[]);
  },
  found(text, secrecy) {
    const entries = entriesOf(text);
    const all = entries.map((entry) => tableDatabase.parse(entry));
    const told = all.flatMap((one, i) => {
      if (one === undefined) return [`${tableDatabase.found?.(entries[i] as string, secrecy)} as entry ${i + 1}`];
      return firstOfName(all, one.name) < i ? [`the name ${one.name} again as entry ${i + 1}`] : [];
    });
    return told.join(", ");
  },
};

const firstOfName = (all: readonly (TableDatabase | undefined)[], name: string): number =>
  all.findIndex((one) => one?.name === name);

const tables: Parser<AllowedTables> = {
  expected: "*, schema.*, schema.table or database:schema.table",
  parse(text) {
    const [, database = null, name = ""] = /^(?:([a-z][a-z0-9_-]{0,63}):)?(.*)$/s.exec(text) ?? [];
    const parts = namePartsOf(name);
    return parts === null ? undefined : Object.freeze({ database, parts: Object.freeze(parts) });
  },
};

export const NO_TABLES = "none";

/** Reads a comma-separated list. `none` allows no table. */
export const tablesAllowed: Parser<readonly AllowedTables[]> = {
  expected: `${NO_TABLES}, or comma-separated: ${tables.expected}`,
  parse(text) {
    if (text === NO_TABLES) return Object.freeze([]);
    const all = entriesOf(text).map((entry) => tables.parse(entry));
    return all.includes(undefined) ? undefined : Object.freeze(all as AllowedTables[]);
  },
};

/** What is wrong with an entry that its database cannot have. Answers the reason, and does not throw. */
export function allowedFault(
  { database, parts }: AllowedTables,
  databaseUrl: string,
  databases: readonly TableDatabase[],
): { expected: string; found: string } | null {
  const url = database === null ? databaseUrl : databases.find(({ name }) => name === database)?.url;
  if (url === undefined)
    return {
      expected: "the name of a database of TABLE_DATABASES before the colon",
      found: `"${database}", which TABLE_DATABASES does not name`,
    };
  const [first] = parts;
  const isAll = parts.length === 1 && first?.text === "*" && !first.isQuoted;
  if (parts.length > 1 || isAll || url.startsWith("sqlite:")) return null;
  return { expected: "schema.table, because the tables of this database have a schema", found: `"${first?.text}"` };
}
