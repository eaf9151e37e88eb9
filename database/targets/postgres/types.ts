/** PostgreSQL's types, as columns hold them. */
import type { ColumnKind, TargetColumn } from "../target.ts";

/** A row of pg_type. */
export interface TypeRow {
  oid: string;
  name: string;
  /** `d`: a domain, `e`: an enum. */
  type: string;
  isBuiltIn: boolean;
  /** For a domain: its base type with limits, as a text. */
  base: string | null;
  bounds: number;
  baseText: string | null;
  isNotNull: boolean;
  hasDefault: boolean;
  /** For an array: the type of its elements. */
  element: string | null;
  enumValues: string[] | null;
}

type Type = Omit<TargetColumn, "name" | "isReadOnly">;

const kinds: Readonly<Record<string, ColumnKind>> = {
  text: "text",
  varchar: "text",
  bpchar: "text",
  name: "text",
  int2: "integer",
  int4: "integer",
  int8: "integer",
  numeric: "decimal",
  money: "decimal",
  float4: "float",
  float8: "float",
  bool: "boolean",
  date: "date",
  time: "time",
  timetz: "time",
  timestamp: "timestamp",
  timestamptz: "timestamptz",
  uuid: "uuid",
  json: "json",
  jsonb: "json",
};

const ranges: Readonly<Record<string, TargetColumn["range"]>> = {
  int2: { least: "-32768", most: "32767" },
  int4: { least: "-2147483648", most: "2147483647" },
  int8: { least: "-9223372036854775808", most: "9223372036854775807" },
};

/** The decimals of most currencies. The server would round more. */
const MONEY = { precision: 19, scale: 2 };

const floatBits: Readonly<Record<string, number>> = { float4: 24, float8: 53 };

/** How typmod keeps a length, and precision and scale (11 bits with a sign since PostgreSQL 15). */
const HEADER = 4;
/** The server cuts longer names. */
const NAME_BYTES = 63;
const NO_BOUNDS = -1;

/** The type of a column. A domain counts as its base type. */
export function columnType(
  { typeId, bounds, text }: { typeId: string; bounds: number; text: string },
  types: ReadonlyMap<string, TypeRow>,
): Type {
  const resolved = { type: typeOf(types, typeId), bounds, text, isNotNull: false, hasDefault: false };
  while (resolved.type.base !== null) {
    const domain = resolved.type;
    resolved.isNotNull ||= domain.isNotNull;
    resolved.hasDefault ||= domain.hasDefault;
    resolved.text = domain.baseText ?? text;
    if (domain.bounds !== NO_BOUNDS) resolved.bounds = domain.bounds;
    resolved.type = typeOf(types, domain.base as string);
  }
  const { type, isNotNull, hasDefault } = resolved;
  const common = { type: resolved.text, isNotNull, hasDefault };
  if (type.element === null) return { ...common, element: null, ...plain(type, resolved.bounds) };
  const element = columnType({ typeId: type.element, bounds: resolved.bounds, text: "" }, types);
  return { ...element, ...common, kind: "array", element: element.kind };
}

const typeOf = (types: ReadonlyMap<string, TypeRow>, oid: string): TypeRow => types.get(oid) as TypeRow;

type Bounds = Pick<TargetColumn, "kind" | "maxLength" | "precision" | "scale" | "range" | "values">;

function plain({ name, type, isBuiltIn, enumValues }: TypeRow, bounds: number): Bounds {
  const none = { maxLength: null, precision: null, scale: null, range: null, values: null };
  if (type === "e") return { kind: "enum", ...none, values: enumValues ?? [] };
  const kind = kindOf(name, isBuiltIn);
  const length = bounds - HEADER;
  switch (kind) {
    case "text":
      return { kind, ...none, maxLength: lengthOf(name, bounds) };
    case "integer":
      return { kind, ...none, range: ranges[name] ?? null };
    case "float":
      return { kind, ...none, precision: floatBits[name] ?? null };
    case "decimal":
      if (name === "money") return { kind, ...none, ...MONEY };
      return bounds < HEADER
        ? { kind, ...none }
        : { kind, ...none, precision: (length >> 16) & 0xffff, scale: ((length & 0x7ff) ^ 1024) - 1024 };
    case "time":
    case "timestamp":
    case "timestamptz":
      return { kind, ...none, scale: bounds === NO_BOUNDS ? 6 : bounds };
    default:
      return { kind, ...none, maxLength: bitsOf(name, bounds) };
  }
}

/** The length of a bit type. Its typmod is the length itself, without the header that other types add. */
const bitsOf = (name: string, bounds: number): TargetColumn["maxLength"] =>
  (name === "bit" || name === "varbit") && bounds !== NO_BOUNDS ? { units: "characters", most: bounds } : null;

/** The kind of a type. Of the types that are not built in only citext counts as text; the server checks the others. */
function kindOf(name: string, isBuiltIn: boolean): ColumnKind {
  if (!isBuiltIn) return name === "citext" ? "text" : "other";
  return kinds[name] ?? "other";
}

function lengthOf(name: string, bounds: number): TargetColumn["maxLength"] {
  if (name === "name") return { units: "bytes", most: NAME_BYTES };
  return bounds < HEADER ? null : { units: "characters", most: bounds - HEADER };
}
