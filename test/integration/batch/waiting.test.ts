/** Every state that waits is moved on by the sweep when its time has come; and what was told is told again, not lost. */
import type { Context, ServiceSchema } from "moleculer";
import type { BatchRow } from "../../../services/batch/batch.contract.ts";
import { call } from "../../../services/messages.ts";
import type { CloudEvent } from "../../../services/outbox/outbox.contract.ts";
import policyService from "../../../services/policy/policy.service.ts";
import { accepted, admin, batchWhen, get, newClient, post } from "../../helpers/http.ts";
import { type System, startSystem } from "../../helpers/system.ts";
import { databaseOf, ended, handler, hasStatus, row, rows, select, storeOf, until } from "./kit.ts";

let system: System;
const heard: CloudEvent[] = [];
const hear = ({ params }: Context<CloudEvent>) => void heard.push(params);
const ear = {
  name: "ear",
  events: { "batch.created": hear, "batch.ready": hear, "batch.completed": hear },
} as unknown as ServiceSchema;

const env = { SWEEP_INTERVAL: "100ms", POLL_INTERVAL: "50ms", BATCH_LEASE: "1s", SHUTDOWN_TIMEOUT: "2s" };
const withoutWorker = ["api", "batch", "batchLock", "clientCache", "outbox", "policy", "rateLimiter"];
const start = async (options: Parameters<typeof startSystem>[0] = {}) => {
  heard.length = 0;
  system = await startSystem({ env, ...options, extra: [ear, ...(options.extra ?? [])] });
};
afterEach(async () => {
  jest.restoreAllMocks();
  await system.stop();
});

const about = (id: string) => heard.filter(({ subject }) => subject === id);
/** Lets the time of a waiting row come. */
const due = (table: "batch" | "outbox", where: string) =>
  databaseOf(system).sequelize.query(`UPDATE ${table} SET due_at = due_at - 34560000000 WHERE ${where}`);
const countOf = async (table: string) =>
  (await select<{ n: number }>(system, `SELECT count(*) AS n FROM ${table}`))[0]?.n;

/** A window, in UTC, that opens in so many hours for one hour. */
function windowIn(hours: number) {
  const clock = (more: number) => `${String((new Date().getUTCHours() + hours + more) % 24).padStart(2, "0")}:00`;
  return { from: clock(0), to: clock(1), timeZone: "UTC" };
}

test("a batch held by its window becomes ready by the sweep, and is worked", async () => {
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

test("a batch held for approval waits for an operator, not for a time; its word is final", async () => {
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

test("a batch whose evaluation failed is evaluated again", async () => {
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

test("an upload whose node is silent is wiped when its lease has passed; late writes do not join it", async () => {
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
    format: "ndjson" as const,
    requestId: null,
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

/** A body of more than a chunk that pauses until it is told to go on. */
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
    const found = await select<{ due_at: number }>(system, "SELECT due_at FROM batch WHERE state = 'receiving'");
    return found.length > 0 && found;
  });
  await until(async () => (await databaseOf(system).now()) > (first?.due_at as number) + 500);
  expect(touch.mock.calls.length).toBeGreaterThanOrEqual(3);
  goOn();
  const { id } = await answer;
  expect(await ended(system, client, id)).toMatchObject({ status: "completed", counts: { accepted: 25 } });
});

test("an upload that is broken off leaves nothing, at once", async () => {
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

test("the body goes when the batch has ended, also a long one's and a cancelled one's; a failed one keeps it", async () => {
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

test("when retention is over all of a batch goes, piece by piece", async () => {
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

test("a batch whose workers are lost again and again fails at maxAttempts; an operator may drive it again", async () => {
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
  expect(await select(system, "SELECT running FROM client_queue")).toEqual([{ running: 0 }]);
  const completed = await until(() => about(publicId).find(({ type }) => type === "batch.completed"));
  expect(completed.data).toMatchObject({ status: "failed", error: { code: "worker-lost" } });
  await admin(system.url, `/batches/${publicId}/redrive`, { method: "POST", body: "{}" });
  expect(await row(system, publicId)).toMatchObject({ state: "ready", attempt: 0, attemptsTotal: 2, reason: null });
});

test("events tell of a batch's way by CloudEvents, each with an id and a rising version", async () => {
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

test("events that a crash left in the outbox are published by the sweep, once each", async () => {
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

test("an event that could not be deleted comes again with the same id", async () => {
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
