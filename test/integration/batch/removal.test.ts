/**
 * The promise: data that is no longer needed is deleted. An aborted upload is deleted at once, a body at its batch's end, and
 * everything after the retention.
 */
import type { BatchRow } from "../../../services/batch/batch.domain.ts";
import { accepted, admin, batchWhen, get, newClient, post } from "../../helpers/http.ts";
import { until } from "../../helpers/patience.ts";
import { databaseOf, ended, handler, hasStatus, row, rows, select, storeOf } from "./kit.ts";
import { countOf, due, endStarted, env, start, system, withoutWorker } from "./waiting.kit.ts";

endStarted();

test("an upload whose node is silent is deleted after its lease, and late writes do not revive it", async () => {
  await start({ services: withoutWorker });
  const store = storeOf(system);
  const client = await newClient(system.url);
  await accepted(system.url, client, rows(1));
  const [{ client_id: clientId } = { client_id: 0 }] = await select<{ client_id: number }>(
    system,
    "SELECT client_id FROM batch",
  );
  const batch = {
    publicId: "01930000-0000-7000-8000-000000000001",
    clientId,
    policyVersion: 1,
    dataset: "default",
    format: "ndjson" as const,
    requestId: null,
    trace: null,
  };
  const chunk = (no: number) => ({
    no,
    firstRecord: no + 1,
    firstLine: no + 1,
    records: 1,
    codec: "none" as const,
    oversized: [],
    body: Buffer.from('{"n":1}'),
  });
  const id = await store.beginUpload(batch, 1_000);
  expect(await store.appendChunks(id, [chunk(0)], 1_000)).toBe(true);
  expect((await get(system.url, client, `/imports/${batch.publicId}`)).status).toBe(404);
  await until(async () => (await store.batch(batch.publicId, null)) === null);
  expect(await store.appendChunks(id, [chunk(1)], 1_000)).toBe(false);
  await until(async () => (await select(system, `SELECT 1 FROM batch_chunk WHERE batch_id = ${id}`)).length === 0);
});

/** A body of more than one chunk, which pauses until the test lets it go on. */
function pausing() {
  const goOn = Promise.withResolvers<boolean>();
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      controller.enqueue(Buffer.from(`${rows(20)}\n`));
      if (await goOn.promise) {
        controller.enqueue(Buffer.from(rows(5)));
        controller.close();
      } else controller.error(new Error("gone"));
    },
  });
  return { body, goOn: () => goOn.resolve(true), breakOff: () => goOn.resolve(false) };
}

test("an upload that is only slow keeps its lease for as long as it takes", async () => {
  await start();
  const client = await newClient(system.url, { chunkRecords: 5 });
  const { body, goOn } = pausing();
  const answer = accepted(system.url, client, body);
  const touch = jest.spyOn(storeOf(system), "touchUploads");
  const [first] = await until(async () => {
    const found = await select<{ due_at: number }>(system, "SELECT due_at FROM batch_work WHERE fence = 0");
    return found.length > 0 && found;
  });
  await until(async () => (await databaseOf(system).now()) > (first?.due_at as number) + 500);
  expect(touch.mock.calls.length).toBeGreaterThanOrEqual(3);
  goOn();
  const { id } = await answer;
  expect(await ended(system, client, id)).toMatchObject({ status: "completed", counts: { accepted: 25 } });
});

test("an aborted upload is deleted completely and at once", async () => {
  await start({ env: { ...env, SWEEP_INTERVAL: "1h" } });
  const client = await newClient(system.url, { chunkRecords: 5 });
  const { body, breakOff } = pausing();
  const answer = post(system.url, client, body).then(
    () => "an answer",
    () => "broken off",
  );
  await until(async () => ((await countOf("batch_chunk")) ?? 0) > 0);
  breakOff();
  expect(await answer).toBe("broken off");
  await until(async () => (await countOf("batch")) === 0);
  expect(await countOf("batch_chunk")).toBe(0);
});

test("a body is deleted when its batch has ended, also a long or a cancelled one; a failed batch keeps its body", async () => {
  const own = handler("own", () => ({ outcome: isFixed ? "done" : "fail" }));
  let isFixed = false;
  await start({ extra: [own.schema] });
  const client = await newClient(system.url, { chunkRecords: 2 });
  const failing = await newClient(system.url, { chunkRecords: 2, handler: "own.run" });
  const held = await newClient(system.url, { chunkRecords: 2, requiresApproval: true });
  const short = await accepted(system.url, client, rows(4));
  const long = await accepted(system.url, client, rows(100));
  const failed = await accepted(system.url, failing, rows(4));
  const cancelled = await accepted(system.url, held, rows(100));
  await fetch(`${system.url}/imports/${cancelled.id}/cancel`, {
    method: "POST",
    headers: { authorization: held.auth },
  });
  await ended(system, client, short.id);
  await ended(system, client, long.id);
  await ended(system, failing, failed.id);
  const days = (batch: BatchRow) => ((batch.dueAt as number) - (batch.finishedAt as number)) / 86_400_000;
  for (const { id } of [short, long, cancelled]) {
    const batch = await until(async () => {
      const found = await row(system, id);
      return found.chunks === 0 && found;
    });
    expect(days(batch)).toBeGreaterThan(29.99);
    expect(await select(system, `SELECT no FROM batch_chunk WHERE batch_id = ${batch.id}`)).toEqual([]);
  }
  const kept = await row(system, failed.id);
  expect(kept.chunks).toBe(2);
  expect(days(kept)).toBeGreaterThan(29.99);
  expect(await select(system, `SELECT no FROM batch_chunk WHERE batch_id = ${kept.id}`)).toHaveLength(2);
  isFixed = true;
  await admin(system.url, `/batches/${failed.id}/redrive`, { method: "POST", body: "{}" });
  await batchWhen(system.url, failing, failed.id, hasStatus("completed"));
  await until(async () => (await countOf("batch_chunk")) === 0);
});

test("after the retention all of a batch is deleted, piece by piece", async () => {
  await start();
  const schema = { type: "object", properties: { n: { maximum: 24_000 } } };
  const client = await newClient(system.url, { schema });
  const old = await accepted(system.url, client, rows(25_000));
  const young = await accepted(system.url, client, rows(3));
  expect(await ended(system, client, old.id)).toMatchObject({ counts: { accepted: 24_000, rejected: 1_000 } });
  await ended(system, client, young.id);
  const remove = jest.spyOn(storeOf(system), "deleteBatch");
  const { id } = await until(async () => {
    const found = await row(system, old.id);
    return found.chunks === 0 && found;
  });
  await due("batch", `id = ${id}`);
  await until(async () => (await get(system.url, client, `/imports/${old.id}`)).status === 404);
  expect(remove.mock.calls.length).toBeGreaterThan(2);
  const left = { batch: 1, batch_chunk: 0, record: 3, record_error: 0 };
  for (const [table, count] of Object.entries(left)) expect([table, await countOf(table)]).toEqual([table, count]);
});
