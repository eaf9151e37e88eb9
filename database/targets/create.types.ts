/** The contents that a column of a new table must hold, before the dialect chooses the column's type. */
import { fieldsOf, type Path } from "../../formats/read/fields.ts";
import type { ColumnSource, TableMeta, TargetColumn } from "./target.ts";

export type Content =
  | "text"
  | "integer"
  | "number"
  | "boolean"
  | "date"
  | "time"
  | "date-time"
  | "uuid"
  | "json"
  /** Text in a key, which some servers want bounded. */
  | "key text";

export interface Wanted {
  name: string;
  content: Content;
  /** Characters, where the schema bounds them. */
  maxLength: number | null;
  isKey: boolean;
}

/**
 * What each dialect provides to create a table: types, the statement, and a column that numbers rows of a table without
 * a key.
 */
export interface Maker {
  /** The schema of a new table whose name has none. */
  schema: string;
  type(wanted: Wanted, keyColumns: number): Pick<TargetColumn, "kind" | "type">;
  /** The definition of the column that numbers rows: the SQL text after the column's name. */
  surrogate: string;
  /** The statement that creates a table. `columns`: each as in CREATE TABLE. It does nothing if the table exists. */
  create(table: string, columns: string[]): string;
}

const metas: Record<TableMeta, Content> = {
  batchId: "uuid",
  clientId: "uuid",
  clientIdentifier: "text",
  dataset: "text",
  record: "integer",
  line: "integer",
  receivedAt: "date-time",
  json: "json",
};

const formats: Readonly<Record<string, Content>> = {
  date: "date",
  "date-time": "date-time",
  time: "time",
  uuid: "uuid",
};

/**
 * The contents that a source gives a column. A path that the schema lacks counts as text; the plan reports the fault.
 */
export function contentOf(source: ColumnSource, schema: object): Pick<Wanted, "content" | "maxLength"> {
  if (typeof source === "string") {
    const path = fieldsOf(schema).paths.find((one) => one.join(".") === source);
    return path ? contentAt(path, schema) : { content: "text", maxLength: null };
  }
  return { content: "meta" in source ? metas[source.meta] : contentOfValue(source.value), maxLength: null };
}

function contentOfValue(value: unknown): Content {
  if (typeof value === "boolean") return "boolean";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value === "object" && value !== null ? "json" : "text";
}

export function contentAt(path: Path, schema: object): Pick<Wanted, "content" | "maxLength"> {
  const nodes = fieldsOf(schema).at(path);
  const types = new Set(nodes.flatMap(({ type }) => type ?? []));
  types.delete("null");
  const lengths = nodes.flatMap(({ maxLength }) => (typeof maxLength === "number" ? [maxLength] : []));
  const found = nodes.flatMap(({ format }) => (typeof format === "string" ? [format] : []));
  const content = contentOfTypes([...types] as string[], found);
  return { content, maxLength: content === "text" && lengths.length > 0 ? Math.max(...lengths) : null };
}

/** A type that can hold the values of all these types. */
function contentOfTypes(types: string[], found: string[]): Content {
  if (types.some((type) => type === "object" || type === "array")) return "json";
  if (types.length > 0 && types.every((type) => type === "integer")) return "integer";
  if (types.length > 0 && types.every((type) => type === "integer" || type === "number")) return "number";
  if (types.length !== 1) return "text";
  if (types[0] === "boolean") return "boolean";
  return (found.length === 1 && formats[found[0] as string]) || "text";
}
