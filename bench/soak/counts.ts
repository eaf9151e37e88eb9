/**
 * The counts of a soak: lets retention work during the run, waits for the last events, and checks that no record is lost or
 * doubled.
 */
import { setTimeout as pause } from "node:timers/promises";
import type pg from "pg";
import type { Books } from "./books.ts";
import { SMALL } from "./load.ts";
import { metricsText, sumOf, type Watched } from "./sample.ts";

/** How long the remaining events may take after the load has stopped. */
const SETTLE_MS = 30_000;

/**
 * Makes the retention of batches and keys end after `retentionMs`, because a policy cannot say less than a day. The product's own
 * retention then deletes them. A `validated` check takes two turns: retention first ends it, and later deletes it.
 */
export async function age(db: pg.Client, retentionMs: number): Promise<void> {
  const now = Date.now();
  const due = [now, now - retentionMs];
  await db.query(
    "UPDATE batch SET due_at = $1 WHERE coalesce(finished_at, CASE state WHEN 'validated' THEN created_at END) < $2 AND due_at > $1",
    due,
  );
  await db.query("UPDATE idempotency_key SET expires_at = $1 WHERE expires_at > $1", [now]);
  // A key that marks a record as corrected has to stay as long as its batch.
  await db.query(
    "UPDATE record_key SET ends_at = $1 WHERE ends_at > $1 AND NOT EXISTS (SELECT 1 FROM batch WHERE id = batch_id)",
    [now],
  );
}

/** Waits until no event, delivery or batch is pending. After `SETTLE_MS` it notes a fault. */
export async function settle(db: pg.Client, books: Books): Promise<void> {
  const under = `SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM delivery WHERE due_at IS NOT NULL)
    + (SELECT count(*) FROM batch WHERE state IN ('receiving', 'received', 'ready', 'processing')) AS n`;
  let n = "";
  for (const end = Date.now() + SETTLE_MS; Date.now() < end; await pause(200)) {
    n = (await db.query<{ n: string }>(under)).rows[0]?.n as string;
    if (n === "0" && books.untold().length === 0) return;
  }
  books.fault(
    `After ${SETTLE_MS / 1000} s without load something is still under way: ${n} events, deliveries and batches; ${books.untold().length} webhooks have not come`,
  );
}

/** Compares the number of accepted records with the records that are stored and those that retention has deleted. */
export async function compare(db: pg.Client, watched: Watched[], books: Books): Promise<string> {
  const count = async (table: string) =>
    (await db.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${table}`)).rows[0]?.n as number;
  // A batch for the company's table has its records in DataFlow's own store too.
  const all = books.accepted.store + books.accepted.table;
  let removed = 0;
  // Retention may be deleting meanwhile, and counts its rows only after the delete. So both numbers are read until they agree.
  let stored = 0;
  for (const end = Date.now() + SETTLE_MS; Date.now() < end; await pause(500)) {
    const texts = await Promise.all(watched.map(({ metrics }) => metricsText(metrics)));
    removed = texts.reduce((sum, text) => sum + sumOf(text, "dataflow_retention_rows_total", `table="record"`), 0);
    stored = await count("record");
    if (stored + removed === all) break;
  }
  const rows = await count("bench_order");
  const { accepted } = books;
  if (stored + removed !== all)
    books.fault(`${all} records were accepted, ${stored} are stored and ${removed} were deleted by retention`);
  if (rows !== accepted.table) books.fault(`${accepted.table} records were accepted for the table, which has ${rows}`);
  for (const [id, n] of books.told) if (n !== SMALL) books.fault(`batch ${id} accepted ${n} of ${SMALL} records`);
  return `${all} records accepted, ${stored} stored and ${removed} deleted by retention; ${accepted.table} of them for the table, ${rows} in it; ${books.posted.size} webhooks due, ${books.told.size} came, ${books.repeats} came again`;
}
