/** Delivers records into a table of the company, as a worker does, by a plan that the test makes. */
import type { Database } from "../../../database/database.ts";
import type { TablePlan, TargetColumn } from "../../../database/targets/target.ts";
import { type RecordAbout, rowOf } from "../../../database/targets/values.ts";
import { recordPlaces } from "../../../formats/parts.ts";
import type { BatchRow } from "../../../services/batch/batch.domain.ts";
import type { RecordErrors } from "../../../services/batch/batch.reads.domain.ts";
import type { TableCommit, TableRow } from "../../../services/batch/batch.table.domain.ts";
import type { ChunkCommit, Written } from "../../../services/batch/batch.writes.domain.ts";
import { column, planOf } from "../../helpers/targets.ts";
import { chunkCommit, claimed } from "../store/drafts.ts";

export type Rec = Record<string, unknown>;

/** Each batch has another client, because a client may run few batches at a time. */
let clients = 0;

const about: RecordAbout = {
  batchId: "b",
  clientId: "c",
  clientIdentifier: "acme",
  dataset: "orders",
  record: 1,
  line: 1,
  receivedAt: "2026-01-01T00:00:00.000Z",
};

/** The columns of the table `orders`, which each suite creates for itself. */
export const orderColumns = [
  column("no", { kind: "integer", type: "integer", isNotNull: true }),
  column("customer", { kind: "integer", type: "integer" }),
  column("amount", { kind: "decimal", type: "numeric(10,2)" }),
  column("city", { kind: "text", type: "text", hasDefault: true }),
  column("email", { kind: "text", type: "text" }),
];

/** A plan into the table, keyed by `no`. */
export const ordersPlan = (over: Partial<TablePlan> = {}, columns: TargetColumn[] = orderColumns): TablePlan => {
  const plan = planOf(columns, { mode: "upsert", key: ["no"], ...over });
  return { ...plan, table: { ...plan.table, name: "orders" } };
};

export interface Delivery {
  batch: BatchRow;
  commit: ChunkCommit;
}

/** The commit of these records as the first chunk of a claimed batch. */
export async function deliveryOf(db: Database, of: TablePlan, records: Rec[], over: Partial<ChunkCommit> = {}) {
  const isSqlite = db.sequelize.getDialect() === "sqlite";
  const plan = isSqlite ? { ...of, table: { ...of.table, dialect: "sqlite" as const, schema: "main" } } : of;
  const batch = await claimed(db.store, ++clients);
  const rows = records.map((record) => {
    const row = rowOf(plan, JSON.stringify(record), about);
    if ("fault" in row) throw new Error(`No row: ${row.fault.message}`);
    return row as TableRow;
  });
  const text = Buffer.from(records.map((record) => JSON.stringify(record)).join("\n"));
  const chunk = { no: 0, firstRecord: 1, firstLine: 1, records: records.length, data: text, oversized: [] };
  const origins = recordPlaces(chunk, "ndjson", {});
  const sent = { format: "ndjson", envelope: {}, cells: null } as const;
  const table = { plan, rows, keys: null, origins, sent, faultsLeft: 1_000, pieceRows: null };
  const counts = { accepted: records.length, rejected: 0, duplicate: 0 };
  const commit = chunkCommit(batch, [], { firstRecord: 1, records: records.length, text, counts, table, ...over });
  return { batch, commit };
}

export async function deliver(
  db: Database,
  plan: TablePlan,
  records: Rec[],
  over: Partial<ChunkCommit> = {},
  pieceRows: number | null = null,
) {
  const { batch, commit } = await deliveryOf(db, plan, records, over);
  Object.assign(commit.table as TableCommit, { pieceRows });
  const written = (await db.store.commitChunk(commit)) as Written;
  const { accepted, rejected, duplicate, created, updated, deleted } = written.batch;
  return { batch, written, counts: { accepted, rejected, duplicate, created, updated, deleted } };
}

export async function query<T = Rec>({ sequelize }: Database, sql: string): Promise<T[]> {
  return (await sequelize.query(sql))[0] as T[];
}

export async function run({ sequelize }: Database, ...statements: string[]): Promise<void> {
  for (const sql of statements) await sequelize.query(sql);
}

/** The table's rows by their key. */
export async function rowsOf(db: Database): Promise<Rec[]> {
  const rows = await query(db, "SELECT no, customer, amount, city, email FROM orders ORDER BY no");
  // SQLite does not keep trailing zeros.
  return rows.map((row) => ({ ...row, amount: row.amount === null ? null : Number(row.amount).toFixed(2) }));
}

export const errorsOf = (db: Database, { id }: BatchRow): Promise<RecordErrors[]> => db.store.errors(id, 0, 1_000, 1e6);

/** Record and code of each error. */
export async function codesOf(db: Database, batch: BatchRow): Promise<[number, string, string][]> {
  const found = await errorsOf(db, batch);
  return found.map(({ seq, errors: [first] }) => [seq, first?.code ?? "", first?.field ?? ""]);
}

export const recordsOf = async (db: Database, { id }: BatchRow): Promise<number[]> =>
  (await db.store.records(id, 0, 1_000, 1e6)).map(({ seq }) => seq);
