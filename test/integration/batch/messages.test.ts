/** A small batch costs few messages: each takes some 10 µs, and partners send thousands of small batches. */
import type { Service } from "moleculer";
import type { WithSchedule } from "../../../mixins/schedule.ts";
import { accepted, newClient, type TestClient } from "../../helpers/http.ts";
import { until } from "../../helpers/patience.ts";
import { type System, startSystem } from "../../helpers/system.ts";
import { rows, select, storeOf } from "./kit.ts";
import { Messages } from "./messages.kit.ts";

/** Events count twice: where they are told, and where this node hears them. */
const request = ["clientCache.recognise", "policy.get", "rateLimiter.consume"];
const upload = ["imports.create", "policy.evaluate"];
const told = ["outbox.publish", "batch.created", "batch.created", "batch.ready", "batch.ready"];
const run = ["batchLock.acquire", "batch.claim", "batch.commitChunk", "batchLock.release"];
const end = ["outbox.publish", "batch.completed", "batch.completed"];
const all = [...request, ...upload, ...told, ...run, ...end];

const messages = new Messages();
let system: System;
/** Queries for work that came meanwhile. */
let looks: jest.SpyInstance;
beforeAll(async () => {
  system = await startSystem({ env: { SWEEP_INTERVAL: "1h" }, watch: messages.middleware });
  // A poll is for no batch.
  await (system.broker.getLocalService("batchProcessor") as Service & WithSchedule).endSchedules();
  looks = jest.spyOn(storeOf(system), "candidates");
});
afterAll(() => system.stop());

/** All that one batch of 100 records costs, from its request to the last message. */
async function costOf(client: TestClient): Promise<string[]> {
  messages.forget();
  looks.mockClear();
  await accepted(system.url, client, rows(100));
  const { names } = messages;
  await until(() => names.includes("batch.completed") && looks.mock.calls.length > 0);
  // What was published is deleted by and by; whatever else the batch's end causes has been sent by then.
  await until(async () => (await select(system, "SELECT 1 FROM outbox")).length === 0);
  // The last uses of all keys are told by the clock, not by a batch.
  return names.filter((name) => name !== "clientCache.noteKeyUses");
}

test("a batch of 100 records takes these messages, from its request to the end", async () => {
  const client = await newClient(system.url);
  await costOf(client);
  expect((await costOf(client)).toSorted()).toEqual(all.toSorted());
  expect(looks).toHaveBeenCalledTimes(1);
  expect(all.length).toBeLessThanOrEqual(18);
});

test("a batch by a policy that is new asks for it once, and so for its client", async () => {
  const client = await newClient(system.url, { chunkRecords: 50 });
  const more = ["policy.version", "clientCache.get", "batch.commitChunk"];
  expect((await costOf(client)).toSorted()).toEqual([...all, ...more].toSorted());
});
