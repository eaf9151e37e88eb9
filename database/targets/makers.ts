/** How each dialect creates a table for a dataset: its types, and its statement. */
import type { Content, Maker } from "./create.types.ts";
import type { ColumnKind } from "./target.ts";

const postgresTypes: Record<Content, [ColumnKind, string]> = {
  text: ["text", "text"],
  "key text": ["text", "text"],
  integer: ["integer", "bigint"],
  number: ["decimal", "numeric"],
  boolean: ["boolean", "boolean"],
  date: ["date", "date"],
  time: ["time", "time with time zone"],
  "date-time": ["timestamptz", "timestamp with time zone"],
  uuid: ["uuid", "uuid"],
  json: ["json", "jsonb"],
};

/** How PostgreSQL makes a table for a dataset. */
export const postgresMaker: Maker = {
  schema: `SELECT current_schema()::text AS schema`,
  type({ content }) {
    const [kind, type] = postgresTypes[content];
    return { kind, type };
  },
  surrogate: "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
  create: (table, columns) => `CREATE TABLE IF NOT EXISTS ${table} (\n  ${columns.join(",\n  ")}\n)`,
};

/** Numbers are TEXT, because with every other type SQLite stores doubles. */
const sqliteTypes: Record<Content, [ColumnKind, string]> = {
  text: ["text", "TEXT"],
  "key text": ["text", "TEXT"],
  integer: ["integer", "INTEGER"],
  number: ["text", "TEXT"],
  boolean: ["boolean", "BOOLEAN"],
  date: ["date", "DATE"],
  time: ["time", "TIME"],
  "date-time": ["timestamp", "TIMESTAMP"],
  uuid: ["text", "TEXT"],
  json: ["text", "TEXT"],
};

/** How SQLite makes a table for a dataset. */
export const sqliteMaker: Maker = {
  schema: `SELECT 'main' AS schema`,
  type({ content }) {
    const [kind, type] = sqliteTypes[content];
    return { kind, type };
  },
  surrogate: "INTEGER PRIMARY KEY",
  create: (table, columns) => `CREATE TABLE IF NOT EXISTS ${table} (\n  ${columns.join(",\n  ")}\n)`,
};

const mssqlTypes: Record<Exclude<Content, "key text">, [ColumnKind, string]> = {
  text: ["text", "nvarchar(max)"],
  integer: ["integer", "bigint"],
  number: ["decimal", "decimal(38,10)"],
  boolean: ["boolean", "bit"],
  date: ["date", "date"],
  time: ["time", "time(7)"],
  "date-time": ["timestamptz", "datetimeoffset(7)"],
  uuid: ["uuid", "uniqueidentifier"],
  json: ["text", "nvarchar(max)"],
};

/** The most UTF-16 units of a text key. A clustered key has at most 900 bytes, and each unit of nvarchar has two. */
const KEY_UNITS = 450;

/** How SQL Server makes a table for a dataset. A text in a key has a bound, for an index takes no nvarchar(max). */
export const mssqlMaker: Maker = {
  schema: `SELECT SCHEMA_NAME() AS [schema]`,
  type({ content, maxLength }, keyColumns) {
    if (content === "key text") {
      const most = Math.floor(KEY_UNITS / keyColumns);
      // A character may take two UTF-16 units.
      return { kind: "text", type: `nvarchar(${maxLength === null ? most : Math.min(most, 2 * maxLength)})` };
    }
    const [kind, type] = mssqlTypes[content];
    return { kind, type };
  },
  surrogate: "bigint IDENTITY(1,1) NOT NULL PRIMARY KEY",
  create: (table, columns) =>
    `IF OBJECT_ID(N'${table.replaceAll("'", "''")}') IS NULL\nCREATE TABLE ${table} (\n  ${columns.join(",\n  ")}\n)`,
};
