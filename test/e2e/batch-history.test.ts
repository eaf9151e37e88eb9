/** The promise: the history of a batch tells who has moved it, when and why, and how each attempt has failed. */
import type { BatchRow } from "../../services/batch/batch.domain.ts";
import { accepted, type Batch, batchWhen, newClient } from "../helpers/http.ts";
import { asked, handler, type Json, startAdmin, system, url } from "./admin.kit.ts";
import { rejectedAreSentAgain } from "./batch-history.again.suite.ts";
import { checksHaveEntries } from "./batch-history.checked.suite.ts";
import { audit, by, databaseOf, history, type Item, inShort, none, own, time } from "./batch-history.kit.ts";
import { manyAreMoved } from "./batch-history.many.suite.ts";

startAdmin();

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

checksHaveEntries();
manyAreMoved();
rejectedAreSentAgain();
