/** Carries out the batches of one transaction on PostgreSQL, as `Together` does on SQL Server. */
import type pg from "pg";
import type { Together } from "../../../database/dialects/mssql/together.ts";
import { asNumbered } from "./error-numbers.ts";
import type { Session } from "./session.ts";
import { load } from "./staged.ts";

const TRY_CAST = `CREATE OR REPLACE FUNCTION pg_temp.try_cast(given text, type text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN EXECUTE format('SELECT %L::%s', given, type); RETURN given; EXCEPTION WHEN OTHERS THEN RETURN NULL; END $$`;

/** The constraints of the table `$1`, in the form of SQL Server's catalog. */
const TRAITS = `SELECT k.conname AS name, a.attname AS column,
    CASE WHEN k.contype = 'c' THEN 'check' WHEN k.conrelid = k.confrelid THEN 'itself' ELSE 'reference' END AS kind
  FROM pg_constraint k LEFT JOIN LATERAL unnest(k.conkey) AS no ON k.conrelid = $1::regclass
  LEFT JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = no
  WHERE k.contype IN ('c', 'f') AND (k.conrelid = $1::regclass OR k.confrelid = $1::regclass)
  UNION ALL SELECT c.relname, a.attname, 'unique' FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid
  CROSS JOIN LATERAL unnest(x.indkey::int2[]) AS no JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = no
  WHERE x.indrelid = $1::regclass AND x.indisunique
  UNION ALL SELECT a.attname, a.attname, 'counter' FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
  WHERE d.adrelid = $1::regclass AND pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval%'`;

const TYPES = `SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute
  WHERE attrelid = 'pg_temp.staged_typed'::regclass AND attnum > 0`;

export function togetherOn(client: pg.PoolClient, session: Session): Together {
  const types = new Map<string, string>();

  /** Adds a cast, because PostgreSQL does not convert a text to another type by itself. */
  const cast = (text: string) =>
    text
      .replaceAll(/TRY_CAST\((\S+) AS ((?:[^()]|\([^()]*\))*)\)/g, "pg_temp.try_cast($1, '$2')")
      .replaceAll(
        /(INSERT INTO #typed .*\n)(SELECT .*)/g,
        (_all, into: string, select: string) =>
          into + select.replaceAll(/r\.(c\d+)/g, (value, name) => `CAST(${value} AS ${types.get(name)})`),
      );

  async function run(text: string): Promise<unknown[][]> {
    const [, table] = /OBJECT_ID\(N'(.*)'\);\nSELECT f\.name/.exec(text) ?? [];
    try {
      if (table !== undefined) return [(await client.query(TRAITS, [table])).rows];
      const sets = await session.goOn(cast(text));
      if (!text.includes("INTO #typed FROM")) return sets;
      await client.query(TRY_CAST);
      for (const { name, type } of (await client.query(TYPES)).rows) types.set(name, type);
      return sets;
    } catch (error) {
      throw asNumbered(error);
    }
  }

  return {
    async load(tables) {
      for (const table of tables) await load(client, table);
    },
    run,
    runOwn: run,
  };
}
