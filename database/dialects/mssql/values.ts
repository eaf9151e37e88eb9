/**
 * Parameters with the types of their columns. With a parameter of another type, SQL Server converts the column, and no
 * index can serve.
 */
import mssql from "mssql";
import { storable } from "../../rows.ts";

export interface Value {
  type: mssql.ISqlType;
  value: unknown;
}

declare module "mssql" {
  /** Converts values of a type when they are read. The package's own types leave this member out. */
  const valueHandler: Map<unknown, (value: unknown) => unknown>;
}

// BIGINT becomes a number, because ids and times are below 2^53. This holds for the whole process, because the driver
// has only one such table.
mssql.valueHandler.set(mssql.TYPES.BigInt, (value) => (value === null ? null : Number(value)));

const NAME_LENGTH = 255;
const HASH_LENGTH = 32;
/**
 * The collation of all texts: they are compared byte by byte, whatever the collation of the database or of tempdb is.
 */
export const COLLATION = "Latin1_General_100_BIN2";

/**
 * How a column of a staged table is declared and sent. `type` makes a new object each time, because the driver writes
 * into the object.
 */
export interface Kind {
  sql: string;
  type(): mssql.ISqlType;
}

const hashType = (): mssql.ISqlType & { length: number } => ({ ...mssql.Binary(), length: HASH_LENGTH });
const longText = () => mssql.NVarChar(mssql.MAX);

export const kinds = {
  big: { sql: "BIGINT", type: () => mssql.BigInt() },
  int: { sql: "INT", type: () => mssql.Int() },
  float: { sql: "FLOAT", type: () => mssql.Float() },
  bool: { sql: "BIT", type: () => mssql.Bit() },
  text: { sql: `NVARCHAR(MAX) COLLATE ${COLLATION}`, type: longText },
  name: { sql: `NVARCHAR(${NAME_LENGTH}) COLLATE ${COLLATION}`, type: () => mssql.NVarChar(NAME_LENGTH) },
  uuid: { sql: "UNIQUEIDENTIFIER", type: () => mssql.UniqueIdentifier() },
  hash: { sql: `BINARY(${HASH_LENGTH})`, type: hashType },
  /**
   * Keys are VARBINARY, which keeps the length of the value. The driver sends BINARY in full length, and would read
   * past the end of a shorter value.
   */
  key: { sql: `VARBINARY(${HASH_LENGTH})`, type: () => mssql.VarBinary(HASH_LENGTH) },
  bytes: { sql: "VARBINARY(MAX)", type: () => mssql.VarBinary(mssql.MAX) },
} satisfies Record<string, Kind>;

export const big = (value: number | null): Value => ({ type: kinds.big.type(), value });
export const int = (value: number | null): Value => ({ type: kinds.int.type(), value });
export const float = (value: number | null): Value => ({ type: kinds.float.type(), value });
export const bool = (value: boolean | null): Value => ({ type: kinds.bool.type(), value });
export const text = (value: string | null): Value => ({ type: kinds.text.type(), value: value && storable(value) });
export const bytes = (value: Buffer | null): Value => ({ type: kinds.bytes.type(), value });

/**
 * A parameter of type NVARCHAR(255). A longer text is sent in full length: it equals no stored name, and no column
 * takes it.
 */
export function name(value: string | null): Value {
  const isLong = value !== null && value.length > NAME_LENGTH;
  return { type: isLong ? longText() : kinds.name.type(), value: value && storable(value) };
}

export const uuid = (value: string | null): Value => ({ type: kinds.uuid.type(), value });

/** A parameter of type BINARY(32), from bytes or from hexadecimal digits. */
export function hash(value: Buffer | string | null): Value {
  return { type: hashType(), value: typeof value === "string" ? Buffer.from(value, "hex") : value };
}

/** A parameter of type VARBINARY(32), from bytes. */
export const key = (value: Buffer | null): Value => ({ type: kinds.key.type(), value });

/** A type as T-SQL declares it. The driver's own types lack this member. */
export const declarationOf = ({ type }: mssql.ISqlType): string =>
  String(Reflect.get(type, "declaration")).toUpperCase();
