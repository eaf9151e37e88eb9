/** The counts of a soak: retention during the run, the wait for the last events, and whether every record is accounted for. */
import { setTimeout as pause } from "node:timers/promises";
import type pg from "pg";
import type { Books } from "./books.ts";
import { SMALL } from "./load.ts";
import { metricsText, sumOf, type Watched } from "./sample.ts";

/** How long the last events may take after the load has stopped. */
const SETTLE_MS = 30_000;

/**
 * Ends the time of batches and keys early: the shortest that a policy can say is a day. Retention deletes them as ever. A
 * check that can still be committed is first ended, and in a later turn deleted.
 */
export async function age(db: pg.Client, retentionMs: number): Promise<void> {
  const now = Date.now();
  const due = [now, now - retentionMs];
  await db.query(
    "UPDATE batch SET due_at = $1 WHERE coalesce(finished_at, CASE state WHEN 'validated' THEN created_at END) < $2 AND due_at > $1",
    due,
  );
  await db.query("UPDATE idempotency_key SET expires_at = $1 WHERE expires_at > $1", [now]);
  // What marks a record as corrected lasts as long as its batch.
  await db.query(
    "UPDATE record_key SET ends_at = $1 WHERE ends_at > $1 AND NOT EXISTS (SELECT 1 FROM batch WHERE id = batch_id)",
    [now],
  );
}

/** Waits until nothing is under way, or the time is over. */
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

/** Compares what batches have accepted with what is there, and with what retention has deleted of it. */
export async function compare(db: pg.Client, watched: Watched[], books: Books): Promise<string> {
  const count = async (table: string) =>
    (await db.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${table}`)).rows[0]?.n as number;
  // A batch for a table has its records in DataFlow's own store too.
  const all = books.accepted.store + books.accepted.table;
  let removed = 0;
  // Retention may delete a piece in between: its rows are counted once it has, so ask again until both agree.
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
