import { ALL, countedList } from "../../counts.ts";
import type { ColumnKind, Ddl, Index, Place } from "../../dialect.ts";
import { createIndex } from "../../migrations/ddl.ts";
import { countedColumns, countedWithTables } from "../../rows.ts";
import { COLLATION } from "./values.ts";

// The trigger `batch_work_taken`. For what it does see `takes` of postgres/ddl.ts.
const types: Partial<Record<string, string>> = { phase: "NVARCHAR(255)", next_chunk: "INT" };
function takes(counted: string[]): string {
  const kept = ["batch_id", ...counted, "version"];
  return `CREATE TRIGGER "batch_work_taken" ON "batch" AFTER UPDATE AS
BEGIN
  SET NOCOUNT ON;
  IF NOT UPDATE("state") RETURN;
  DECLARE @w TABLE (${kept.map((column) => `"${column}" ${types[column] ?? "BIGINT"}`).join(", ")});
  DELETE FROM "batch_work" OUTPUT ${kept.map((column) => `deleted."${column}"`).join(", ")} INTO @w
  WHERE "batch_id" IN (SELECT i."id" FROM inserted AS i JOIN deleted AS d ON d."id" = i."id"
    WHERE d."state" = 'processing' AND i."state" NOT IN ('processing', 'completed', 'completed_with_errors'));
  IF @@ROWCOUNT = 0 RETURN;
  UPDATE "batch" SET ${counted.map((column) => `"${column}" = w."${column}"`).join(", ")}, "version" = w."version" + 1
  FROM @w AS w WHERE "batch"."id" = w."batch_id";
END`;
}

export const workTaken: string[] = [takes(countedColumns)];

/**
 * The trigger that counts batches in `batch_count`. Each change inserts a row of its own, so no commit waits for a
 * counter that another commit has locked. The service `batch` sums the rows up now and then. Units read what they wrote
 * with OUTPUT … INTO, because a table with triggers allows no plain OUTPUT.
 */
export const countBatches: string[] = [
  `CREATE TRIGGER "batch_count_change" ON "batch" AFTER INSERT, UPDATE, DELETE AS
BEGIN
  SET NOCOUNT ON;
  IF NOT UPDATE("state") AND EXISTS (SELECT 1 FROM inserted) RETURN;
  INSERT INTO "batch_count" ("state", "n")
  SELECT c."state", SUM(c."n") FROM (
    SELECT '${ALL}' AS "state", 1 AS "n" FROM inserted UNION ALL SELECT '${ALL}', -1 FROM deleted
    UNION ALL SELECT i."state", 1 FROM inserted AS i WHERE i."state" IN (${countedList})
    UNION ALL SELECT d."state", -1 FROM deleted AS d WHERE d."state" IN (${countedList})) AS c
  GROUP BY c."state" HAVING SUM(c."n") <> 0;
END`,
];

/**
 * A text type with a binary collation, whatever the database's own collation is. So comparisons distinguish capitals
 * and accents.
 */
const text = (length: number | "MAX") => `NVARCHAR(${length}) COLLATE ${COLLATION}`;

/**
 * Makes an index. Other nodes can write the table meanwhile in the editions that support it: Enterprise, Developer,
 * Azure.
 */
const onlineIndex = (index: Index) => `IF SERVERPROPERTY('EngineEdition') IN (3, 5, 8)
  ${createIndex(index)} WITH (ONLINE = ON)
ELSE
  ${createIndex(index)}`;

/**
 * Changes columns to the UUID type. Unique constraints are dropped first, because SQL Server does not change the type
 * of a column in a constraint.
 */
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
  // Lock escalation is off. SQL Server escalates from 5,000 locks of a statement on, and a chunk has that many records.
  rowLocks: (table) => `ALTER TABLE "${table}" SET (LOCK_ESCALATION = DISABLE)`,
  // The filter of an index cannot use NVARCHAR(MAX), so this index has all keys, and is not unique.
  uploadKeyIndex: 'CREATE INDEX "idempotency_key_batch_id_ix" ON "idempotency_key" ("batch_id")',
  countBatches,
  countAnew: ['DROP TRIGGER "batch_count_change"', ...countBatches],
  createIndex: onlineIndex,
  workTaken,
  workTakenWithTables: ['DROP TRIGGER "batch_work_taken"', takes(countedWithTables)],
  idsNative,
};

/** The type of a column that refers to a column of this kind, or holds a copy of its values. */
export const typeOf = (kind: ColumnKind): string => (kind === "id" ? ddl.types.bigint : ddl.types[kind]);

const TRIGGERS = ["batch_count_change", "batch_work_taken"];

/**
 * Moves tables into DataFlow's schema. Their indexes and triggers move along. A user without the right to create a
 * schema may use an existing schema.
 */
export const place: Place = {
  make: (schema) => [`IF SCHEMA_ID(N'${schema}') IS NULL EXEC(N'CREATE SCHEMA "${schema}"')`],
  move: (table, { schema }) => `ALTER SCHEMA "${schema}" TRANSFER "${table}"`,
  dropTriggers: ({ schema }) => TRIGGERS.map((name) => `DROP TRIGGER IF EXISTS "${schema}"."${name}"`),
};
