/** The promise: a small batch costs few messages. Each message takes some 10 µs, and partners send thousands of small batches. */
import type { Service } from "moleculer";
import type { WithSchedule } from "../../../mixins/schedule.ts";
import { accepted, newClient, type TestClient } from "../../helpers/http.ts";
import { until } from "../../helpers/patience.ts";
import { type System, startSystem } from "../../helpers/system.ts";
import { rows, select, storeOf } from "./kit.ts";
import { Messages } from "./messages.kit.ts";

/** An event counts twice: when it is emitted, and when this node receives it. */
const request = ["clientCache.recognise", "policy.get", "rateLimiter.consume"];
const upload = ["imports.create", "policy.evaluate"];
const told = ["outbox.publish", "batch.created", "batch.created", "batch.ready", "batch.ready"];
const run = ["batchLock.acquire", "batch.claim", "batch.commitChunk", "batchLock.release"];
const end = ["outbox.publish", "batch.completed", "batch.completed"];
const all = [...request, ...upload, ...told, ...run, ...end];

const messages = new Messages();
let system: System;
/** The queries that look for work which came meanwhile. */
let looks: jest.SpyInstance;
beforeAll(async () => {
  system = await startSystem({ env: { SWEEP_INTERVAL: "1h" }, watch: messages.middleware });
  // Polling belongs to no batch, so it is off.
  await (system.broker.getLocalService("batchProcessor") as Service & WithSchedule).endSchedules();
  looks = jest.spyOn(storeOf(system), "candidates");
});
afterAll(() => system.stop());

/** The names of all messages of one batch of 100 records, from its request to the last one. */
async function costOf(client: TestClient): Promise<string[]> {
  messages.forget();
  looks.mockClear();
  await accepted(system.url, client, rows(100));
  const { names } = messages;
  await until(() => names.includes("batch.completed") && looks.mock.calls.length > 0);
  // Published events are deleted a little later. All other messages of the batch's end have been sent by then.
  await until(async () => (await select(system, "SELECT 1 FROM outbox")).length === 0);
  // A timer, not the batch, sends the last uses of keys.
  return names.filter((name) => name !== "clientCache.noteKeyUses");
}

test("a batch of 100 records takes these messages, from its request to the end", async () => {
  const client = await newClient(system.url);
  await costOf(client);
  expect((await costOf(client)).toSorted()).toEqual(all.toSorted());
  expect(looks).toHaveBeenCalledTimes(1);
  expect(all.length).toBeLessThanOrEqual(18);
});

test("the first batch under a new policy reads the policy once and the client once", async () => {
  const client = await newClient(system.url, { chunkRecords: 50 });
  const more = ["policy.version", "clientCache.get", "batch.commitChunk"];
  expect((await costOf(client)).toSorted()).toEqual([...all, ...more].toSorted());
});
