/** The policy's `uniqueKey`: of a client's records with the same key exactly one is delivered. */
import type { HandlerCall } from "../../../services/batchProcessor/batchProcessor.contract.ts";
import { accepted, get, lines, newClient } from "../../helpers/http.ts";
import { until } from "../../helpers/patience.ts";
import { quick, type System, startSystem } from "../../helpers/system.ts";
import { databaseOf, ended, handler, select, storeOf } from "./kit.ts";

let system: System;
let answer: (call: HandlerCall) => unknown = () => null;
const own = handler("own", (call) => answer(call));

beforeAll(async () => {
  const env = { ...quick, BATCH_LEASE: "2s" };
  system = await startSystem({ env, extra: [own.schema] });
});
afterAll(() => system.stop());
beforeEach(() => {
  answer = () => null;
});

const orders = (...ids: (number | string | null)[]) => ids.map((id) => JSON.stringify({ id })).join("\n");
const backoff = { type: "fixed", delayMs: 20, maxMs: 20 };

async function imported(client: Awaited<ReturnType<typeof newClient>>, body: string) {
  const { id } = await accepted(system.url, client, body);
  return { id, batch: await ended(system, client, id) };
}
const delivered = (id: string) => own.of(id).flatMap(({ records }) => records.map(({ data }) => data.id));

test("a unique key is delivered once within a chunk, within a batch and over batches", async () => {
  const client = await newClient(system.url, { uniqueKey: "id", chunkRecords: 3 });
  const first = await imported(client, orders(1, 2, 1, 2, 3, 4, 4, null, null));
  expect(first.batch).toMatchObject({
    status: "completed",
    counts: { received: 9, accepted: 6, rejected: 0, duplicate: 3 },
  });
  const stored = await lines(get(system.url, client, `/imports/${first.id}/records`));
  expect(stored).toEqual([1, 2, 3, 4, null, null].map((id, i) => ({ record: [1, 2, 5, 6, 8, 9][i], data: { id } })));
  const second = await imported(client, orders(4, 3, 2, 1));
  expect(second.batch).toMatchObject({ status: "completed", counts: { received: 4, accepted: 0, duplicate: 4 } });
  const third = await imported(client, orders("4", 5));
  expect(third.batch).toMatchObject({ counts: { accepted: 2, duplicate: 0 } });
});

test("the event of a batch's end has the same counts", async () => {
  const [alone, together] = [jest.spyOn(storeOf(system), "commitChunk"), jest.spyOn(storeOf(system), "commitChunks")];
  const client = await newClient(system.url, { uniqueKey: ["id"] });
  await imported(client, orders(7));
  const { batch } = await imported(client, orders(7, 8, 8));
  const commits = [...alone.mock.calls, ...together.mock.calls.flat()].flat();
  const told = commits.flatMap(({ end }) => end?.events ?? []).map(({ body }) => JSON.parse(body).data);
  expect(told.find(({ batchId }) => batchId === batch.id).counts).toEqual(batch.counts);
  expect(batch.counts).toEqual({ received: 3, accepted: 1, rejected: 0, duplicate: 2 });
  alone.mockRestore();
  together.mockRestore();
});

test("a record that the schema rejected does not block its correction", async () => {
  const schema = { properties: { n: { type: "integer" } } };
  const client = await newClient(system.url, { uniqueKey: "id", schema });
  const first = await imported(client, '{"id":1,"n":"x"}\n{"id":1,"n":1}\n{"id":2,"n":"x"}');
  expect(first.batch).toMatchObject({ counts: { accepted: 1, rejected: 2, duplicate: 0 } });
  const second = await imported(client, '{"id":2,"n":2}');
  expect(second.batch).toMatchObject({ counts: { accepted: 1, duplicate: 0 } });
});

test("maxErrors also ends a batch with unique keys", async () => {
  const schema = { properties: { id: { type: "integer" } } };
  const client = await newClient(system.url, { uniqueKey: "id", schema, maxErrors: 1, chunkRecords: 2 });
  const { batch } = await imported(client, orders(1, 1, "a", "b", 5, 6));
  expect(batch).toMatchObject({
    status: "failed",
    error: { code: "too-many-errors" },
    counts: { accepted: 1, rejected: 2, duplicate: 1 },
  });
});

test("unique keys of CSV, and of several fields", async () => {
  const client = await newClient(system.url, { uniqueKey: ["shop", "order.no"] });
  const body = "shop,order.no,n\na,1,1\na,2,2\nb,1,3\na,1,4\na,,5\na,,6\n";
  const { id } = await accepted(system.url, client, body, "text/csv");
  expect(await ended(system, client, id)).toMatchObject({ counts: { accepted: 5, duplicate: 1 } });
});

test("batches that run at once accept each key once", async () => {
  const client = await newClient(system.url, { uniqueKey: "id", maxConcurrentBatches: 8, chunkRecords: 50 });
  const ids = Array.from({ length: 300 }, (_, i) => i);
  const bodies = Array.from({ length: 6 }, (_, i) => orders(...(i % 2 ? ids : ids.toReversed())));
  const batches = await Promise.all(bodies.map((body) => imported(client, body)));
  const sum = (name: "accepted" | "duplicate") => batches.reduce((all, { batch }) => all + batch.counts[name], 0);
  expect([sum("accepted"), sum("duplicate")]).toEqual([300, 1500]);
  const [{ n }] = (await select<{ n: number | string }>(
    system,
    `SELECT count(*) AS n FROM record r JOIN batch b ON b.id = r.batch_id
     WHERE b.public_id IN (${batches.map(({ id }) => `'${id}'`).join(",")})`,
  )) as [{ n: number | string }];
  expect(Number(n)).toBe(300);
});

test.each([
  ["the built-in store", {}],
  ["another handler", { handler: "own.run" }],
])("with uniqueKeyDays a key expires that long after its delivery to %s", async (_name, over) => {
  const client = await newClient(system.url, { uniqueKey: "id", uniqueKeyDays: 7, ...over });
  const [first, second] = [`${client.id}-1`, `${client.id}-2`];
  await imported(client, orders(first));
  expect((await imported(client, orders(first))).batch).toMatchObject({ counts: { accepted: 0, duplicate: 1 } });
  const now = await databaseOf(system).now();
  const keys = await select<{ ends_at: number }>(system, "SELECT ends_at FROM record_key WHERE ends_at IS NOT NULL");
  expect(keys).toHaveLength(1);
  expect(Math.abs(Number(keys[0]?.ends_at) - now - 7 * 86_400_000)).toBeLessThan(60_000);
  await select(system, "UPDATE record_key SET ends_at = 1 WHERE ends_at IS NOT NULL");
  await until(async () => (await select(system, "SELECT 1 FROM record_key WHERE ends_at = 1")).length === 0);
  expect((await imported(client, orders(first, second))).batch).toMatchObject({ counts: { accepted: 2 } });
  await select(system, "UPDATE record_key SET ends_at = NULL");
});

describe("unique keys with a custom handler", () => {
  const policy = { uniqueKey: "id", handler: "own.run", backoff, chunkRecords: 2 };

  test("gets no duplicate, and the same records when a call is repeated", async () => {
    let isFirst = true;
    answer = ({ chunk }) => {
      const fails = isFirst && chunk === 1;
      if (fails) isFirst = false;
      return fails ? { outcome: "retry" } : null;
    };
    const client = await newClient(system.url, policy);
    const first = await imported(client, orders(1, 1, 2, 3));
    expect(first.batch).toMatchObject({ status: "completed", counts: { accepted: 3, duplicate: 1 } });
    expect(delivered(first.id)).toEqual([1, 2, 3, 2, 3]);
    const second = await imported(client, orders(3, 4));
    expect(second.batch).toMatchObject({ counts: { accepted: 1, duplicate: 1 } });
    expect(delivered(second.id)).toEqual([4]);
  });

  test("a record that the handler refuses may come again", async () => {
    answer = ({ records }) => ({
      rejected: records.filter(({ data }) => data.id === 2).map(({ record }) => ({ record, errors: [{ code: "no" }] })),
    });
    const client = await newClient(system.url, policy);
    expect((await imported(client, orders(1, 2))).batch).toMatchObject({ counts: { accepted: 1, rejected: 1 } });
    answer = () => null;
    expect((await imported(client, orders(1, 2))).batch).toMatchObject({ counts: { accepted: 1, duplicate: 1 } });
  });

  test("a batch that fails for good frees the keys that it did not deliver", async () => {
    answer = ({ chunk }) => (chunk === 1 ? { outcome: "fail", reason: "no" } : null);
    const client = await newClient(system.url, policy);
    expect((await imported(client, orders(1, 2, 3, 4))).batch).toMatchObject({ status: "failed" });
    answer = () => null;
    const again = await imported(client, orders(1, 2, 3, 4));
    expect(again.batch).toMatchObject({ counts: { accepted: 2, duplicate: 2 } });
    expect(delivered(again.id)).toEqual([3, 4]);
  });
});
