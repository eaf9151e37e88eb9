/** The promise: the sweep moves on every batch that waits, once its time has come. */
import type { ServiceSchema } from "moleculer";
import { call } from "../../../services/messages.ts";
import policyService from "../../../services/policy/policy.service.ts";
import { accepted, admin, newClient } from "../../helpers/http.ts";
import { until } from "../../helpers/patience.ts";
import { ended, row, rows, select, storeOf } from "./kit.ts";
import { about, countOf, due, endStarted, env, start, system, withoutWorker } from "./waiting.kit.ts";

endStarted();

/** A window in UTC that opens in this many hours, for one hour. */
function windowIn(hours: number) {
  const clock = (more: number) => `${String((new Date().getUTCHours() + hours + more) % 24).padStart(2, "0")}:00`;
  return { from: clock(0), to: clock(1), timeZone: "UTC" };
}

test("the sweep makes a batch ready when its window opens, and the batch runs", async () => {
  await start();
  const client = await newClient(system.url, { window: windowIn(3) });
  const held = await accepted(system.url, client, rows(3));
  expect(held).toMatchObject({ status: "held", hold: { reason: "window", until: expect.any(String) } });
  const until = Date.parse(held.hold?.until as string);
  expect(until - Date.now()).toBeGreaterThan(3_600_000);
  expect((await row(system, held.id)).dueAt).toBe(until);
  expect(about(held.id).map(({ type }) => type)).toEqual(["batch.created"]);
  await due("batch", "state = 'held'");
  expect(await ended(system, client, held.id)).toMatchObject({ status: "completed", hold: null });
  expect(about(held.id).map(({ type }) => type)).toContain("batch.ready");
});

test("a batch held for approval waits only for an operator, whose decision is final", async () => {
  await start();
  const client = await newClient(system.url, { requiresApproval: true });
  const [yes, no] = [await accepted(system.url, client, rows(3)), await accepted(system.url, client, rows(4))];
  expect(yes).toMatchObject({ status: "held", hold: { reason: "approval", until: null } });
  const sweep = jest.spyOn(storeOf(system), "due");
  await until(() => sweep.mock.calls.filter(([state]) => state === "held").length >= 2);
  expect(await row(system, yes.id)).toMatchObject({ state: "held", dueAt: null });
  await admin(system.url, `/batches/${yes.id}/approve`, { method: "POST", body: "{}" });
  await admin(system.url, `/batches/${no.id}/reject`, { method: "POST", body: '{"reason":"wrong month"}' });
  expect(await ended(system, client, yes.id)).toMatchObject({ status: "completed", counts: { accepted: 3 } });
  const error = { code: "rejected-by-operator", detail: "wrong month" };
  expect(await ended(system, client, no.id)).toMatchObject({ status: "rejected", error, counts: { accepted: 0 } });
  await until(async () => (await row(system, no.id)).chunks === 0);
});

test("a batch whose policy evaluation failed is evaluated again", async () => {
  let isAway = true;
  const { evaluate } = policyService.actions as unknown as Record<string, { params: object; handler: () => unknown }>;
  const failing = {
    ...policyService,
    actions: {
      ...policyService.actions,
      evaluate: {
        params: evaluate?.params,
        handler(this: unknown, ctx: unknown) {
          if (isAway) throw new Error("not now");
          return evaluate?.handler.call(this, ...([ctx] as unknown as []));
        },
      },
    },
  } as unknown as ServiceSchema;
  await start({
    services: [...withoutWorker.filter((name) => name !== "policy"), "batchProcessor"],
    extra: [failing],
  });
  const client = await newClient(system.url, {});
  const { id, status } = await accepted(system.url, client, rows(3));
  expect(status).toBe("received");
  isAway = false;
  await due("batch", "state = 'received'");
  expect(await ended(system, client, id)).toMatchObject({ status: "completed", counts: { accepted: 3 } });
});

test("a batch that loses its workers maxAttempts times fails; an operator may redrive it", async () => {
  await start({ services: withoutWorker });
  const client = await newClient(system.url, { maxAttempts: 2 });
  const { id: publicId } = await accepted(system.url, client, rows(3));
  const { id } = await row(system, publicId);
  for (let no = 1; no <= 2; no++) {
    await until(() => call(system.broker, "batch.claim", { id, owner: `dead-${no}` }));
    await until(async () => (await row(system, publicId)).state !== "processing");
  }
  const batch = await ended(system, client, publicId);
  expect(batch).toMatchObject({ status: "failed", error: { code: "worker-lost" }, attempts: 2 });
  const lost = await select(system, `SELECT no, node, code FROM batch_attempt WHERE batch_id = ${id} ORDER BY no`);
  expect(lost).toEqual([1, 2].map((no) => ({ no, node: `dead-${no}`, code: "worker-lost" })));
  const told = (await (await admin(system.url, `/batches/${publicId}/history`)).json()) as { items: object[] };
  const lapsed = { from: "processing", by: { kind: "system", name: null }, code: "worker-lost", chunk: 0 };
  expect(told.items.slice(-2)).toMatchObject([
    { ...lapsed, to: "ready", node: "dead-1", attempt: 1 },
    { ...lapsed, to: "failed", node: "dead-2", attempt: 2 },
  ]);
  expect(await select(system, "SELECT running FROM client_queue")).toEqual([{ running: 0 }]);
  const completed = await until(() => about(publicId).find(({ type }) => type === "batch.completed"));
  expect(completed.data).toMatchObject({ status: "failed", error: { code: "worker-lost" } });
  await admin(system.url, `/batches/${publicId}/redrive`, { method: "POST", body: "{}" });
  expect(await row(system, publicId)).toMatchObject({ state: "ready", attempt: 0, attemptsTotal: 2, reason: null });
});

test("a batch publishes CloudEvents, each with an id and a rising version", async () => {
  await start({ env: { ...env, NAMESPACE: "acme" } });
  const client = await newClient(system.url, { schema: { type: "object", properties: { n: { maximum: 2 } } } });
  const { id } = await accepted(system.url, client, rows(3));
  await ended(system, client, id);
  await until(() => about(id).length === 3);
  expect(about(id).map(({ type }) => type)).toEqual(["batch.created", "batch.ready", "batch.completed"]);
  for (const event of about(id)) {
    expect(event).toEqual({
      specversion: "1.0",
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/),
      source: "/acme",
      type: event.type,
      subject: id,
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      datacontenttype: "application/json",
      data: expect.objectContaining({ batchId: id, clientId: client.id }),
    });
  }
  const data = about(id).map((event) => event.data as { status: string; version: number });
  expect(data.map(({ status }) => status)).toEqual(["ready", "ready", "completed_with_errors"]);
  expect(data[2]).toMatchObject({ counts: { received: 3, accepted: 2, rejected: 1, duplicate: 0 }, error: null });
  expect(data[2]?.version).toBe((await row(system, id)).version);
  expect(data[2]?.version).toBeGreaterThan(data[1]?.version as number);
  await until(async () => (await countOf("outbox")) === 0);
});

test("the sweep publishes events that a crash left in the outbox, once each", async () => {
  await start({ services: withoutWorker });
  const client = await newClient(system.url);
  await until(async () => (await countOf("outbox")) === 0);
  const outbox = system.broker.getLocalService("outbox") as unknown as { publish(rows: unknown[]): Promise<void> };
  const crash = jest.spyOn(outbox, "publish").mockImplementation(() => Promise.resolve());
  const { id } = await accepted(system.url, client, rows(3));
  await until(() => crash.mock.calls.length > 0);
  crash.mockRestore();
  expect(about(id)).toEqual([]);
  expect(await countOf("outbox")).toBe(2);
  await due("outbox", "attempts = 0");
  await until(async () => (await countOf("outbox")) === 0);
  expect(about(id).map(({ type }) => type)).toEqual(["batch.created", "batch.ready"]);
});

test("an event that could not be deleted is published again with the same id", async () => {
  await start({ services: withoutWorker });
  const away = jest.spyOn(storeOf(system), "deleteOutbox").mockRejectedValue(new Error("not now"));
  const client = await newClient(system.url);
  const { id } = await accepted(system.url, client, rows(3));
  await until(() => about(id).length === 2);
  await due("outbox", "attempts = 0");
  await until(() => about(id).length === 4);
  away.mockRestore();
  await until(async () => (await countOf("outbox")) === 0);
  const ids = about(id).map((event) => event.id);
  expect(ids.slice(2)).toEqual(ids.slice(0, 2));
  expect(new Set(ids).size).toBe(2);
});
