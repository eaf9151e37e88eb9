/**
 * The promise: a client that follows a batch by server-sent events sees its end at once, and many waiting clients cost little.
 */
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import type { WithCache } from "../../mixins/cache.ts";
import type { WithDatabase } from "../../mixins/database.ts";
import { readEvents } from "../helpers/events.ts";
import { accepted, admin, type Batch, batchWhen, get, newClient, post } from "../helpers/http.ts";
import { patience, until } from "../helpers/patience.ts";
import { startSystem } from "../helpers/system.ts";
import { rows, storeOf } from "../integration/batch/kit.ts";
import {
  AT_ONCE_MS,
  ask,
  batchOf,
  client,
  held,
  letAllGo,
  slow,
  startWaiting,
  system,
  took,
  url,
  watches,
  working,
} from "./waiting.kit.ts";

startWaiting();

describe("server-sent events", () => {
  test("show a batch at once, at its changes and at its end, and then the stream ends", async () => {
    const { id } = await working(3);
    const reader = await readEvents(url, slow, `/imports/${id}/events`);
    expect(reader.response.status).toBe(200);
    expect(reader.response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(reader.response.headers.get("cache-control")).toBe("no-store");
    expect(reader.response.headers.get("x-accel-buffering")).toBe("no");
    expect(reader.response.headers.get("ratelimit")).toMatch(/^"requests"/);
    await until(() => reader.events.length === 1);
    expect(reader.events[0]?.batch).toEqual(await batchOf(await ask(id, {})));
    held.shift()?.();
    await until(() => reader.events.some(({ batch }) => batch.counts.accepted === 1));
    const releasing = setInterval(letAllGo, 5);
    await reader.ended.finally(() => clearInterval(releasing));
    expect(reader.events.every(({ event }) => event === "batch")).toBe(true);
    const ids = reader.events.map((one) => Number(one.id));
    expect([...new Set(ids)].sort((a, b) => a - b)).toEqual(ids);
    expect(reader.events.at(-1)?.batch).toEqual(await batchOf(await ask(id, {})));
    expect(reader.events.at(-1)?.batch).toMatchObject({ status: "completed", counts: { accepted: 3 } });
    expect(watches().size).toBe(0);
  });

  test("come at most four a second, and the end of the batch at once", async () => {
    const { id } = await working(400);
    const releasing = setInterval(letAllGo, 1);
    const reader = await readEvents(url, slow, `/imports/${id}/events`);
    await reader.ended.finally(() => clearInterval(releasing));
    const at = reader.events.map((event) => event.at);
    // Events that were sent a second apart may arrive closer together on a busy machine.
    for (const [i, first] of at.entries()) expect((at[i + 4] ?? Infinity) - first).toBeGreaterThan(600);
    expect(reader.events.at(-1)?.batch).toMatchObject({ status: "completed", counts: { accepted: 400 } });
  });

  test("of an ended batch are one event; a client that has seen it gets 204", async () => {
    const { id } = await accepted(url, client, rows(1));
    await batchWhen(url, client, id);
    for (const seen of [{}, { "last-event-id": "1" }, { "last-event-id": "nonsense" }] as Record<string, string>[]) {
      const reader = await readEvents(url, client, `/imports/${id}/events`, seen);
      await reader.ended;
      expect(reader.events.map(({ batch }) => batch.status)).toEqual(["completed"]);
    }
    const reader = await readEvents(url, client, `/imports/${id}/events`);
    await reader.ended;
    const known = { "last-event-id": reader.events[0]?.id as string };
    expect((await get(url, client, `/imports/${id}/events`, known)).status).toBe(204);
  });

  test("HEAD gets only the header fields", async () => {
    const { id } = await working();
    const headers = { authorization: slow.auth };
    const response = await fetch(`${url}/imports/${id}/events`, { method: "HEAD", headers });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toMatch(/^text\/event-stream/);
    expect(watches().size).toBe(0);
  });

  test("close an HTTP/1.0 connection at their end, because it has no chunks", async () => {
    const { id } = await working();
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    let text = "";
    socket.on("data", (piece) => {
      text += piece;
    });
    socket.write(`GET /imports/${id}/events HTTP/1.0\r\nAuthorization: ${slow.auth}\r\n\r\n`);
    await until(() => text.includes("event: batch"));
    const closed = new Promise((resolve) => socket.once("close", resolve));
    letAllGo();
    await closed;
    expect(text).not.toMatch(/transfer-encoding/i);
    expect(text).toMatch(/"status":"completed"[^\n]*\n\n$/);
  });

  test("end when their client is disabled", async () => {
    const leaving = await newClient(url, { requiresApproval: true });
    const { id } = await accepted(url, leaving, rows(1));
    const reader = await readEvents(url, leaving, `/imports/${id}/events`);
    await until(() => reader.events.length === 1);
    expect(await (await fetch(`${url}/metrics`)).text()).toMatch(/^dataflow_event_streams(\{[^}]*\})? 1\b/m);
    await admin(url, `/clients/${leaving.id}`, { method: "PATCH", body: '{"status":"disabled"}' });
    await reader.ended;
    expect(reader.events).toHaveLength(1);
    expect(watches().size).toBe(0);
  });

  test("end when their client is disabled on another node and the event is lost", async () => {
    const leaving = await newClient(url, { requiresApproval: true });
    const { id } = await accepted(url, leaving, rows(1));
    const reader = await readEvents(url, leaving, `/imports/${id}/events`);
    await until(() => reader.events.length === 1);
    const clients = system.broker.getLocalService("clientCache") as unknown as WithDatabase & WithCache<never>;
    const { models, now } = clients.database;
    const change = { status: "disabled", version: 99, changedAt: await now() } as const;
    await models.Client.update(change, { where: { publicId: leaving.id } });
    await clients.readChanges();
    await reader.ended;
  });

  test("a client that hangs up leaves nothing behind; other streams go on", async () => {
    const { id } = await working();
    const [one, two] = await Promise.all([
      readEvents(url, slow, `/imports/${id}/events`),
      readEvents(url, slow, `/imports/${id}/events`),
    ]);
    await until(() => one.events.length === 1 && two.events.length === 1);
    one.hangUp();
    expect(watches().size).toBe(1);
    letAllGo();
    await two.ended;
    expect(two.events.at(-1)?.batch.status).toBe("completed");
    const again = await working();
    const third = await readEvents(url, slow, `/imports/${again.id}/events`);
    third.hangUp();
    await until(() => watches().size === 0);
  });
});

test("three hundred waiting requests cost one query every 2 s, and all are answered at the end at once", async () => {
  const first = await working();
  const second = await working();
  const changed = jest.spyOn(storeOf(system), "changed");
  const one = jest.spyOn(storeOf(system), "batch");
  const answers = Array.from({ length: 300 }, (_, i) => waitingFor(i % 2 ? first.id : second.id));
  const reads = () => one.mock.calls.filter(([id]) => id === first.id || id === second.id).length;
  await until(() => reads() === 300);
  await until(() => changed.mock.calls.some(([seen]) => seen.length === 2));
  const before = changed.mock.calls.length;
  const began = performance.now();
  await until(() => changed.mock.calls.length >= before + 2);
  const passed = performance.now() - began;
  expect(passed).toBeGreaterThan(1_900);
  for (const [seen] of changed.mock.calls.slice(before)) expect(seen).toHaveLength(2);
  const asked = changed.mock.calls.length;
  letAllGo();
  expect(new Set(await Promise.all(answers))).toEqual(new Set(["completed"]));
  // Each batch reports its end; on a busy machine one look may come between.
  expect(changed.mock.calls.length - asked).toBeLessThanOrEqual(4);
  expect(reads()).toBe(300);
  jest.restoreAllMocks();
});

/** Answers the batch's status at its end. Each call has a connection of its own. */
function waitingFor(id: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: slow.auth, prefer: "wait=60" };
    const request = httpRequest(`${url}/imports/${id}`, { headers, agent: false }, (response) => {
      let text = "";
      response.on("data", (piece) => {
        text += piece;
      });
      response.on("end", () => resolve((JSON.parse(text) as Batch).status));
    });
    request.on("error", reject).end();
  });
}

test("a stopping node answers waiting requests and ends event streams at once", async () => {
  const own = await startSystem({ services: withoutWorker });
  const waiting = await newClient(own.url);
  const { id } = await accepted(own.url, waiting, rows(1));
  const found = await get(own.url, waiting, `/imports/${id}`);
  const tag = found.headers.get("etag") as string;
  const asked = get(own.url, waiting, `/imports/${id}`, { prefer: "wait=60" });
  const polled = get(own.url, waiting, `/imports/${id}`, { prefer: "wait=60", "if-none-match": tag });
  const posted = post(own.url, waiting, rows(1), undefined, { prefer: "wait=60" });
  const reader = await readEvents(own.url, waiting, `/imports/${id}/events`);
  await until(() => reader.events.length === 1);
  const api = own.broker.getLocalService("api") as unknown as {
    runningRequests: Set<unknown>;
    watches: { size: number };
  };
  await until(() => api.runningRequests.size === 4 && api.watches.size === 2);
  const { ms } = await took(() => own.stop());
  expect((await asked).status).toBe(200);
  expect(await batchOf(await asked)).toMatchObject({ id, status: "ready" });
  expect((await polled).status).toBe(304);
  expect((await posted).status).toBe(202);
  expect((await posted).headers.get("connection")).toBe("close");
  await reader.ended;
  // Half of SHUTDOWN_TIMEOUT is 5 s. After that time connections would be cut off.
  expect(ms).toBeLessThan(patience(AT_ONCE_MS * 2));
});

const withoutWorker = ["api", "batch", "clientCache", "outbox", "policy", "rateLimiter"];
