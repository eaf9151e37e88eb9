/** Foreign keys as SQLite tells them, and the search for what they lead to. */
import { quotedIn } from "../names.ts";
import type { ColumnKind, RawReference, TableReference, TargetColumn, TargetTable } from "../target.ts";

interface KeyColumn {
  id: number;
  table: string;
  column: string;
  parent: string;
  isBinary: number;
}

/** A key that names no columns of the other table leads to its primary key. */
const KEYS = `SELECT f.id AS id, f."table" AS "table", f."from" AS "column", p.name AS parent,
  NOT EXISTS (SELECT 1 FROM pragma_index_list(f."table") AS l, pragma_index_xinfo(l.name) AS x
    WHERE l."unique" = 1 AND x.key = 1 AND x.name = p.name AND x.coll <> 'BINARY') AS "isBinary"
FROM pragma_foreign_key_list($1) AS f JOIN pragma_table_info(f."table") AS p
  ON p.name = f."to" COLLATE NOCASE OR (f."to" IS NULL AND p.pk = f.seq + 1)
ORDER BY f.id, f.seq`;

export const sqliteKeys = ({ name }: TargetTable) => ({
  text: KEYS,
  values: [name],
  made: (rows: KeyColumn[]): RawReference[] =>
    [...Map.groupBy(rows, ({ id }) => id).values()].map((of) => ({
      constraint: null,
      columns: of.map(({ column }) => column),
      schema: "main",
      table: of[0]?.table as string,
      parentColumns: of.map(({ parent }) => parent),
      isByCharacters: of.every(({ isBinary }) => Number(isBinary) === 1),
    })),
});

/** What a text becomes in a column of that kind. */
const casts: Partial<Record<ColumnKind, string>> = {
  integer: "INTEGER",
  boolean: "INTEGER",
  decimal: "NUMERIC",
  float: "REAL",
};

export function sqliteUnknown({ parent }: TableReference, columns: TargetColumn[]): string {
  const quoted = (name: string) => quotedIn("sqlite", name);
  const isSame = parent.columns.map((name, i) => {
    const { kind } = columns[i] as TargetColumn;
    const text = kind === "boolean" ? `(x.value ->> ${i}) = 'true'` : `x.value ->> ${i}`;
    return `p.${quoted(name)} = CAST(${text} AS ${casts[kind] ?? "TEXT"})`;
  });
  return `SELECT x.key AS n FROM json_each($1) AS x
    WHERE NOT EXISTS (SELECT 1 FROM main.${quoted(parent.name)} AS p WHERE ${isSame.join(" AND ")})`;
}
