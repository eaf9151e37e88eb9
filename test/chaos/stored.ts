/** What a database must hold after a chaos test: each import stored once, whole and right in each character, or not at all. */
import { companyOrphans, companyRows, companyTables, Model } from "./company.ts";
import { type Import, linesOf } from "./imports.ts";

/** An import that was sent, and whether one wrong record refuses the whole import. */
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
  duplicate: number;
  created: number | null;
  updated: number | null;
  deleted: number | null;
  chunks: number;
  storedChunks: number;
}

const batches = `SELECT id, public_id AS "publicId", request_id AS key, state, records, accepted, rejected, duplicate, created, updated, deleted, chunks,
  (SELECT count(*) FROM batch_chunk c WHERE c.batch_id = b.id) AS "storedChunks" FROM batch b WHERE id > `;

const NO_ROWS = { duplicate: 0, created: null, updated: null, deleted: null };

/** Whether the system is idle: no batch waits, and no event or delivery is left to be sent. */
export const isRestful = `SELECT NOT EXISTS (SELECT 1 FROM batch WHERE state IN ('receiving', 'received', 'ready', 'processing'))
  AND NOT EXISTS (SELECT 1 FROM outbox) AND NOT EXISTS (SELECT 1 FROM order_place)
  AND NOT EXISTS (SELECT 1 FROM batch WHERE state <> 'failed' AND chunks > 0) AS is_restful`;

/** Checks a client whose batches run in order: none began before the earlier one had ended, and none holds a place any more. */
export async function expectOneByOne(select: Select, client: string, least: number): Promise<void> {
  const worked = await select<{ began: number | string; ended: number | string }>(
    `SELECT started_at AS began, finished_at AS ended FROM batch WHERE client_id =
     (SELECT id FROM client WHERE public_id = '${client}') ORDER BY started_at, finished_at`,
  );
  expect(worked.length).toBeGreaterThan(least);
  const isEarly = ({ began }: { began: number | string }, n: number) =>
    Number(began) < Number(worked[n - 1]?.ended ?? 0);
  expect(worked.filter(isEarly)).toEqual([]);
  expect(await select("SELECT 1 FROM order_place")).toEqual([]);
}

/** The id of the newest batch. A test compares only batches after it, because other tests have left theirs. */
export const lastBatch = async (select: Select): Promise<number> =>
  Number((await select<{ id: number | string | null }>("SELECT max(id) AS id FROM batch"))[0]?.id ?? 0);

/** Compares all data stored after a batch with what was sent and answered (key → batch id). The system must be idle. */
export async function expectAllRight(
  select: Select,
  sent: Map<string, Sent>,
  answered: Map<string, string>,
  after = 0,
): Promise<BatchFound[]> {
  const found = await select<BatchFound>(`${batches} ${after} ORDER BY id`);
  const byKey = new Map(found.map((batch) => [batch.key, batch]));
  expect(byKey.size).toBe(found.length);
  expect([...answered].filter(([key, id]) => byKey.get(key)?.publicId !== id)).toEqual([]);
  for (const batch of found) await expectRight(select, batch, sent.get(batch.key) as Sent);
  for (const table of ["batch_chunk", "record", "record_error"]) {
    const orphans = `SELECT count(*) AS orphans FROM ${table} WHERE batch_id NOT IN (SELECT id FROM batch)`;
    expect([table, ...(await select(orphans))]).toEqual([table, { orphans: 0 }]);
  }
  for (const table of companyTables)
    expect([table, ...(await select(companyOrphans(table)))]).toEqual([table, { orphans: 0 }]);
  expect(await select("SELECT client_id FROM client_queue WHERE running <> 0")).toEqual([]);
  return found;
}

async function expectRight(select: Select, batch: BatchFound, one: Sent): Promise<void> {
  const { id, publicId, chunks, storedChunks, ...found } = batch;
  const right = rightEnd(one);
  expect({ ...one, ...found }).toEqual({ ...one, ...right.end });
  expect(storedChunks).toBe(chunks);
  const stored = `SELECT seq, data FROM record WHERE batch_id = ${id} ORDER BY seq`;
  expectSame(one, await select<object>(stored), right.stored);
  const errors = `SELECT seq, n, line, field, code, raw FROM record_error WHERE batch_id = ${id} ORDER BY seq, n`;
  expectSame(one, await select<object>(errors), right.errors);
  if (one.table) expectSame(one, await select<object>(companyRows(one.table, publicId)), right.rows);
}

/** The right end of the batch of this import, and what the tables must hold of it. */
function rightEnd(one: Sent) {
  const stored: object[] = [];
  const errors: object[] = [];
  const counts = { created: 0, updated: 0, deleted: 0, duplicate: 0 };
  const model = one.table && new Model(one.table);
  let seq = 0;
  for (const line of linesOf(one)) {
    seq++;
    const told = line.isWrong ? { field: "amount", code: "minimum" } : model?.take(line);
    if (typeof told === "object") errors.push({ seq, n: 0, line: line.line, ...told, raw: line.text });
    else {
      if (told) counts[told]++;
      if (told !== "duplicate") stored.push({ seq, data: JSON.stringify(line.data) });
    }
  }
  const isRefused = one.isAllOrNothing && errors.length > 0;
  const state = isRefused ? "failed" : errors.length > 0 ? "completed_with_errors" : "completed";
  const accepted = isRefused ? 0 : stored.length;
  const end = { state, records: one.records, accepted, rejected: errors.length, ...(model ? counts : NO_ROWS) };
  const rows = [...(model?.rows.values() ?? [])].sort((a, b) => a.slot - b.slot);
  return { end, stored: isRefused ? [] : stored, errors, rows };
}

/** Compares the rows with one cheap check first: Jest takes long to compare 100,000 objects. */
function expectSame(one: Import, rows: object[], right: object[]): void {
  if (JSON.stringify(rows) === JSON.stringify(right)) return;
  const at = right.findIndex((row, i) => JSON.stringify(row) !== JSON.stringify(rows[i]));
  const place = at < 0 ? right.length : at;
  expect({ ...one, rows: rows.length, row: rows[place] }).toEqual({ ...one, rows: right.length, row: right[place] });
}
