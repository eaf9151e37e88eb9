/**
 * The tables' names in a database that others use too: they have a schema of their own, or a prefix. Statements are written
 * with the plain names, which are replaced here on their way to the database. A quoted column must not have a table's name:
 * it would be taken for the table.
 */
import * as declared from "./tables.ts";

/** Not declared yet, or written by the migrations alone. */
const others = ["audit", "schema_migration"];
export const tableNames: readonly string[] = [...Object.values(declared).map(({ name }) => name), ...others];

/** The setting that leaves the tables with their plain names where the connection puts them. */
export const PLAIN = "none";

/** After a table's name: AS, or a word that is an alias by itself. */
const ALIASED =
  / (?:AS\b|(?!(?:WHERE|SET|ORDER|GROUP|HAVING|LIMIT|JOIN|LEFT|CROSS|INNER|OUTER|ON|UNION|INDEXED|RETURNING|VALUES|SELECT|DO|DEFAULT|WITH|OUTPUT|USING|FOR)\b)\w)/y;
const NAMES = tableNames.join("|");
const FUNCTIONS = "batch_count_insert|batch_count_update|batch_count_delete|batch_count_change|batch_work_taken";

/** Quoted names stand anywhere (migrations); plain ones after the words that a table follows (units). Texts are left alone. */
const WORD = new RegExp(
  `'(?:[^']|'')*'|"(${NAMES})"|\\b(FUNCTION|TRIGGER) "(${FUNCTIONS})"|\\b(FROM|JOIN|INTO|UPDATE) (${NAMES})\\b(?!\\.)`,
  "g",
);

export interface Names {
  /** The table's name for a statement, quoted. */
  of(table: string): string;
  /** A statement with the tables' names as they are. */
  in(text: string): string;
  /** What Sequelize's models are told. */
  model(table: string): { tableName: string; schema?: string };
  /** Null: the tables have their plain names. */
  schema: string | null;
}

export const plain: Names = {
  of: (table) => `"${table}"`,
  in: (text) => text,
  model: (tableName) => ({ tableName }),
  schema: null,
};

/** `scope`: what the server keeps in a schema beside tables, by the word before its name. */
function inSchema(schema: string, scope: "FUNCTION" | "TRIGGER"): Names {
  const of = (table: string) => `"${schema}"."${table}"`;
  return {
    of,
    in: (text) =>
      text.replaceAll(WORD, (all, quoted, word, name, before, table) => {
        if (quoted) return of(quoted);
        if (name) return word === scope ? `${word} ${of(name)}` : all;
        return table ? `${before} "${schema}".${table}` : all;
      }),
    model: (tableName) => ({ tableName, schema }),
    schema,
  };
}

/** Columns are told by the plain name, which so becomes an alias. */
function withPrefix(schema: string): Names {
  const named = (table: string) => `${schema}_${table}`;
  const of = (table: string) => `"${named(table)}"`;
  return {
    of,
    in: (text) =>
      text.replaceAll(WORD, (all, quoted, _word, _name, before, table, at: number) => {
        if (quoted) return of(quoted);
        if (!table) return all;
        ALIASED.lastIndex = at + all.length;
        return `${before} ${named(table)}${ALIASED.test(text) ? "" : ` AS ${table}`}`;
      }),
    model: (table) => ({ tableName: named(table) }),
    schema,
  };
}

export type Style = "prefix" | "FUNCTION" | "TRIGGER";

export function namesIn(schema: string, style: Style): Names {
  if (schema === PLAIN) return plain;
  return style === "prefix" ? withPrefix(schema) : inSchema(schema, style);
}
