/**
 * An operator takes back what a batch has delivered: all of it, exactly once, even if a node dies half-way. Then the same content
 * may be sent again.
 */
import { actors } from "../../../services/actors.ts";
import { accepted, admin, batchWhen, get, lines, newClient, type TestClient } from "../../helpers/http.ts";
import { until } from "../../helpers/patience.ts";
import { quick, type System, startSystem } from "../../helpers/system.ts";
import { ended, handler, hasStatus, row, rows, select, storeOf } from "./kit.ts";

let system: System;
const own = handler("own", () => null);
/** A handler that takes batches back, but fails at its first call. */
const asked: { batchId: string }[] = [];
const willing = handler("willing", (call) => {
  if (call.records) return null;
  asked.push(call);
  if (asked.filter(({ batchId }) => batchId === call.batchId).length === 1) throw new Error("the ledger is closed");
  return null;
});
Object.assign(willing.schema.actions?.run as object, { importUndo: true });
/** A handler that fails every batch, and takes batches back once it is released. */
const gate = Promise.withResolvers<void>();
const slow = handler("slow", (call) => (call.records ? { outcome: "fail", reason: "half done" } : gate.promise));
Object.assign(slow.schema.actions?.run as object, { importUndo: true });

beforeAll(async () => {
  const env = { WEBHOOK_ALLOWED_HOSTS: "127.0.0.1", ...quick };
  system = await startSystem({ env, extra: [own.schema, willing.schema, slow.schema] });
});
afterAll(() => system.stop());
afterEach(() => jest.restoreAllMocks());

async function undo(id: string, query = "", body: unknown = { reason: "Last year's prices." }) {
  const answer = await admin(system.url, `/batches/${id}/undo${query}`, { method: "POST", body: JSON.stringify(body) });
  return { status: answer.status, body: await answer.json() };
}

async function imported(client: TestClient, body: string) {
  const { id } = await accepted(system.url, client, body);
  await ended(system, client, id);
  return id;
}
const recordsOf = (client: TestClient, id: string) => lines(get(system.url, client, `/imports/${id}/records`));
const undone = (client: TestClient, id: string) => batchWhen(system.url, client, id, hasStatus("undone"));

test("records, unique keys and content are deleted, the counts and the reason stay, and a webhook is sent", async () => {
  const webhook = { url: "http://127.0.0.1:9/hook", events: ["batch.undone"] };
  const client = await newClient(system.url, { uniqueKey: "n", dedup: "reject", webhook, chunkRecords: 2_000 });
  const id = await imported(client, rows(4_500));
  const kept = await imported(client, `${rows(2)}\n{"n":9001}`);
  expect(await undo(id, "?dryRun=true")).toEqual({
    status: 200,
    body: { id, status: "completed", records: 4_500, duplicatesElsewhere: 2 },
  });
  expect(await recordsOf(client, id)).toHaveLength(4_500);
  expect(await undo(id)).toMatchObject({
    status: 202,
    body: { id, status: "undoing", finishedAt: expect.any(String) },
  });
  expect(await undone(client, id)).toMatchObject({
    status: "undone",
    counts: { received: 4_500, accepted: 4_500 },
    error: { code: "undone-by-operator", detail: "Last year's prices." },
    progress: 1,
  });
  expect([await recordsOf(client, id), await recordsOf(client, kept)]).toEqual([[], [expect.anything()]]);
  expect(await undo(id)).toMatchObject({ status: 200, body: { status: "undone" } });
  expect(await undo(id, "?dryRun=true")).toEqual({
    status: 200,
    body: { id, status: "undone", records: 0, duplicatesElsewhere: 2 },
  });
  const deliveries = await (await admin(system.url, `/deliveries?batch=${id}`)).json();
  expect(deliveries).toMatchObject({ items: [{ event: "batch.undone" }] });
  const again = await accepted(system.url, client, rows(4_500));
  expect(await ended(system, client, again.id)).toMatchObject({ counts: { accepted: 4_500, duplicate: 0 } });
});

test("if a node dies half-way, another one goes on, and no data of other batches is deleted", async () => {
  const client = await newClient(system.url, { uniqueKey: "n" });
  const [id, other] = [await imported(client, rows(4_500)), await imported(client, '{"n":9001}')];
  const store = storeOf(system);
  const pieces = jest.spyOn(store, "undoRecords");
  pieces.mockImplementationOnce(store.undoRecords).mockRejectedValueOnce(new Error("killed"));
  await undo(id);
  await undone(client, id);
  expect(pieces.mock.calls.length).toBeGreaterThan(3);
  expect([await recordsOf(client, id), await recordsOf(client, other)]).toEqual([[], [expect.anything()]]);
  expect(await select(system, `SELECT 1 FROM record_key WHERE batch_id = ${(await row(system, id)).id}`)).toEqual([]);
});

test("a failed batch is taken back with its body, and the next batch in order goes on", async () => {
  const schema = { properties: { n: { type: "integer" } } };
  const client = await newClient(system.url, { schema, maxErrors: 0, chunkRecords: 2, order: "fifo" });
  const id = await imported(client, `${rows(2)}\n{"n":"x"}\n{"n":3}`);
  const { id: behind } = await accepted(system.url, client, rows(1));
  expect(await row(system, id)).toMatchObject({ state: "failed", accepted: 3, chunks: 2 });
  expect(await undo(id)).toMatchObject({ status: 202 });
  expect(await ended(system, client, behind)).toMatchObject({ status: "completed" });
  await until(async () => (await row(system, id)).chunks === 0);
  expect(await recordsOf(client, id)).toEqual([]);
  const retry = (query: string) =>
    fetch(`${system.url}/imports/${id}/retry${query}`, { method: "POST", headers: { authorization: client.auth } });
  for (const query of ["", "?only=rejected"])
    expect(await (await retry(query)).json()).toMatchObject({ code: "illegal-state", current: "undone" });
});

test("a handler that declares importUndo is called until it answers", async () => {
  const client = await newClient(system.url, { handler: "willing.run" });
  const id = await imported(client, rows(2));
  expect(await undo(id, "?dryRun=true")).toMatchObject({ status: 200, body: { records: 2 } });
  expect(asked).toEqual([]);
  await undo(id);
  const asOperator = async () =>
    (await admin(system.url, `/batches/${id}`)).json() as Promise<{ waits?: string | null }>;
  await until(async () => (await asOperator()).waits?.includes("the ledger is closed"));
  await undone(client, id);
  expect(asked).toEqual([{ batchId: id }, { batchId: id }]);
  const discreet = await newClient(system.url, {
    handler: "willing.run",
    schema: { properties: { n: {} } },
    sensitive: ["n"],
  });
  const other = await imported(discreet, rows(1));
  await undo(other);
  const waits = async () => ((await (await admin(system.url, `/batches/${other}`)).json()) as { waits?: string }).waits;
  expect(await until(waits)).toBe('the handler "willing.run" has not taken it back');
  const keyed = await newClient(system.url, { handler: "willing.run", uniqueKey: "n" });
  expect(await undo(await imported(keyed, rows(1)))).toMatchObject({ status: 409, body: { code: "not-undoable" } });
});

test("an undo is refused for a batch that has not ended, has delivered nothing, or went to a handler without importUndo", async () => {
  const refusal = { status: 409, body: { code: "illegal-state" } };
  const held = await newClient(system.url, { requiresApproval: true });
  const { id } = await accepted(system.url, held, rows(1));
  expect(await undo(id)).toMatchObject({ ...refusal, body: { current: "held" } });
  await admin(system.url, `/batches/${id}/cancel`, { method: "POST" });
  expect(await undo(id)).toMatchObject({ ...refusal, body: { current: "cancelled" } });
  const elsewhere = await newClient(system.url, { handler: "own.run" });
  const handled = await imported(elsewhere, rows(1));
  for (const query of ["", "?dryRun=true"])
    expect(await undo(handled, query)).toMatchObject({ status: 409, body: { code: "not-undoable" } });
  expect(await undo(handled, "", {})).toMatchObject({ status: 422, body: { errors: [{ pointer: "/reason" }] } });
  expect(await undo("0193a000-0000-7000-8000-000000000000")).toMatchObject({ status: 404 });
});

test("a correction is taken back with its marks: its records can be corrected again, and sent again by a retry", async () => {
  const schema = { properties: { n: { type: "integer" } } };
  const partner = await newClient(system.url, { schema, uniqueKey: "n" });
  const headers = { authorization: partner.auth, "content-type": "application/x-ndjson" };
  const first = await imported(partner, '{"n":"x"}\n{"n":"y"}\n{"n":"z"}');
  const sent = async (path: string, body: string | null = null) => {
    const { id } = (await (await fetch(`${system.url}${path}`, { method: "POST", headers, body })).json()) as {
      id: string;
    };
    return { id, counts: (await ended(system, partner, id)).counts };
  };
  const correct = (body: string) => sent(`/imports?corrects=${first}`, body);
  const corrected = async () => (await row(system, first)).corrected;
  const one = await correct('{"_record":1,"n":1}\n{"_record":2,"n":2}');
  const other = await correct('{"_record":3,"n":3}');
  expect([one.counts, other.counts, await corrected()]).toMatchObject([{ accepted: 2 }, { accepted: 1 }, 3]);
  expect(await undo(one.id)).toMatchObject({ status: 202 });
  await undone(partner, one.id);
  expect([await corrected(), await recordsOf(partner, one.id), (await recordsOf(partner, other.id)).length]).toEqual([
    1,
    [],
    1,
  ]);
  const again = await correct('{"_record":1,"n":1}\n{"_record":3,"n":4}');
  expect([again.counts, await corrected()]).toMatchObject([{ accepted: 1, rejected: 1 }, 2]);

  await admin(system.url, `/clients/${partner.id}/policy`, { method: "PATCH", body: '{"schema":null}' });
  const retry = () => sent(`/imports/${first}/retry?only=rejected`);
  const retried = await retry();
  expect([retried.counts, await corrected(), (await retry()).id]).toMatchObject([{ accepted: 1 }, 3, retried.id]);
  await undo(retried.id);
  expect(await undone(partner, retried.id)).toMatchObject({ retryOf: first });
  expect(await corrected()).toBe(2);
  const more = await retry();
  expect([more.id === retried.id, more.counts, await corrected()]).toMatchObject([false, { accepted: 1 }, 3]);

  await undo(first);
  await undone(partner, first);
  expect([(await recordsOf(partner, more.id)).length, await corrected()]).toEqual([1, 3]);
  const late = await fetch(`${system.url}/imports?corrects=${first}`, {
    method: "POST",
    headers,
    body: '{"_record":1}',
  });
  expect(await late.json()).toMatchObject({ code: "illegal-state", current: "undone" });
});

test("a slow handler delays no other batch, and one node at a time calls it, also for a batch that failed before its first commit", async () => {
  const [client, store] = [await newClient(system.url, { handler: "slow.run" }), await newClient(system.url)];
  const id = await imported(client, rows(2));
  expect(await row(system, id)).toMatchObject({ state: "failed", accepted: 0 });
  expect(await undo(id)).toMatchObject({ status: 202 });
  await until(() => slow.of(id).length === 2);
  for (let i = 0; i < 2; i++) {
    const other = await imported(store, rows(1));
    await undo(other);
    await undone(store, other);
  }
  expect(await actors.batch.claimUndo(system.broker, { publicId: id, forMs: 1 })).toBe(false);
  expect(slow.of(id)).toHaveLength(2);
  gate.resolve();
  await undone(client, id);
  expect(slow.of(id)).toMatchObject([{ records: [{ record: 1 }, { record: 2 }] }, { batchId: id }]);
  expect(await actors.batch.claimUndo(system.broker, { publicId: id, forMs: 1 })).toBe(false);
  const elsewhere = await newClient(system.url, {
    handler: "slow.run",
    schema: { required: ["m"] },
    onInvalid: "rejectBatch",
  });
  const refused = await imported(elsewhere, rows(1));
  expect(await undo(refused)).toMatchObject({ status: 409, body: { code: "illegal-state", current: "failed" } });
});
