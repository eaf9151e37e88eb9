/** The promise: a batch whose schema is legal but expensive takes its own time, and delays nobody else. */
import { accepted, newClient } from "../../helpers/http.ts";
import { patience, until } from "../../helpers/patience.ts";
import { type System, startSystem } from "../../helpers/system.ts";
import { ended, row, rows, select, storeOf } from "./kit.ts";

let system: System;
afterEach(() => system.stop());

const ref = (level: number) => ({ $ref: `#/$defs/d${level}` });
/** A schema with which each record needs 2^levels checks. */
const costlyIn = (levels: number) => ({
  ...ref(0),
  $defs: Object.fromEntries([
    ...Array.from({ length: levels }, (_, i) => [`d${i}`, { allOf: [ref(i + 1), ref(i + 1)] }]),
    [`d${levels}`, { type: "object" }],
  ]),
});
/** Checking a chunk with this schema takes many seconds. */
const schema = costlyIn(11);
const RECORDS = 80_000;

async function startCostly(env: Record<string, string>) {
  system = await startSystem({ env: { SWEEP_INTERVAL: "200ms", POLL_INTERVAL: "100ms", ...env } });
  const client = await newClient(system.url, { schema, chunkRecords: RECORDS, maxAttempts: 1 });
  const { id } = await accepted(system.url, client, rows(RECORDS));
  const isWorked = async () => (await row(system, id)).state === "processing";
  await until(isWorked);
  return { client, id };
}

async function healthMs(): Promise<number> {
  const began = performance.now();
  const answer = await fetch(`${system.url}/health/ready`);
  await answer.text();
  expect(answer.status).toBe(200);
  return performance.now() - began;
}

test("while a costly batch runs, leases are renewed, health answers, other clients are served, and a cancel works", async () => {
  const { client, id } = await startCostly({ BATCH_LEASE: "1500ms" });
  const other = await newClient(system.url);
  const leases = new Set<number>();
  const times: number[] = [];
  for (let i = 0; i < 3; i++) {
    const { id: mine } = await accepted(system.url, other, rows(10));
    expect(await ended(system, other, mine)).toMatchObject({ status: "completed" });
    times.push(await healthMs());
  }
  await until(async () => leases.add((await row(system, id)).dueAt ?? 0).size > 3);
  expect(times.sort((a, b) => a - b)[1]).toBeLessThan(patience(1_000));
  expect(await row(system, id)).toMatchObject({ state: "processing", fence: 1 });
  const cancelled = await fetch(`${system.url}/imports/${id}/cancel`, {
    method: "POST",
    headers: { authorization: client.auth },
  });
  expect(await cancelled.json()).toMatchObject({ status: "cancelled", counts: { accepted: 0 } });
  const status = () => system.broker.call("batchProcessor.status") as Promise<{ running: string[] }>;
  await until(async () => (await status()).running.length === 0);
});

test("a planned stop does not wait for a costly batch, and counts no attempt", async () => {
  const { id } = await startCostly({ SHUTDOWN_TIMEOUT: "1s" });
  const worker = system.broker.getLocalService("batchProcessor") as unknown as { drain(): Promise<void> };
  const began = performance.now();
  await worker.drain();
  expect(performance.now() - began).toBeLessThan(patience(1_000));
  expect(await row(system, id)).toMatchObject({ state: "ready", attempt: 0 });
});

test("small batches in a group with costly ones do not wait for them, nor do the next ones", async () => {
  system = await startSystem({ env: { SWEEP_INTERVAL: "1h", POLL_INTERVAL: "1h" } });
  // The three batches take several seconds, so a shorter delay of the group could not hide.
  const costly = await newClient(system.url, { schema: costlyIn(13) });
  const other = await newClient(system.url, { maxConcurrentBatches: 1 });
  await system.broker.call("batchProcessor.pause");
  const sent = async (client: typeof other, count: number, body: string) => {
    const ids = [];
    for (let i = 0; i < count; i++) ids.push((await accepted(system.url, client, body)).id);
    return ids;
  };
  const slow = await sent(costly, 3, rows(1_000));
  // More batches than one group has with the first one. The place of their client must be free for the rest.
  const quick = await sent(other, 40, rows(2));
  const claims = jest.spyOn(storeOf(system), "claimGroup");
  await system.broker.call("batchProcessor.resume");
  for (const id of quick) expect(await ended(system, other, id)).toMatchObject({ status: "completed" });
  for (const id of slow) expect(await ended(system, costly, id)).toMatchObject({ status: "completed" });
  const told = (ids: string[]) => Promise.all(ids.map((id) => row(system, id)));
  const [slowRows, quickRows] = [await told(slow), await told(quick)];
  expect(claims.mock.calls[0]?.[0]).toEqual(expect.arrayContaining(slowRows.map(({ id }) => id)));
  const ends = (all: typeof slowRows) => all.map(({ finishedAt }) => finishedAt as number);
  expect(Math.max(...ends(quickRows))).toBeLessThan(Math.max(...ends(slowRows)));
});

test("for a client with one slot, no group begins while a slow batch of the last group still runs", async () => {
  system = await startSystem({ env: { SWEEP_INTERVAL: "1h", POLL_INTERVAL: "1h" } });
  const client = await newClient(system.url, { schema, maxConcurrentBatches: 1 });
  await system.broker.call("batchProcessor.pause");
  const ids = [];
  // A group has at most 5,000 records, so these batches need several groups.
  for (let i = 0; i < 12; i++) ids.push((await accepted(system.url, client, rows(i % 4 === 0 ? 2 : 990))).id);
  const store = storeOf(system);
  const claimGroup = store.claimGroup.bind(store);
  const atWork: number[] = [];
  jest.spyOn(store, "claimGroup").mockImplementation(async (...given) => {
    atWork.push((await select(system, "SELECT batch_id FROM batch_work")).length);
    return claimGroup(...given);
  });
  await system.broker.call("batchProcessor.resume");
  for (const id of ids) expect(await ended(system, client, id)).toMatchObject({ status: "completed" });
  expect(atWork.length).toBeGreaterThan(1);
  expect(new Set(atWork)).toEqual(new Set([0]));
});
