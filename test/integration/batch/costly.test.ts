/** A batch whose schema is legal and costly takes its own time, and nobody else's. */
import { accepted, newClient } from "../../helpers/http.ts";
import { patience } from "../../helpers/patience.ts";
import { type System, startSystem } from "../../helpers/system.ts";
import { ended, row, rows, storeOf, until } from "./kit.ts";

let system: System;
afterEach(() => system.stop());

/** A record asks for 2^11 checks, a chunk of these for many seconds. */
const LEVELS = 11;
const ref = (level: number) => ({ $ref: `#/$defs/d${level}` });
const schema = {
  ...ref(0),
  $defs: Object.fromEntries([
    ...Array.from({ length: LEVELS }, (_, i) => [`d${i}`, { allOf: [ref(i + 1), ref(i + 1)] }]),
    [`d${LEVELS}`, { type: "object" }],
  ]),
};
const RECORDS = 20_000;

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

test("beside it leases are kept, health answers, others are served, and a cancel counts", async () => {
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

test("a planned stop does not wait for it, and counts no attempt", async () => {
  const { id } = await startCostly({ SHUTDOWN_TIMEOUT: "1s" });
  const worker = system.broker.getLocalService("batchProcessor") as unknown as { drain(): Promise<void> };
  const began = performance.now();
  await worker.drain();
  expect(performance.now() - began).toBeLessThan(patience(1_000));
  expect(await row(system, id)).toMatchObject({ state: "ready", attempt: 0 });
});

test("small batches that are worked together with costly ones do not wait for them, nor do those that are next", async () => {
  system = await startSystem({ env: { SWEEP_INTERVAL: "1h", POLL_INTERVAL: "1h" } });
  const costly = await newClient(system.url, { schema });
  const other = await newClient(system.url, { maxConcurrentBatches: 1 });
  await system.broker.call("batchProcessor.pause");
  const sent = async (client: typeof other, count: number, body: string) => {
    const ids = [];
    for (let i = 0; i < count; i++) ids.push((await accepted(system.url, client, body)).id);
    return ids;
  };
  const slow = await sent(costly, 3, rows(1_000));
  // More than go together with the first: the place of their client has to be free for the others.
  const quick = await sent(other, 40, rows(2));
  const claims = jest.spyOn(storeOf(system), "claimGroup");
  await system.broker.call("batchProcessor.resume");
  for (const id of quick) expect(await ended(system, other, id)).toMatchObject({ status: "completed" });
  for (const id of slow) expect(await row(system, id)).toMatchObject({ state: "processing" });
  const ids = await Promise.all(slow.map(async (id) => (await row(system, id)).id));
  expect(claims.mock.calls[0]?.[0]).toEqual(expect.arrayContaining(ids));
  for (const id of slow) await ended(system, costly, id);
});
