/** Whether a field of the record schema, metadata of a record, or a fixed value can fill a column. */
import { fieldsOf, type Path } from "../../formats/read/fields.ts";
import { type ColumnKind, type TableMeta, type TargetColumn, type TargetDialect, ValueFault } from "./target.ts";
import { columnText } from "./values/column.ts";

type JsonType = "string" | "number" | "integer" | "boolean" | "object" | "array";

const ALL: readonly JsonType[] = ["string", "number", "integer", "boolean", "object", "array"];
const NUMBERS: readonly JsonType[] = ["number", "integer"];
const STRING: readonly JsonType[] = ["string"];

const taken: Record<ColumnKind, readonly JsonType[]> = {
  text: ALL,
  json: ALL,
  integer: NUMBERS,
  decimal: NUMBERS,
  float: NUMBERS,
  boolean: ["boolean"],
  date: STRING,
  time: STRING,
  timestamp: STRING,
  timestamptz: STRING,
  uuid: STRING,
  enum: STRING,
  array: ["array"],
  other: ["string", "number", "integer"],
};

/** String formats that fill only columns of some kinds. A string without a format is checked record by record. */
const formats: Partial<Record<ColumnKind, readonly string[]>> = {
  date: ["date"],
  time: ["time"],
  timestamp: ["date-time", "date"],
  timestamptz: ["date-time", "date"],
  uuid: ["uuid"],
};

/** The values that the schema allows for a field. A member that is null allows anything. */
interface Possible {
  types: readonly JsonType[] | null;
  formats: readonly string[];
}

/**
 * Why no value can fill the column; null: values can. Values are sent as texts, which SQL Server does not convert to
 * bytes.
 */
export function columnFault({ type }: TargetColumn, dialect: TargetDialect): string | null {
  return dialect === "mssql" && /^(?:(?:var)?binary\b|image$)/.test(type)
    ? `a column of type ${type} takes no text`
    : null;
}

/** Why values of the field can never go into the column. Null: they can. */
export function fieldFault(schema: object, path: Path, column: TargetColumn, dialect: TargetDialect): string | null {
  const field = possibleAt(schema, path, false);
  const fault = kindFault(field, column.kind, column.type) ?? sqliteFault(field, column, dialect);
  if (fault || column.kind !== "array") return fault;
  const element = elementFault(possibleAt(schema, path, true), column);
  return element && `its elements: ${element}`;
}

/** A list in a list needs a column of another dimension. */
function elementFault(field: Possible, { element, type }: TargetColumn): string | null {
  const kind = element ?? "other";
  const isOfLists = field.types?.every((one) => one === "array") && field.types.length > 0 && kind !== "json";
  return isOfLists ? `lists do not fill the elements of a column of type ${type}` : kindFault(field, kind, type);
}

function kindFault({ types, formats: found }: Possible, kind: ColumnKind, type: string): string | null {
  const fitting = types === null ? taken[kind] : types.filter((one) => taken[kind].includes(one));
  if (types !== null && types.length > 0 && fitting.length === 0)
    return `the schema's type ${types.join(", ")} does not fill a column of type ${type}`;
  const fits = formats[kind];
  const isOfFormat = fits && found.length > 0 && types?.every((one) => one === "string");
  return isOfFormat && !found.some((one) => fits.includes(one))
    ? `the schema's format ${found.join(", ")} does not fill a column of type ${type}`
    : null;
}

/** SQLite differs here: it stores a decimal number as an inexact double, also one that comes as a text. */
function sqliteFault({ types }: Possible, { kind, type }: TargetColumn, dialect: TargetDialect): string | null {
  if (dialect === "sqlite" && kind === "other" && /BLOB/i.test(type)) return "a column of type BLOB takes no text";
  if (dialect !== "sqlite" || kind !== "decimal" || !types?.includes("number")) return null;
  return `a column of type ${type} of SQLite does not keep the digits of numbers: TEXT does, or the schema's type integer, or REAL`;
}

function possibleAt(schema: object, path: Path, isItems: boolean): Possible {
  const nodes = fieldsOf(schema).at(path, isItems);
  const types = [...new Set(nodes.flatMap(({ type }) => type ?? []))];
  const formats = new Set(nodes.flatMap(({ format }) => (typeof format === "string" ? [format] : [])));
  return { types: types.length === 0 ? null : ALL.filter((one) => types.includes(one)), formats: [...formats] };
}

const someId = "00000000-0000-0000-0000-000000000000";
/**
 * An example for each kind of metadata. All values of a kind have its form, so if the example does not fit, none does.
 */
const samples: Record<Exclude<TableMeta, "json">, unknown> = {
  batchId: someId,
  clientId: someId,
  clientIdentifier: "a",
  dataset: "a",
  record: 1,
  line: 1,
  receivedAt: "2026-11-29T13:45:00.123Z",
};

/** Why this metadata of a record cannot fill the column. Null: it can. */
export function metaFault(meta: TableMeta, column: TargetColumn): string | null {
  if (meta === "json")
    return column.kind === "json" || column.kind === "text" ? null : `the record's JSON needs a column of text or JSON`;
  return valueFault(samples[meta], column);
}

/** Why a fixed value cannot fill the column. Null: it can. */
export function valueFault(value: unknown, column: TargetColumn): string | null {
  if (value === null) return column.isNotNull ? "the column is NOT NULL" : null;
  const text = columnText(value, column);
  return text instanceof ValueFault ? `the value ${text.message}` : null;
}
