/** The promise: operators see every client's batches, and can approve, reject, cancel and redrive them. */
import { accepted, batchWhen, get, lines, newClient } from "../helpers/http.ts";
import { asked, handler, startAdmin, system, url } from "./admin.kit.ts";
import { batchesAreFound } from "./admin-batches.found.suite.ts";
import { move, windowIn } from "./admin-batches.kit.ts";

startAdmin();

test("a batch that needs approval is held until an operator approves it", async () => {
  const client = await newClient(url, { requiresApproval: true });
  const batch = await accepted(url, client, '{"a":1}');
  expect(batch).toMatchObject({ status: "held", hold: { reason: "approval", until: null }, readyAt: null });
  expect((await lines(get(url, client, `/imports/${batch.id}/records`))).length).toBe(0);
  const { status, body } = await move(batch.id, "approve");
  expect([status, body.status, body.hold, body.clientId]).toEqual([200, "ready", null, client.id]);
  expect(await batchWhen(url, client, batch.id)).toMatchObject({ status: "completed", counts: { accepted: 1 } });
  expect(await move(batch.id, "approve")).toMatchObject({
    status: 409,
    body: { code: "illegal-state", current: "completed" },
  });
});

test("a batch that an operator rejects shows the reason, and stays rejected", async () => {
  const client = await newClient(url, { requiresApproval: true });
  const { id } = await accepted(url, client, '{"a":1}');
  expect(await move(id, "reject", { reason: "The prices are last year's." })).toMatchObject({
    status: 200,
    body: {
      status: "rejected",
      error: { code: "rejected-by-operator", detail: "The prices are last year's." },
      hold: null,
    },
  });
  expect(await batchWhen(url, client, id)).toMatchObject({
    status: "rejected",
    error: { code: "rejected-by-operator", detail: "The prices are last year's." },
    finishedAt: expect.any(String),
    counts: { received: 1, accepted: 0, rejected: 0 },
  });
  for (const action of ["approve", "reject", "redrive", "cancel"])
    expect(await move(id, action)).toMatchObject({ status: 409, body: { current: "rejected" } });
  const { id: next } = await accepted(url, client, '{"a":1}');
  expect((await move(next, "reject")).body.error).toMatchObject({ code: "rejected-by-operator" });
});

test("the client or an operator can cancel a held batch", async () => {
  const client = await newClient(url, { requiresApproval: true });
  const first = await accepted(url, client, '{"a":1}');
  const own = await fetch(`${url}/imports/${first.id}/cancel`, {
    method: "POST",
    headers: { authorization: client.auth },
  });
  expect(await own.json()).toMatchObject({ status: "cancelled", hold: null });
  const second = await accepted(url, client, '{"a":1}');
  expect(await move(second.id, "cancel", {})).toMatchObject({
    status: 200,
    body: { status: "cancelled", clientId: client.id },
  });
  expect(await move(second.id, "approve")).toMatchObject({ status: 409, body: { current: "cancelled" } });
});

test("a batch outside its window is held until the window opens, or an operator approves it", async () => {
  const client = await newClient(url, { window: windowIn(6) });
  const batch = await accepted(url, client, '{"a":1}');
  expect(batch).toMatchObject({ status: "held", hold: { reason: "window" } });
  const opens = Date.parse(batch.hold?.until ?? "") - Date.now();
  expect(opens).toBeGreaterThan(5.9 * 3_600_000);
  expect(opens).toBeLessThanOrEqual(6 * 3_600_000);
  expect((await move(batch.id, "approve")).body.status).toBe("ready");
  expect((await batchWhen(url, client, batch.id)).status).toBe("completed");
});

test("a batch within its window is not held", async () => {
  const client = await newClient(url, { window: windowIn(-1) });
  const batch = await accepted(url, client, '{"a":1}');
  expect(batch.hold).toBeNull();
  expect((await batchWhen(url, client, batch.id)).status).toBe("completed");
});

test("a redrive lets a failed batch go on from its last chunk, with 0 attempts", async () => {
  const backoff = { type: "fixed", delayMs: 0, maxMs: 0 };
  const policy = { handler: "testing.handle", chunkRecords: 1, maxAttempts: 2, backoff };
  const client = await newClient(url, policy);
  handler.calls = 0;
  handler.handle = async () => {
    if (handler.calls > 1) throw new Error("the target is away");
    return undefined;
  };
  const { id } = await accepted(url, client, '{"a":1}\n{"a":2}\n{"a":3}');
  expect(await batchWhen(url, client, id)).toMatchObject({
    status: "failed",
    error: { code: "handler-failed", detail: "The handler failed." },
    counts: { received: 3, accepted: 1 },
  });
  const before = handler.calls;
  handler.handle = async () => undefined;
  const { status, body } = await move(id, "redrive");
  expect([status, body.status, body.error]).toEqual([200, "ready", null]);
  expect(await batchWhen(url, client, id)).toMatchObject({
    status: "completed",
    counts: { received: 3, accepted: 3 },
    error: null,
    progress: 1,
  });
  expect(handler.calls - before).toBe(2);
  expect(await move(id, "redrive")).toMatchObject({ status: 409, body: { current: "completed" } });
  // The reason of the failure is kept, but only operators see it.
  const lastAttempt = {
    at: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    node: system.broker.nodeID,
    code: "handler-failed",
    detail: expect.stringContaining("the target is away"),
  };
  expect(body.lastAttempt).toEqual(lastAttempt);
  expect((await asked("GET", `/batches/${id}`)).body.lastAttempt).toEqual(lastAttempt);
  const { items } = (await asked("GET", `/batches?client=${client.id}`)).body;
  expect(items).toMatchObject([{ id, lastAttempt }]);
  expect(await (await get(url, client, `/imports/${id}`)).json()).not.toHaveProperty("lastAttempt");
});

batchesAreFound();
