/** The promise: the history of a batch tells who has moved it, when and why, and how its attempts failed, from the first one on. */
import type { Database } from "../../database/database.ts";
import { BATCH_WRITTEN } from "../../services/batch/batch.contract.ts";
import type { BatchRow } from "../../services/batch/batch.domain.ts";
import { retryOfAnyClient } from "../../services/behalf.ts";
import { accepted, admin, type Batch, batchWhen, newClient, type TestClient } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import { newBatch, stored, upload } from "../integration/store/drafts.ts";
import { asked, handler, type Json, startAdmin, system, url } from "./admin.kit.ts";

startAdmin();

interface Item extends Json {
  at: string;
  from: string | null;
  to: string;
  by: { kind: string; name: string | null };
}

async function history(id: string): Promise<Item[]> {
  const { status, body } = await asked("GET", `/batches/${id}/history`);
  expect([status, body.truncated]).toEqual([200, false]);
  const items = body.items as Item[];
  expect(items.map(({ at }) => at)).toEqual(items.map(({ at }) => at).sort());
  return items;
}

/** `held → ready operator:alice`. */
const inShort = ({ from, to, by: { kind, name } }: Item) => `${from} → ${to} ${kind}${name === null ? "" : `:${name}`}`;

const none = { node: null, attempt: null, chunk: null, code: null, detail: null, reason: null };
const time = expect.stringMatching(/^\d{4}-.*Z$/);

let made = 0;
/** A call by an operator with a name. */
async function by(name: string) {
  const operator = { name: `${name}-${++made}`, role: "operator" };
  const { token } = (await asked("POST", "/operators", operator)).body;
  const headers = { authorization: `Bearer ${token}` };
  const move = (id: string, action: string, body: object = {}) =>
    admin(url, `/batches/${id}/${action}`, { method: "POST", headers, body: JSON.stringify(body) });
  return { ...operator, move };
}

const databaseOf = () => (system.broker.getLocalService("batch") as unknown as { database: Database }).database;

const own = (client: TestClient, id: string, action: string) =>
  fetch(`${url}/imports/${id}/${action}`, { method: "POST", headers: { authorization: client.auth } });

const audit = async (subject: string) => (await asked("GET", `/audit?subject=${subject}`)).body.items as Json[];

test("a batch that just runs has the times of its row, and costs no further write", async () => {
  const client = await newClient(url);
  const { id } = await accepted(url, client, '{"a":1}');
  const { readyAt, startedAt, finishedAt } = (await batchWhen(url, client, id)) as Batch & Json;
  const partner = { kind: "partner", name: client.identifier };
  expect(await history(id)).toEqual([
    { at: time, from: null, to: "received", by: partner, ...none },
    { at: readyAt, from: "received", to: "ready", by: { kind: "system", name: null }, ...none },
    { at: startedAt, from: "ready", to: "processing", by: { kind: "worker", name: null }, ...none },
    { at: finishedAt, from: "processing", to: "completed", by: { kind: "worker", name: null }, ...none },
  ]);
  const { store } = databaseOf();
  const { id: rowId } = (await store.batch(id, null)) as BatchRow;
  expect(await store.moves(rowId)).toEqual([]);
});

test("a hold, and the operator who has approved it with a reason", async () => {
  const client = await newClient(url, { requiresApproval: true });
  const { id } = await accepted(url, client, '{"a":1}');
  expect(await history(id)).toMatchObject([{ from: null, to: "held", code: "approval" }]);
  const alice = await by("alice");
  expect((await alice.move(id, "approve", { reason: "The prices are right." })).status).toBe(200);
  await batchWhen(url, client, id);
  const items = await history(id);
  expect(items.map(inShort)).toEqual([
    `null → held partner:${client.identifier}`,
    `held → ready operator:${alice.name}`,
    "ready → processing worker",
    "processing → completed worker",
  ]);
  expect(items.slice(0, 2)).toMatchObject([
    { code: "approval", reason: null },
    { code: null, reason: "The prices are right." },
  ]);
  expect(await audit(id)).toMatchObject([
    { action: "batch.approve", who: alice.name, reason: "The prices are right.", status: "done" },
  ]);
});

test("each failed attempt with its reason, and who has sent the batch on", async () => {
  const backoff = { type: "fixed", delayMs: 0, maxMs: 0 };
  const client = await newClient(url, { handler: "testing.handle", chunkRecords: 1, maxAttempts: 2, backoff });
  handler.calls = 0;
  handler.handle = async () => {
    if (handler.calls > 1) throw new Error(`away ${handler.calls}`);
    return undefined;
  };
  const { id } = await accepted(url, client, '{"a":1}\n{"a":2}');
  await batchWhen(url, client, id);
  handler.handle = async () => undefined;
  expect((await own(client, id, "retry")).status).toBe(202);
  await batchWhen(url, client, id, ({ status }) => status === "completed");
  const items = await history(id);
  expect(items.map(inShort)).toEqual([
    `null → received partner:${client.identifier}`,
    "ready → processing worker",
    "processing → ready worker",
    "processing → failed worker",
    `failed → ready partner:${client.identifier}`,
    "processing → completed worker",
  ]);
  const node = system.broker.nodeID;
  const failed = { node, chunk: 1, code: "handler-failed" };
  expect(items.slice(2, 4)).toMatchObject([
    { ...failed, attempt: 1, detail: expect.stringContaining("away 2") },
    { ...failed, attempt: 2, detail: expect.stringContaining("away 3") },
  ]);
  expect(await audit(id)).toEqual([]);
});

test("an end that a check has written stays, after a redrive", async () => {
  const client = await newClient(url, { onInvalid: "rejectBatch", schema: { required: ["b"] } });
  const { id } = await accepted(url, client, '{"a":1}');
  await batchWhen(url, client, id);
  const bob = await by("bob");
  expect((await bob.move(id, "redrive", { reason: "Once more." })).status).toBe(200);
  await batchWhen(url, client, id);
  const ends = (await history(id)).filter(({ from }) => from !== null).map((item) => [inShort(item), item.code]);
  const end = ["processing → failed worker", "invalid-records"];
  expect(ends).toEqual([["ready → processing worker", null], end, [`failed → ready operator:${bob.name}`, null], end]);
});

test("a cancel, a refusal and an undo, each with its reason", async () => {
  const client = await newClient(url, { requiresApproval: true });
  const bodies = ['{"a":1}', '{"a":2}', '{"a":3}', '{"a":4}'];
  const [one, two, three, four] = (await Promise.all(bodies.map((body) => accepted(url, client, body)))).map(
    ({ id }) => id,
  ) as [string, string, string, string];
  const { name, move } = await by("carol");
  await move(one, "cancel", { reason: "Sent twice.\0" });
  await move(two, "reject", { reason: "Last year's." });
  await own(client, four, "cancel");
  await move(three, "approve");
  await batchWhen(url, client, three);
  expect((await move(three, "undo", { reason: "The wrong file." })).status).toBe(202);
  await batchWhen(url, client, three, ({ status }) => status === "undone");
  const last = async (id: string, count = 1) =>
    (await history(id)).slice(-count).map((item) => [inShort(item), item.code, item.reason]);
  expect(await last(one)).toEqual([[`held → cancelled operator:${name}`, null, "Sent twice.\uFFFD"]]);
  expect(await last(two)).toEqual([[`held → rejected operator:${name}`, "rejected-by-operator", "Last year's."]]);
  expect(await last(four)).toEqual([[`held → cancelled partner:${client.identifier}`, null, null]]);
  expect(await last(three, 3)).toEqual([
    ["processing → completed worker", null, null],
    [`completed → undoing operator:${name}`, "undone-by-operator", "The wrong file."],
    ["undoing → undone system", "undone-by-operator", null],
  ]);
  expect((await audit(one))[0]).toMatchObject({ action: "batch.cancel", reason: "Sent twice.\uFFFD" });
});

test("a batch that is skipped, and the one behind it that goes on by itself", async () => {
  const client = await newClient(url, { order: "fifo", onInvalid: "rejectBatch", schema: { required: ["b"] } });
  const first = await accepted(url, client, '{"a":1}');
  await batchWhen(url, client, first.id);
  const second = await accepted(url, client, '{"b":1}');
  expect(second).toMatchObject({ status: "held", hold: { reason: "order" } });
  const { name, move } = await by("dave");
  expect((await move(first.id, "skip", { reason: "It is mended tomorrow." })).status).toBe(200);
  await batchWhen(url, client, second.id);
  const skip = (await history(first.id)).at(-1) as Item;
  expect([inShort(skip), skip.code, skip.reason]).toEqual([
    `failed → failed operator:${name}`,
    "skipped",
    "It is mended tomorrow.",
  ]);
  expect((await audit(first.id))[0]).toMatchObject({ action: "batch.skip", reason: "It is mended tomorrow." });
  const [held, released] = await history(second.id);
  expect(held).toMatchObject({ to: "held", code: "order", detail: `Behind batch ${first.id}.` });
  expect(inShort(released as Item)).toBe("held → ready system");
});

async function onlyChecked(client: TestClient, body = '{"a":1}'): Promise<string> {
  const sent = await fetch(`${url}/imports?validateOnly=true`, {
    method: "POST",
    headers: { authorization: client.auth, "content-type": "application/x-ndjson" },
    body,
  });
  const { id } = (await sent.json()) as Batch;
  await batchWhen(url, client, id, ({ status }) => status === "validated");
  return id;
}

test("a check that an operator commits for its client, once, with all that the client would meet", async () => {
  const client = await newClient(url);
  const id = await onlyChecked(client);
  const { name, move } = await by("judy");
  const moved = async (batch: string, reason: string) => {
    const answer = await move(batch, "commit", { reason });
    return [answer.status, (await answer.json()) as Json] as const;
  };
  expect(await moved(id, "They called.")).toMatchObject([202, { id, status: "ready", clientId: client.id }]);
  await batchWhen(url, client, id, ({ status }) => status === "completed");
  expect(await moved(id, "Once more.")).toMatchObject([200, { id, status: "completed" }]);
  const change = { "/status": ["validated", "ready"] };
  expect(await audit(id)).toMatchObject([{ action: "batch.commit", who: name, reason: "They called.", change }]);
  expect(await history(id)).toContainEqual(
    expect.objectContaining({
      from: "validated",
      to: "ready",
      by: { kind: "operator", name },
      reason: "They called.",
    }),
  );

  const same = await onlyChecked(await newClient(url));
  const { body } = await asked("POST", "/batches/actions", { action: "commit", ids: [same, id], dryRun: true });
  expect(body).toMatchObject({ matched: 2, done: 0, refused: [{ id, code: "illegal-state" }] });
  expect((await asked("POST", "/batches/actions", { action: "commit", ids: [same] })).body).toMatchObject({ done: 1 });
  expect(await audit(same)).toMatchObject([{ action: "batch.commit" }]);
});

test("a commit by an operator is refused as the client's own is, and then nobody has committed it", async () => {
  const client = await newClient(url);
  const id = await onlyChecked(client);
  await asked("PATCH", `/clients/${client.id}/policy`, { maxBytes: 1 });
  const { move } = await by("mallory");
  expect(((await (await move(id, "commit")).json()) as Json).code).toBe("payload-too-large");
  expect((await history(id)).map(inShort).at(-1)).toBe("processing → validated worker");
  expect(await audit(id)).toEqual([]);
});

test("a check that is committed, and a hold by a window that an operator does not wait for", async () => {
  const checked = await newClient(url);
  const id = await onlyChecked(checked);
  expect((await history(id)).map(inShort).at(-1)).toBe("processing → validated worker");
  expect((await own(checked, id, "commit")).status).toBe(202);
  await batchWhen(url, checked, id, ({ status }) => status === "completed");
  const items = (await history(id)).map(inShort);
  const partner = `partner:${checked.identifier}`;
  expect(items[0]).toBe(`null → received ${partner}`);
  expect(items.slice(-3)).toEqual([
    "ready → processing worker",
    `validated → ready ${partner}`,
    "processing → completed worker",
  ]);

  const clock = (ms: number) => new Date(ms).toISOString().slice(11, 16);
  const soon = Date.now() + 6 * 3_600_000;
  const closed = await newClient(url, { window: { from: clock(soon), to: clock(soon + 3_600_000), timeZone: "UTC" } });
  const held = await accepted(url, closed, '{"a":1}');
  const { until } = (held as unknown as { hold: { until: string } }).hold;
  expect(await history(held.id)).toMatchObject([
    { from: null, to: "held", code: "window", detail: `Until ${until}.`, by: { kind: "partner" } },
  ]);
  const { name, move } = await by("ivan");
  await move(held.id, "approve", { reason: "It is urgent." });
  await batchWhen(url, closed, held.id);
  expect((await history(held.id)).slice(0, 2)).toMatchObject([
    { to: "held", code: "window", detail: `Until ${until}.` },
    { from: "held", to: "ready", by: { kind: "operator", name }, reason: "It is urgent." },
  ]);
});

test("a batch that is held after its check, and approved", async () => {
  const client = await newClient(url, { requiresApproval: "afterValidation" });
  const { id } = await accepted(url, client, '{"a":1}');
  await batchWhen(url, client, id, ({ status }) => status === "held");
  expect((await history(id)).at(-1)).toMatchObject({ from: "processing", to: "held", code: "approval" });
  const { name, move } = await by("judy");
  await move(id, "approve", { reason: "It looks well." });
  await batchWhen(url, client, id, ({ status }) => status === "completed");
  const items = await history(id);
  const [hold, approval] = items.slice(items.findIndex(({ to }) => to === "held"));
  expect(hold).toMatchObject({ from: "processing", to: "held", code: "approval" });
  expect([inShort(approval as Item), approval?.reason]).toEqual([`held → ready operator:${name}`, "It looks well."]);
  expect(inShort(items.at(-1) as Item)).toBe("processing → completed worker");
});

test("of more than a hundred moves those in between are missing, and the history says so", async () => {
  const client = await newClient(url, { requiresApproval: true });
  const { id: publicId } = await accepted(url, client, '{"a":1}');
  const { store } = databaseOf();
  const { id, fence } = (await store.batch(publicId, null)) as BatchRow;
  const told = { from: "held", kind: "operator", who: "alice", code: null, detail: null, was: null } as const;
  const same = { id, fence, from: "held", to: "held", due: null, reason: null, attempt: "keep" } as const;
  const again = async (n: number) => {
    const { version } = (await store.batch(publicId, null)) as BatchRow;
    await store.move({ ...same, events: [], version, told: { ...told, reason: `move ${n}` } });
  };
  for (let n = 1; n <= 100; n++) await again(n);
  expect(await history(publicId)).toHaveLength(101);
  await again(101);
  const { body } = await asked("GET", `/batches/${publicId}/history`);
  const reasons = (body.items as Item[]).slice(1).map(({ reason }) => reason);
  expect([body.truncated, reasons.length, reasons[49], reasons[50]]).toEqual([true, 100, "move 50", "move 52"]);
});

test("what there is not has no history", async () => {
  const { status, body } = await asked("GET", "/batches/0193b2f0-0000-7000-8000-000000000000/history");
  expect([status, body.code]).toEqual([404, "not-found"]);
});

test("many batches are moved by their ids or a filter, each with its own entries, after a dry run", async () => {
  const client = await newClient(url, { requiresApproval: true });
  const batches = await Promise.all([1, 2, 3, 4, 5, 6].map((n) => accepted(url, client, `{"a":${n}}`)));
  const held = batches.map(({ id }) => id) as string[];
  const unknown = "0193b2f0-0000-7000-8000-000000000000";
  const many = async (body: object) => (await asked("POST", "/batches/actions", body)).body as Json;
  const filter = { client: client.id, status: "held" };
  const dry = await many({ action: "cancel", filter, dryRun: true });
  expect(dry).toMatchObject({ matched: 6, isMore: false, done: 0, refused: [] });
  expect(dry.examples).toHaveLength(5);
  expect(await many({ action: "redrive", ids: held.slice(0, 1), dryRun: true })).toMatchObject({
    refused: [{ id: held[0], code: "illegal-state" }],
  });
  const reason = "Sent twice.";
  expect(await many({ action: "reject", ids: [...held.slice(0, 2), unknown], reason })).toEqual({
    matched: 3,
    isMore: false,
    examples: [...held.slice(0, 2), unknown],
    done: 2,
    refused: [{ id: unknown, code: "not-found" }],
    remaining: 0,
    next: null,
  });
  expect(await many({ action: "cancel", filter, reason })).toMatchObject({ matched: 4, done: 4, refused: [] });
  expect(await many({ action: "cancel", filter })).toMatchObject({ matched: 0, done: 0 });
  const again = await many({ action: "cancel", ids: held });
  expect((again.refused as Json[]).map(({ code }) => code)).toEqual(Array(6).fill("illegal-state"));
  expect((await history(held[0] as string)).at(-1)).toMatchObject({ to: "rejected", by: { kind: "operator" }, reason });
  for (const id of held)
    expect(await audit(id)).toMatchObject([{ action: expect.stringMatching(/cancel|reject/), reason, status: "done" }]);
});

describe("more batches than one call moves", () => {
  const MOST = 1_000;
  const examples = expect.any(Array);
  const next = expect.any(String);
  let of: { client: TestClient; filter: object };
  const many = (action: string, more: object = {}) => ({ action, filter: of.filter, ...more });
  const leftOf = async (status: string) =>
    (await asked("GET", `/batches/counts?client=${of.client.id}&status=${status}`)).body as Json;
  /** Calls back after each move of a batch. */
  function onMoves(then: (moves: number) => void): () => void {
    const { localBus } = system.broker;
    let moves = 0;
    const count = () => then(++moves);
    localBus.on(BATCH_WRITTEN, count);
    return () => void localBus.off(BATCH_WRITTEN, count);
  }
  const api = () =>
    system.broker.getLocalService("api") as unknown as { isStopping: boolean; runningRequests: Set<unknown> };

  beforeAll(async () => {
    const client = await newClient(url, { requiresApproval: true });
    of = { client, filter: { client: client.id, status: "held" } };
    const { store } = databaseOf();
    const { id: first } = await accepted(url, client, '{"a":1}');
    const { clientId, policyVersion } = (await store.batch(first, null)) as BatchRow;
    const held = { state: "held", due: null, reason: { hold: "approval", until: null } } as const;
    const made = (n: number) => {
      const totals = { bytes: 8, records: 1, chunks: 0, contentHash: "ab".repeat(32), envelope: {} };
      return stored(
        store,
        upload(clientId, {
          ...held,
          totals,
          chunks: [],
          batch: { ...newBatch(clientId), policyVersion, requestId: `${n}` },
        }),
      );
    };
    for (let n = 1; n <= MOST; n++) await made(n);
  });

  test("the first thousand are looked at, and the answer says that there are more", async () => {
    const { status, body } = await asked("POST", "/batches/actions", many("cancel", { dryRun: true }));
    expect([status, body]).toEqual([
      200,
      { matched: MOST, isMore: true, examples, done: 0, refused: [], remaining: 0, next },
    ]);
    expect(await leftOf("held")).toEqual({ held: { value: MOST + 1, isMore: false } });
  });

  test("a node that stops answers what was done", async () => {
    const off = onMoves((moves) => {
      if (moves === 3) api().isStopping = true;
    });
    const { status, body } = await asked("POST", "/batches/actions", many("cancel")).finally(off);
    api().isStopping = false;
    const { cancelled } = (await leftOf("cancelled")) as { cancelled: { value: number } };
    expect([status, body]).toEqual([
      200,
      {
        matched: MOST,
        isMore: true,
        examples,
        done: cancelled.value,
        refused: [],
        remaining: MOST - cancelled.value,
        next,
      },
    ]);
    expect(cancelled.value).toBeGreaterThanOrEqual(3);
    expect(cancelled.value).toBeLessThan(100);
  });

  test("a client that hangs up ends it, and what was moved stays moved", async () => {
    const before = ((await leftOf("rejected")) as { rejected: { value: number } }).rejected.value;
    const hangUp = new AbortController();
    const off = onMoves((moves) => moves === 3 && hangUp.abort());
    const body = JSON.stringify(many("reject", { reason: "Sent twice." }));
    const asking = admin(url, "/batches/actions", { method: "POST", body, signal: hangUp.signal });
    await expect(asking).rejects.toThrow("aborted");
    await until(() => api().runningRequests.size === 0, "the end of the request");
    off();
    const { rejected } = (await leftOf("rejected")) as { rejected: { value: number } };
    expect(rejected.value - before).toBeGreaterThanOrEqual(3);
    expect(rejected.value - before).toBeLessThan(500);
  });
});

describe("rejected records that an operator sends again", () => {
  const partly = { schema: { required: ["b"] } };
  /** A batch of which `count` records are rejected. */
  async function withErrors(client: TestClient, count = 1): Promise<string> {
    const { id } = await accepted(url, client, `{"b":1}\n${'{"a":1}\n'.repeat(count)}{"n":"${++made}"}`);
    await batchWhen(url, client, id, ({ status }) => status === "completed_with_errors");
    return id;
  }

  test("are a new batch of the same client, under its policy of today, with their entries", async () => {
    const client = await newClient(url, partly);
    const id = await withErrors(client);
    await asked("PATCH", `/clients/${client.id}/policy`, { schema: null });
    const { name, move } = await by("erin");
    const answer = await move(id, "retry?only=rejected", { reason: "The schema was wrong." });
    const child = (await answer.json()) as Json;
    expect([answer.status, answer.headers.get("location")]).toEqual([202, `/admin/batches/${child.id}`]);
    expect(child).toMatchObject({ retryOf: id, clientId: client.id, client: { clientIdentifier: client.identifier } });
    expect(await batchWhen(url, client, child.id as string)).toMatchObject({
      status: "completed",
      counts: { received: 2, accepted: 2, rejected: 0 },
    });
    const again = await move(id, "retry?only=rejected", { reason: "Once more." });
    expect([again.status, ((await again.json()) as Json).id]).toEqual([200, child.id]);
    expect(await audit(id)).toMatchObject([
      {
        action: "batch.retry",
        who: name,
        reason: "The schema was wrong.",
        change: { "/retriedAs": [null, child.id] },
        status: "done",
      },
    ]);
    expect((await history(id)).at(-1)).toMatchObject({
      by: { kind: "operator", name },
      code: "retried",
      detail: expect.stringContaining(child.id as string),
      reason: "The schema was wrong.",
    });
  });

  test("two operators at once make one batch, and one entry", async () => {
    const client = await newClient(url, { ...partly, maxConcurrentUploads: 4 });
    const id = await withErrors(client);
    const { move } = await by("frank");
    const answers = await Promise.all([1, 2, 3].map(() => move(id, "retry?only=rejected")));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 202]);
    const ids = await Promise.all(answers.map(async (answer) => ((await answer.json()) as Json).id));
    expect(new Set(ids).size).toBe(1);
    expect(await audit(id)).toHaveLength(1);
  });

  test("a failed batch goes on", async () => {
    const client = await newClient(url, { ...partly, onInvalid: "rejectBatch" });
    const { id } = await accepted(url, client, '{"a":1}');
    await batchWhen(url, client, id, ({ status }) => status === "failed");
    const { name, move } = await by("grace");
    const answer = await move(id, "retry", { reason: "The handler was away." });
    expect([answer.status, answer.headers.get("location"), ((await answer.json()) as Json).id]).toEqual([
      202,
      null,
      id,
    ]);
    const entry = { action: "batch.retry", who: name, reason: "The handler was away." };
    expect(await audit(id)).toMatchObject([{ ...entry, change: { "/status": ["failed", "ready"] } }]);
  });

  test("a disabled client's are sent again too, those of one that is being erased are not", async () => {
    const client = await newClient(url, partly);
    const id = await withErrors(client);
    await asked("PATCH", `/clients/${client.id}`, { status: "disabled" });
    const { broker } = system;
    const erased = {
      call: async (name: string, params: object) => {
        const answer = (await broker.call(name as never, params as never)) as object;
        return name === "clientCache.get" ? { ...answer, erasureId: id } : answer;
      },
    };
    await expect(retryOfAnyClient(erased as never, { publicId: id })).rejects.toMatchObject({ type: "illegal-state" });
    const { move } = await by("heidi");
    expect((await move(id, "retry?only=rejected")).status).toBe(202);
  });

  test("of many batches, after a dry run, though the client may send one upload at a time", async () => {
    const client = await newClient(url, { ...partly, maxConcurrentUploads: 1 });
    const ids: string[] = [];
    for (const count of [1, 2, 3]) ids.push(await withErrors(client, count));
    const { id: fine } = await accepted(url, client, '{"b":1}');
    await batchWhen(url, client, fine);
    const many = async (more: object) => {
      const { status, body } = await asked("POST", "/batches/actions", {
        action: "retry",
        ids: [...ids, fine],
        ...more,
      });
      return [status, body];
    };
    const refused = [{ id: fine, code: "illegal-state" }];
    expect(await many({ dryRun: true })).toMatchObject([200, { matched: 4, done: 0, refused }]);
    for (const id of ids) expect(await audit(id)).toEqual([]);
    const reason = "The rule is gone.";
    // Asked again, each is there already.
    for (const _ of [1, 2]) expect(await many({ reason })).toMatchObject([200, { matched: 4, done: 3, refused }]);
    for (const id of ids) expect(await audit(id)).toMatchObject([{ action: "batch.retry", reason, status: "done" }]);
    const { body } = await asked("GET", `/batches?client=${client.id}&retryOf=${ids[2]}`);
    expect(body.items).toMatchObject([{ counts: { received: 4 } }]);
  });

  test("in pieces, by a cursor that goes on behind those that were looked at", async () => {
    const client = await newClient(url, partly);
    const ids: string[] = [];
    for (const count of [1, 2, 3]) ids.unshift(await withErrors(client, count));
    const filter = { client: client.id };
    const piece = (cursor?: unknown) =>
      asked("POST", "/batches/actions", { action: "retry", filter, limit: 2, ...(cursor ? { cursor } : {}) });
    const first = (await piece()).body;
    expect(first).toMatchObject({ matched: 2, isMore: true, examples: ids.slice(0, 2), done: 2, remaining: 0 });
    // The new batches are the newest ones, and none of those that are left.
    const second = (await piece(first.next)).body;
    expect(second).toMatchObject({ matched: 1, isMore: false, examples: ids.slice(2), done: 1, next: null });
  });
});

test.each([
  ["neither ids nor a filter", {}, "/ids"],
  ["both", { ids: ["0193b2f0-0000-7000-8000-000000000000"], filter: { status: "held" } }, "/ids"],
  ["an unknown action", { action: "erase", ids: ["0193b2f0-0000-7000-8000-000000000000"] }, "/action"],
  ["a wrong id", { ids: ["x"] }, "/ids/0"],
  ["no id", { ids: [] }, "/ids"],
  ["a limit of ids", { ids: ["0193b2f0-0000-7000-8000-000000000000"], limit: 5 }, "/limit"],
  ["a limit that is too high", { filter: { status: "held" }, limit: 1_001 }, "/limit"],
  ["a cursor that nobody gave", { filter: { status: "held" }, cursor: "x" }, "/cursor"],
  ["an unknown filter", { filter: { colour: "red" } }, "/filter"],
  ["a wrong status", { filter: { status: "nope" } }, "/status"],
])("actions refuse %s", async (_, body, pointer) => {
  const answer = await asked("POST", "/batches/actions", { action: "cancel", ...body });
  expect([answer.status, (answer.body.errors as { pointer: string }[])[0]?.pointer.replace(/\[|\]/g, "")]).toEqual([
    422,
    expect.stringContaining(pointer.replace("/0", "")),
  ]);
});
