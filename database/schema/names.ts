/**
 * Names of the tables in a database that other products use too: in a schema of their own, or with a prefix. Statements
 * are written with plain names. The functions of this file replace the names before a statement is sent. They would
 * also replace a quoted column that has the name of a table, so no column may have one.
 */
import * as declared from "./tables.ts";

/** A table that is not declared in tables.ts: only the migrations write it. */
const others = ["schema_migration"];
export const tableNames: readonly string[] = [...Object.values(declared).map(({ name }) => name), ...others];

/** The value of the setting `schema` for plain names in the connection's default schema. */
export const PLAIN = "none";

/** Matches an alias after a table's name: AS, or a word that is not a keyword. */
const ALIASED =
  / (?:AS\b|(?!(?:WHERE|SET|ORDER|GROUP|HAVING|LIMIT|JOIN|LEFT|CROSS|INNER|OUTER|ON|UNION|INDEXED|RETURNING|VALUES|SELECT|DO|DEFAULT|WITH|OUTPUT|USING|FOR)\b)\w)/y;
const NAMES = tableNames.join("|");
const FUNCTIONS = "batch_count_insert|batch_count_update|batch_count_delete|batch_count_change|batch_work_taken";

/** Matches names of tables: quoted ones anywhere (migrations), plain ones after FROM, JOIN, INTO and UPDATE (units). Skips string literals. */
const WORD = new RegExp(
  `'(?:[^']|'')*'|"(${NAMES})"|\\b(FUNCTION|TRIGGER) "(${FUNCTIONS})"|\\b(FROM|JOIN|INTO|UPDATE) (${NAMES})\\b(?!\\.)`,
  "g",
);

export interface Names {
  /** The quoted name of the table. */
  of(table: string): string;
  /** The statement with the real names of the tables. */
  in(text: string): string;
  /** The table's name as Sequelize's models take it. */
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

/** `scope`: what else the server keeps in the schema: functions on PostgreSQL, triggers on SQL Server. */
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

/** The plain name becomes an alias of the prefixed table, because statements qualify columns with it (`batch.id`). */
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
