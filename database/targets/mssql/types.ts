/** SQL Server's types, as columns hold them. */
import type { ColumnKind, TargetColumn } from "../target.ts";

/** A row of sys.columns. `length`: in bytes, -1 for max. */
export interface TypeRow {
  type: string;
  length: number;
  precision: number;
  scale: number;
}

type Type = Omit<TargetColumn, "name" | "isReadOnly" | "isNotNull" | "hasDefault">;

/** The server checks the texts of all other types. smalldatetime is among those, because it is rounded to the minute. */
const kinds: Readonly<Record<string, ColumnKind>> = {
  char: "text",
  varchar: "text",
  nchar: "text",
  nvarchar: "text",
  text: "text",
  ntext: "text",
  tinyint: "integer",
  smallint: "integer",
  int: "integer",
  bigint: "integer",
  decimal: "decimal",
  numeric: "decimal",
  money: "decimal",
  smallmoney: "decimal",
  real: "float",
  float: "float",
  bit: "boolean",
  date: "date",
  time: "time",
  datetime: "timestamp",
  datetime2: "timestamp",
  datetimeoffset: "timestamptz",
  uniqueidentifier: "uuid",
  json: "json",
};

const ranges: Readonly<Record<string, TargetColumn["range"]>> = {
  tinyint: { least: "0", most: "255" },
  smallint: { least: "-32768", most: "32767" },
  int: { least: "-2147483648", most: "2147483647" },
  bigint: { least: "-9223372036854775808", most: "9223372036854775807" },
};

const MAX = -1;
const MONEY = { money: { precision: 19, scale: 4 }, smallmoney: { precision: 10, scale: 4 } } as const;
/** A datetime holds 300ths of a second: hundredths among them are exact to the digit, thousandths are not. */
const DATETIME_DECIMALS = 2;

export function columnType(row: TypeRow): Type {
  const kind = kinds[row.type] ?? "other";
  const none = { element: null, maxLength: null, precision: null, scale: null, range: null, values: null };
  return { kind, type: textOf(row), ...none, ...boundsOf(kind, row) };
}

function boundsOf(kind: ColumnKind, { type, length, precision, scale }: TypeRow): Partial<Type> {
  switch (kind) {
    case "text":
      return { maxLength: lengthOf(type, length) };
    case "integer":
      return { range: ranges[type] ?? null };
    case "decimal":
      return MONEY[type as keyof typeof MONEY] ?? { precision, scale };
    case "float":
      return { precision };
    case "time":
    case "timestamp":
    case "timestamptz":
      return { scale: type === "datetime" ? DATETIME_DECIMALS : scale };
    default:
      return {};
  }
}

const isWide = (type: string): boolean => type.startsWith("n");

function lengthOf(type: string, length: number): TargetColumn["maxLength"] {
  if (length === MAX || type === "text" || type === "ntext") return null;
  return isWide(type) ? { units: "utf-16", most: length / 2 } : { units: "bytes", most: length };
}

/** The type with its bounds, for CREATE TABLE and casts. */
function textOf({ type, length, precision, scale }: TypeRow): string {
  if (/^n?(?:var)?char$|^(?:var)?binary$/.test(type))
    return `${type}(${length === MAX ? "max" : isWide(type) ? length / 2 : length})`;
  if (type === "decimal" || type === "numeric") return `${type}(${precision},${scale})`;
  return /^(?:time|datetime2|datetimeoffset)$/.test(type) ? `${type}(${scale})` : type;
}
