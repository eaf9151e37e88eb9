/** SQLite's types: by the rules of affinity, and by what their names mean elsewhere. */
import type { ColumnKind, TargetColumn } from "../target.ts";

/** Only a primary key of exactly this type is the rowid. */
export const ROWID_TYPE = "INTEGER";

/** The range of whole numbers that SQLite stores exactly. It stores larger ones as doubles. */
const WHOLE = { least: "-9223372036854775808", most: "9223372036854775807" };
const DOUBLE_BITS = 53;

type Type = Pick<TargetColumn, "kind" | "type" | "element" | "maxLength" | "precision" | "scale" | "range" | "values">;

/** Types that SQLite does not know. It stores texts in such columns unchanged. */
const known: readonly [RegExp, ColumnKind][] = [
  [/^BOOL/, "boolean"],
  [/^DATE$/, "date"],
  [/^(DATETIME|TIMESTAMP)/, "timestamp"],
  [/^TIME$/, "time"],
  [/^(UUID|GUID|UNIQUEIDENTIFIER)$/, "uuid"],
  [/^JSONB?$/, "json"],
];

const strict: Readonly<Record<string, ColumnKind>> = {
  INT: "integer",
  INTEGER: "integer",
  REAL: "float",
  TEXT: "text",
};

export function columnType(declared: string, isStrict: boolean): Type {
  const name = declared.trim().toUpperCase();
  const kind = isStrict ? (strict[name] ?? "other") : kindOf(name);
  const none = { element: null, maxLength: null, precision: null, scale: null, range: null, values: null };
  const common = { kind, type: declared || "no type", ...none };
  if (kind === "integer" || kind === "decimal") return { ...common, range: WHOLE };
  return kind === "float" ? { ...common, precision: DOUBLE_BITS } : common;
}

/** The order is SQLite's own (datatype3.html, 3.1). It keeps no length. */
function kindOf(name: string): ColumnKind {
  if (name.includes("INT")) return "integer";
  if (/CHAR|CLOB|TEXT/.test(name)) return "text";
  if (name === "" || name.includes("BLOB")) return "other";
  if (/REAL|FLOA|DOUB/.test(name)) return "float";
  return known.find(([pattern]) => pattern.test(name))?.[1] ?? "decimal";
}
