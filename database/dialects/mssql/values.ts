/** Values with the types of their columns: one of another type makes SQL Server convert the column, and no index serves. */
import mssql from "mssql";
import { storable } from "../../text.ts";

export interface Value {
  type: mssql.ISqlType;
  value: unknown;
}

// Ids and times are below 2^53. For the whole process: the driver knows one table of conversions.
(mssql as unknown as { valueHandler: Map<unknown, (value: unknown) => unknown> }).valueHandler.set(
  mssql.TYPES.BigInt,
  (value) => (value === null ? null : Number(value)),
);

const NAME_LENGTH = 255;
const HASH_LENGTH = 32;
/** Text is compared byte by byte, whatever the collation of the database or of tempdb. */
export const COLLATION = "Latin1_General_100_BIN2";

/** How a column of a staged table is declared, and how it is sent. Each is made anew: the driver writes into it. */
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
  /** Of its own length: the driver sends BINARY in its full one, and a shorter value would be read past its end. */
  key: { sql: `VARBINARY(${HASH_LENGTH})`, type: () => mssql.VarBinary(HASH_LENGTH) },
  bytes: { sql: "VARBINARY(MAX)", type: () => mssql.VarBinary(mssql.MAX) },
} satisfies Record<string, Kind>;

export const big = (value: number | null): Value => ({ type: kinds.big.type(), value });
export const int = (value: number | null): Value => ({ type: kinds.int.type(), value });
export const float = (value: number | null): Value => ({ type: kinds.float.type(), value });
export const bool = (value: boolean | null): Value => ({ type: kinds.bool.type(), value });
export const text = (value: string | null): Value => ({ type: kinds.text.type(), value: value && storable(value) });
export const bytes = (value: Buffer | null): Value => ({ type: kinds.bytes.type(), value });

/** NVARCHAR(255). What is longer is sent whole: nothing is equal to it, and no column takes it. */
export function name(value: string | null): Value {
  const isLong = value !== null && value.length > NAME_LENGTH;
  return { type: isLong ? longText() : kinds.name.type(), value: value && storable(value) };
}

export const uuid = (value: string | null): Value => ({ type: kinds.uuid.type(), value });

/** BINARY(32), from bytes or from hexadecimal digits. */
export function hash(value: Buffer | string | null): Value {
  return { type: hashType(), value: typeof value === "string" ? Buffer.from(value, "hex") : value };
}

/** VARBINARY(32), from bytes. */
export const key = (value: Buffer | null): Value => ({ type: kinds.key.type(), value });
