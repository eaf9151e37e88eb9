import { accepted, type Batch, batchWhen, get, lines, newClient } from "../helpers/http.ts";
import { type System, startSystem } from "../helpers/system.ts";

let system: System;
beforeAll(async () => {
  system = await startSystem();
});
afterAll(() => system.stop());

const isRunning = ({ status, counts }: Batch) => status === "processing" && counts.accepted > 0;

test("a running batch is cancelled at the first try, and nothing is written afterwards", async () => {
  const client = await newClient(system.url, { chunkRecords: 100 });
  const { id } = await accepted(system.url, client, '{"a":1}\n'.repeat(300_000));
  await batchWhen(system.url, client, id, isRunning);
  const init = { method: "POST", headers: { authorization: client.auth } };
  const response = await fetch(`${system.url}/imports/${id}/cancel`, init);
  const cancelled = (await response.json()) as Batch;
  expect([response.status, cancelled.status]).toEqual([200, "cancelled"]);
  // The next batch of the same client completes meanwhile, which shows that the worker has released the first one.
  const next = await accepted(system.url, client, '{"a":2}');
  expect((await batchWhen(system.url, client, next.id)).status).toBe("completed");
  const records = await lines(get(system.url, client, `/imports/${id}/records`));
  expect(records).toHaveLength(cancelled.counts.accepted);
  expect((await batchWhen(system.url, client, id)).counts).toEqual(cancelled.counts);
});
