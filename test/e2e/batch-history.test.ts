/** The promise: the history of a batch tells who has moved it, when and why, and how its attempts failed, from the first one on. */
import { accepted, admin, type Batch, batchWhen, newClient, type TestClient } from "../helpers/http.ts";
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
  const store = (system.broker.getLocalService("batch") as unknown as { database: { store: { moves: Moves } } })
    .database;
  const { store: batches } = store;
  expect(await batches.moves((await idOf(id)) ?? 0)).toEqual([]);
});
type Moves = (id: number) => Promise<unknown[]>;
const idOf = async (publicId: string) =>
  ((await system.broker.call("batch.get", { publicId })) as { id: number } | null)?.id;

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
  });
  expect(await many({ action: "cancel", filter, reason })).toMatchObject({ matched: 4, done: 4, refused: [] });
  expect(await many({ action: "cancel", filter })).toMatchObject({ matched: 0, done: 0 });
  const again = await many({ action: "cancel", ids: held });
  expect((again.refused as Json[]).map(({ code }) => code)).toEqual(Array(6).fill("illegal-state"));
  expect((await history(held[0] as string)).at(-1)).toMatchObject({ to: "rejected", by: { kind: "operator" }, reason });
  for (const id of held)
    expect(await audit(id)).toMatchObject([{ action: expect.stringMatching(/cancel|reject/), reason, status: "done" }]);
});

test.each([
  ["neither ids nor a filter", {}, "/ids"],
  ["both", { ids: ["0193b2f0-0000-7000-8000-000000000000"], filter: { status: "held" } }, "/ids"],
  ["an unknown action", { action: "erase", ids: ["0193b2f0-0000-7000-8000-000000000000"] }, "/action"],
  ["a wrong id", { ids: ["x"] }, "/ids/0"],
  ["no id", { ids: [] }, "/ids"],
  ["an unknown filter", { filter: { colour: "red" } }, "/filter"],
  ["a wrong status", { filter: { status: "nope" } }, "/status"],
])("actions refuse %s", async (_, body, pointer) => {
  const answer = await asked("POST", "/batches/actions", { action: "cancel", ...body });
  expect([answer.status, (answer.body.errors as { pointer: string }[])[0]?.pointer.replace(/\[|\]/g, "")]).toEqual([
    422,
    expect.stringContaining(pointer.replace("/0", "")),
  ]);
});
