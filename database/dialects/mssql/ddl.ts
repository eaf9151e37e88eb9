import type { ColumnKind, Ddl, Index } from "../../dialect.ts";
import { createIndex } from "../../migrations/ddl.ts";
import { countBatches } from "./counting.ts";
import { workTaken } from "./taken.ts";
import { COLLATION } from "./values.ts";

/** Text of one collation, whatever that of the database is: compared as it is, capitals and accents told apart. */
const text = (length: number | "MAX") => `NVARCHAR(${length}) COLLATE ${COLLATION}`;

/** Others write the table meanwhile, where the edition can do that: Enterprise, Developer, Azure. */
const onlineIndex = (index: Index) => `IF SERVERPROPERTY('EngineEdition') IN (3, 5, 8)
  ${createIndex(index)} WITH (ONLINE = ON)
ELSE
  ${createIndex(index)}`;

/** A column of a constraint keeps its type. */
const idsNative: Ddl["idsNative"] = (table, columns) => {
  const unique = columns.filter(({ isUnique }) => isUnique).map(({ name }) => [`"${table}_${name}_uq"`, name] as const);
  return [
    ...unique.map(([constraint]) => `ALTER TABLE "${table}" DROP CONSTRAINT ${constraint}`),
    ...columns.map(
      ({ name, isNull }) =>
        `ALTER TABLE "${table}" ALTER COLUMN "${name}" UNIQUEIDENTIFIER ${isNull ? "NULL" : "NOT NULL"}`,
    ),
    ...unique.map(([constraint, name]) => `ALTER TABLE "${table}" ADD CONSTRAINT ${constraint} UNIQUE ("${name}")`),
  ];
};

export const ddl: Ddl = {
  types: {
    id: "BIGINT IDENTITY(1,1) PRIMARY KEY",
    int: "INT",
    bigint: "BIGINT",
    double: "FLOAT",
    uuid: "UNIQUEIDENTIFIER",
    name: text(255),
    text: text("MAX"),
    hash: "BINARY(32)",
    key: "VARBINARY(32)",
    bytes: "VARBINARY(MAX)",
  },
  options: () => "",
  // From 5,000 rows of a statement on, which is the size of a chunk.
  rowLocks: (table) => `ALTER TABLE "${table}" SET (LOCK_ESCALATION = DISABLE)`,
  // NVARCHAR(MAX) stands in no filter of an index here, so this one is over all keys, and not unique.
  uploadKeyIndex: 'CREATE INDEX "idempotency_key_batch_id_ix" ON "idempotency_key" ("batch_id")',
  countBatches,
  createIndex: onlineIndex,
  workTaken,
  idsNative,
};

/** The type of a column that holds such values of another table. */
export const typeOf = (kind: ColumnKind): string => (kind === "id" ? ddl.types.bigint : ddl.types[kind]);
