/** What a custom handler is promised, and what each of its answers does to a chunk. */
import { Errors } from "moleculer";
import type { HandlerCall } from "../../../services/batchProcessor/batchProcessor.contract.ts";
import { accepted, admin, batchWhen, get, lines, newClient } from "../../helpers/http.ts";
import { testOnce } from "../../helpers/once.ts";
import { until } from "../../helpers/patience.ts";
import { quick, type System, startSystem } from "../../helpers/system.ts";
import { hears } from "../../unit/contracts/kit.ts";
import { ended, handler, hasStatus, row, rows, select } from "./kit.ts";

let system: System;
/** What the handler "own.run" answers, by client. */
const answers = new Map<string, (call: HandlerCall) => unknown>();
const own = handler("own", (call) => answers.get(call.clientId)?.(call));

beforeAll(async () => {
  const env = { ...quick, BATCH_LEASE: "2s" };
  system = await startSystem({ env, extra: [own.schema] });
});
afterAll(() => system.stop());

type Policy = Record<string, unknown>;
const backoff = { type: "fixed", delayMs: 20, maxMs: 20 };

/** A client whose handler answers with `answer`. */
async function clientOf(answer: (call: HandlerCall, no: number) => unknown, policy: Policy = {}) {
  const client = await newClient(system.url, { handler: "own.run", backoff, ...policy });
  let no = 0;
  answers.set(client.id, (call) => answer(call, no++));
  return client;
}

/** Sends records to such a handler, and waits for the end of the batch. */
async function run(answer: (call: HandlerCall, no: number) => unknown, policy: Policy = {}, body = rows(3)) {
  const client = await clientOf(answer, policy);
  const { id } = await accepted(system.url, client, body);
  const batch = await ended(system, client, id);
  return { client, id, batch, asOperator: await asOperator(id), calls: own.of(id) };
}

const asOperator = async (id: string) => (await admin(system.url, `/batches/${id}`)).json();

const failsWith = (detail: unknown) => ({ status: "failed", error: { code: "handler-failed", detail } });
/** The error that the partner sees, whatever the handler answered. */
const failed = failsWith("The handler failed.");

test("a handler gets the accepted records of each chunk, with the ids that make it idempotent", async () => {
  const schema = { type: "object", properties: { n: { type: "integer" } } };
  const body = 'n,note\n1,"a\nb"\n2,\nx,\n4,d\n5,e\n';
  const client = await clientOf(() => null, { schema, chunkRecords: 2 });
  const { id } = await accepted(system.url, client, body, "text/csv");
  expect(await ended(system, client, id)).toMatchObject({
    status: "completed_with_errors",
    counts: { received: 5, accepted: 4, rejected: 1 },
  });
  const { fence } = await row(system, id);
  const same = { batchId: id, clientId: client.id, dataset: "default", fence };
  expect(own.of(id)).toEqual([
    {
      ...same,
      chunk: 0,
      records: [
        { record: 1, data: { n: 1, note: "a\nb" } },
        { record: 2, data: { n: 2 } },
      ],
    },
    { ...same, chunk: 1, records: [{ record: 4, data: { n: 4, note: "d" } }] },
    { ...same, chunk: 2, records: [{ record: 5, data: { n: 5, note: "e" } }] },
  ]);
  expect(
    await select(system, `SELECT * FROM record r JOIN batch b ON b.id = r.batch_id AND b.public_id = '${id}'`),
  ).toEqual([]);
});

testOnce.each([[undefined], [null], [{}], [{ outcome: "done" }], [{ rejected: [] }]])("%j is done", async (answer) => {
  const { batch } = await run(() => answer);
  expect(batch).toMatchObject({ status: "completed", counts: { accepted: 3, rejected: 0 }, attempts: 1 });
});

test("records that a handler refuses are reported with line and text, in order with those of the schema", async () => {
  const schema = { type: "object", properties: { n: { type: "integer" } } };
  const rejected = [
    { record: 5, errors: [{ field: "n", code: "sold-out", message: "There is none left." }, { code: "second" }] },
    { record: 1, errors: [{ code: "unknown-customer" }] },
  ];
  const client = await clientOf(() => ({ rejected }), { schema });
  const { id } = await accepted(system.url, client, 'n,note\n1,"a\nb"\n2,\nx,\n4,d\n5,e\n', "text/csv");
  expect(await ended(system, client, id)).toMatchObject({
    status: "completed_with_errors",
    counts: { received: 5, accepted: 2, rejected: 3 },
  });
  expect(await lines(get(system.url, client, `/imports/${id}/errors`))).toMatchObject([
    {
      record: 1,
      line: 2,
      raw: '1,"a\nb"',
      errors: [{ field: "", code: "unknown-customer", message: "unknown-customer" }],
    },
    { record: 3, line: 5, raw: "x,", errors: [{ field: "n", code: "type" }] },
    {
      record: 5,
      line: 7,
      raw: "5,e",
      errors: [
        { field: "n", code: "sold-out", message: "There is none left." },
        { field: "", code: "second", message: "second" },
      ],
    },
  ]);
});

test("a throw is tried again after the backoff, under a higher fence, and fails at maxAttempts", async () => {
  const at: number[] = [];
  const { id, batch, asOperator, calls } = await run(
    () => {
      at.push(performance.now());
      throw new Error("the shop is closed");
    },
    { maxAttempts: 3, backoff: { type: "fixed", delayMs: 200, maxMs: 200 } },
  );
  expect(batch).toMatchObject({ ...failed, attempts: 3 });
  expect(asOperator).toMatchObject({ ...failsWith(expect.stringContaining("the shop is closed")), attempts: 3 });
  expect(calls).toHaveLength(3);
  const kept = await select(
    system,
    `SELECT a.no, a.node, a.code FROM batch_attempt a JOIN batch b ON b.id = a.batch_id WHERE b.public_id = '${id}' ORDER BY a.no`,
  );
  expect(kept).toEqual([1, 2, 3].map((no) => ({ no, node: system.broker.nodeID, code: "handler-failed" })));
  const { detail } = (asOperator as { lastAttempt: { detail: string } }).lastAttempt;
  expect(detail).toContain("the shop is closed");
  expect(detail).not.toContain("Failed 3 times");
  // The jitter changes the wait by a fifth at most, and the database's clock counts whole milliseconds.
  for (const [i, time] of at.slice(1).entries()) expect(time - (at[i] as number)).toBeGreaterThanOrEqual(155);
  const fences = calls.map(({ fence }) => fence);
  expect(new Set(fences).size).toBe(3);
  expect(fences).toEqual([...fences].sort((a, b) => a - b));
});

test("a later chunk has its own attempts, and earlier chunks are not delivered again", async () => {
  let failures = 0;
  const answer = ({ chunk }: HandlerCall) => {
    if (chunk < 2 || failures++ >= 2) return null;
    throw new Error("not yet");
  };
  const { batch, calls } = await run(answer, { chunkRecords: 1, maxAttempts: 3 });
  expect(batch).toMatchObject({ status: "completed", counts: { accepted: 3 }, attempts: 3 });
  expect(calls.map(({ chunk }) => chunk)).toEqual([0, 1, 2, 2, 2]);
});

test("retry waits as long as the handler asks, and counts", async () => {
  const answer = () => ({ outcome: "retry", delayMs: 1, reason: "busy" });
  const { batch, asOperator, calls } = await run(answer, {
    maxAttempts: 2,
    backoff: { type: "fixed", delayMs: 60_000, maxMs: 60_000 },
  });
  expect([batch, asOperator]).toMatchObject([failed, failsWith(expect.stringContaining("busy"))]);
  expect(calls).toHaveLength(2);
});

test("snooze waits without an attempt", async () => {
  const answer = (_call: HandlerCall, no: number) => (no < 4 ? { outcome: "snooze", delayMs: 10 } : null);
  const { batch, calls } = await run(answer, { maxAttempts: 1 });
  expect(batch).toMatchObject({ status: "completed", attempts: 1 });
  expect(calls).toHaveLength(5);
});

test("an answer that does not come in time is an attempt", async () => {
  const answer = (_call: HandlerCall, no: number) => (no === 0 ? new Promise(() => {}) : null);
  const { batch } = await run(answer, { handlerTimeoutMs: 100 });
  expect(batch).toMatchObject({ status: "completed", attempts: 2 });
});

test("cancel and fail end the batch; what was delivered before stays counted", async () => {
  const at = (outcome: string) => (call: HandlerCall) => (call.chunk === 0 ? null : { outcome, reason: "enough" });
  const cancelled = await run(at("cancel"), { chunkRecords: 1 });
  expect(cancelled.batch).toMatchObject({ status: "cancelled", counts: { received: 3, accepted: 1 }, error: null });
  const gaveUp = await run(at("fail"), { chunkRecords: 1 });
  expect(gaveUp.batch).toMatchObject({ ...failed, counts: { received: 3, accepted: 1 } });
  expect(gaveUp.asOperator).toMatchObject(failsWith("enough"));
  for (const { calls } of [cancelled, gaveUp]) expect(calls.map(({ chunk }) => chunk)).toEqual([0, 1]);
});

testOnce.each([
  [{ outcome: "banana" }],
  ["done"],
  [5],
  [[]],
  [{ rejected: "all" }],
  [{ rejected: [{ record: 1 }] }],
  [{ rejected: [{ record: 1, errors: [{ code: 7 }] }] }],
  [{ rejected: [null] }],
])("%j is no answer: the batch fails loudly, at once", async (answer) => {
  const { batch, asOperator, calls } = await run(() => answer);
  expect([batch, asOperator]).toMatchObject([failed, failsWith(expect.stringContaining("answer"))]);
  expect(calls).toHaveLength(1);
});

test("an error because the handler misses a service of its own does not count as a missing handler", async () => {
  const answer = () => Promise.reject(new Errors.ServiceNotFoundError({ action: "stock.get", nodeID: "" }));
  const { batch, asOperator } = await run(answer, { maxAttempts: 2 });
  expect([batch, asOperator]).toMatchObject([failed, failsWith(expect.stringContaining("stock.get"))]);
});

test("only operators learn why a handler failed, however a partner asks", async () => {
  const secret = "connect ECONNREFUSED 10.1.2.3:5432 for 'own.run' on node-7\n\u001b[31mred";
  const told: unknown[] = [];
  const listener = system.broker.createService(hears("batch.completed", told));
  const answer = () => Promise.reject(new Error(secret));
  const webhook = { url: "https://partner.example/hooks" };
  const { client, id, batch, asOperator } = await run(answer, { maxAttempts: 1, webhook });
  expect(batch).toMatchObject(failed);
  const waits = { prefer: "wait=5", "if-none-match": '"v0"' };
  const ways = [
    get(system.url, client, `/imports/${id}`, waits),
    get(system.url, client, "/imports?status=failed"),
    get(system.url, client, `/imports/${id}/events`),
    get(system.url, client, `/imports/${id}/errors`),
  ];
  const shown = await Promise.all(ways.map(async (way) => (await way).text()));
  const deliveries = await select(
    system,
    `SELECT body FROM delivery d JOIN batch b ON b.id = d.batch_id AND b.public_id = '${id}'`,
  );
  expect(deliveries).toHaveLength(1);
  await until(() => told.length > 0);
  for (const text of [...shown, JSON.stringify(deliveries), JSON.stringify(told)])
    expect(text).not.toContain("ECONNREFUSED");
  // Operators see one line without characters that would control a terminal.
  const detail = "Failed: connect ECONNREFUSED 10.1.2.3:5432 for 'own.run' on node-7 [31mred";
  expect(asOperator).toMatchObject(failsWith(detail));
  const list = (await (await admin(system.url, `/batches?client=${client.id}`)).json()) as { items: unknown[] };
  expect(list.items).toMatchObject([failsWith(detail)]);
  await system.broker.destroyService(listener);
});

test("maxAttempts 1 is one try, of a later chunk too", async () => {
  const answer = ({ chunk }: HandlerCall) => {
    if (chunk === 1) throw new Error("never");
  };
  const { batch, asOperator, calls } = await run(answer, { chunkRecords: 1, maxAttempts: 1 });
  expect([batch, asOperator]).toMatchObject([failed, failsWith(expect.stringContaining("never"))]);
  expect(batch.counts.accepted).toBe(1);
  expect(calls.map(({ chunk }) => chunk)).toEqual([0, 1]);
});

test("a redriven batch goes on at the chunk that failed", async () => {
  let isOpen = false;
  const client = await clientOf(({ chunk }) => (chunk === 0 || isOpen ? null : { outcome: "fail" }), {
    chunkRecords: 2,
  });
  const { id } = await accepted(system.url, client, rows(5));
  expect(await ended(system, client, id)).toMatchObject({ status: "failed", counts: { accepted: 2 } });
  isOpen = true;
  expect((await admin(system.url, `/batches/${id}/redrive`, { method: "POST", body: "{}" })).status).toBe(200);
  expect(await batchWhen(system.url, client, id, hasStatus("completed"))).toMatchObject({
    counts: { received: 5, accepted: 5 },
    error: null,
  });
  expect(own.of(id).map(({ chunk }) => chunk)).toEqual([0, 1, 1, 2]);
});
