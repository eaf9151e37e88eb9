/** What a database must hold after any chaos: each import whole, once, and right to the letter, or not at all. */
import { type Import, linesOf } from "./imports.ts";

/** An import, and whether one wrong record refuses it all. */
export type Sent = Import & { isAllOrNothing: boolean };

type Select = <T>(sql: string) => Promise<T[]>;

export interface BatchFound {
  id: number;
  publicId: string;
  key: string;
  state: string;
  records: number;
  accepted: number;
  rejected: number;
  chunks: number;
  storedChunks: number;
}

const batches = `SELECT id, public_id AS "publicId", request_id AS key, state, records, accepted, rejected, chunks,
  (SELECT count(*) FROM batch_chunk c WHERE c.batch_id = b.id) AS "storedChunks" FROM batch b ORDER BY id`;

/** Nothing waits, and nothing is left to be told or removed. */
export const isRestful = `SELECT NOT EXISTS (SELECT 1 FROM batch WHERE state IN ('receiving', 'received', 'ready', 'processing'))
  AND NOT EXISTS (SELECT 1 FROM outbox)
  AND NOT EXISTS (SELECT 1 FROM batch WHERE state <> 'failed' AND chunks > 0) AS is_restful`;

/** Compares all that is stored with all that was sent and answered (key → batch id), once the system is at rest. */
export async function expectAllRight(
  select: Select,
  sent: Map<string, Sent>,
  answered: Map<string, string>,
): Promise<BatchFound[]> {
  const found = await select<BatchFound>(batches);
  const byKey = new Map(found.map((batch) => [batch.key, batch]));
  expect(byKey.size).toBe(found.length);
  expect([...answered].filter(([key, id]) => byKey.get(key)?.publicId !== id)).toEqual([]);
  for (const batch of found) await expectRight(select, batch, sent.get(batch.key) as Sent);
  for (const table of ["batch_chunk", "record", "record_error"]) {
    const orphans = `SELECT count(*) AS orphans FROM ${table} WHERE batch_id NOT IN (SELECT id FROM batch)`;
    expect([table, ...(await select(orphans))]).toEqual([table, { orphans: 0 }]);
  }
  expect(await select("SELECT client_id FROM client_queue WHERE running <> 0")).toEqual([]);
  return found;
}

async function expectRight(select: Select, batch: BatchFound, one: Sent): Promise<void> {
  const { id, state, records, accepted, rejected } = batch;
  expect({ ...one, state, records, accepted, rejected }).toEqual({ ...one, ...rightEnd(one) });
  expect(batch.storedChunks).toBe(batch.chunks);
  const right = rightRows(one, state === "failed");
  const stored = `SELECT seq, data FROM record WHERE batch_id = ${id} ORDER BY seq`;
  expectSame(one, await select<object>(stored), right.stored);
  const errors = `SELECT seq, n, line, field, code, raw FROM record_error WHERE batch_id = ${id} ORDER BY seq, n`;
  expectSame(one, await select<object>(errors), right.errors);
}

/** How a batch of this import must end, as the row shows it. */
function rightEnd(one: Sent) {
  const rejected = one.wrongEvery > 0 ? Math.floor(one.records / one.wrongEvery) : 0;
  const isRefused = one.isAllOrNothing && rejected > 0;
  return {
    state: isRefused ? "failed" : rejected > 0 ? "completed_with_errors" : "completed",
    records: one.records,
    accepted: isRefused ? 0 : one.records - rejected,
    rejected,
  };
}

/** What the tables must hold of an import. */
function rightRows(one: Import, isRefused: boolean) {
  const stored: object[] = [];
  const errors: object[] = [];
  let seq = 0;
  for (const { text, line, isWrong, data } of linesOf(one)) {
    seq++;
    if (isWrong) errors.push({ seq, n: 0, line, field: "amount", code: "minimum", raw: text });
    else if (!isRefused) stored.push({ seq, data: JSON.stringify(data) });
  }
  return { stored, errors };
}

/** Row by row only where it is not the same: a comparison of 100,000 objects takes long. */
function expectSame(one: Import, rows: object[], right: object[]): void {
  if (JSON.stringify(rows) === JSON.stringify(right)) return;
  const at = right.findIndex((row, i) => JSON.stringify(row) !== JSON.stringify(rows[i]));
  const place = at < 0 ? right.length : at;
  expect({ ...one, rows: rows.length, row: rows[place] }).toEqual({ ...one, rows: right.length, row: right[place] });
}
