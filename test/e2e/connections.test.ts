/** The promise: connections that are not read or used make room for others; quiet ones that wait for an answer stay open. */
import type { Server } from "node:http";
import { connect, type Socket } from "node:net";
import { accepted, newClient, type TestClient } from "../helpers/http.ts";
import { metrics } from "../helpers/metrics.ts";
import { patience, until } from "../helpers/patience.ts";
import { type System, startSystem } from "../helpers/system.ts";
import { expectProblem, send } from "./bad-input.kit.ts";
import { Reader } from "./bad-wire.kit.ts";

/** Longer than this process may wait for a core, because neither end of a connection moves during that time. */
const unreadMs = () => patience(400);

let system: System;
const sockets: Socket[] = [];

async function start(connections: Record<string, number>, env: Record<string, string> = {}): Promise<void> {
  system = await startSystem({ settings: { api: { connections: { lookEveryMs: 20, ...connections } } }, env });
}
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await system.stop();
});

/** A connection that has sent `text`. It reads nothing by itself. */
async function opened(text = ""): Promise<Socket> {
  const { port } = new URL(system.url);
  const socket = connect(Number(port), "127.0.0.1").on("error", () => {});
  sockets.push(socket);
  await new Promise((resolve) => socket.once("connect", resolve));
  if (text) await new Promise((resolve) => socket.write(text, resolve));
  return socket;
}

const get = (path: string, ...fields: string[]) =>
  `GET ${path} HTTP/1.1\r\n${["Host: x", ...fields].join("\r\n")}\r\n\r\n`;
const HEALTH = get("/health/live");
const LARGE = get("/docs/swagger-ui-bundle.js");

const cut = async (reason: string) =>
  (await metrics(system.url)).get(`dataflow_connections_cut_total{reason="${reason}"}`);
const isClosed = (socket: Socket) => new Promise((resolve) => socket.once("close", resolve).resume());
const expectHealthy = async () => expect((await send(system.url, { path: "/health/live" })).status).toBe(200);

describe("an answer that the client does not read", () => {
  beforeEach(() => start({ unreadMs: unreadMs() }));

  test("is cut off, with the requests that wait behind it", async () => {
    const some = await Promise.all(Array.from({ length: 5 }, () => opened(LARGE.repeat(10))));
    await until(async () => (await cut("unread")) === 5, "all are cut off", 10_000);
    await Promise.all(some.map(isClosed));
    await expectHealthy();
  });

  test("is told from an answer that is read slowly, which goes on", async () => {
    const socket = await opened(LARGE.repeat(8) + get("/health/live", "Connection: close"));
    let bytes = 0;
    let last = "";
    const ended = new Promise((resolve) => socket.once("close", resolve));
    socket.on("data", (piece) => {
      bytes += piece.length;
      last = piece.toString("latin1");
      socket.pause();
      setTimeout(() => socket.resume(), 3);
    });
    await ended;
    expect(bytes).toBeGreaterThan(8_000_000);
    expect(last).toMatch(/\{"status":"ok"\}$/);
    expect(await cut("unread")).toBe(0);
  });

  test("is cut off also if it is an export", async () => {
    const client = await newClient(system.url);
    const { id } = await accepted(system.url, client, `{"a":"${"x".repeat(1_000)}"}\n`.repeat(12_000));
    const auth = `Authorization: ${client.auth}`;
    await until(
      async () => (await send(system.url, ask(client, `/imports/${id}`))).text.includes("completed"),
      "it is done",
      20_000,
    );
    await opened(get(`/imports/${id}/records`, auth));
    await until(async () => (await cut("unread")) === 1, "it is cut off", 10_000);
  });

  test("the rest of a body that does not come after its answer ends the connection too", async () => {
    const socket = await opened(get("/health/live", "Content-Length: 10"));
    await isClosed(socket);
    expect(await cut("unread")).toBe(1);
  });
});

/** The system reports acknowledged data to Node in steps of 1.4 MB, which come every 3 s in this test. */
test("an answer that is read too slowly for Node to notice goes on until nobody reads it", async () => {
  const unreadMs = patience(1_500);
  // Each look reads the system's list of all TCP sockets, which takes 10 ms of a core.
  await start({ unreadMs, lookEveryMs: 100 });
  const socket = await opened(LARGE.repeat(8));
  const pieces = socket.iterator({ destroyOnReturn: false });
  for (const began = performance.now(); performance.now() - began < 2 * unreadMs; ) {
    expect((await pieces.next()).done).toBe(false);
    await new Promise((resolve) => setTimeout(resolve, unreadMs / 10));
  }
  expect(await cut("unread")).toBe(0);
  await until(async () => (await cut("unread")) === 1, "it is cut off", 10_000);
});

const ask = (client: TestClient, path: string, headers: Record<string, string> = {}) => ({
  path,
  headers: { authorization: client.auth, ...headers },
});

test("connections that are quiet because there is nothing to send are not cut off", async () => {
  await start({ unreadMs: 50 });
  const client = await newClient(system.url, { requiresApproval: true });
  const auth = `Authorization: ${client.auth}`;
  const { id } = await accepted(system.url, client, '{"a":1}\n');
  const began = performance.now();
  const events = new Reader(await opened(get(`/imports/${id}/events`, auth)));
  const idle = await opened(HEALTH);
  const waited = await send(system.url, ask(client, `/imports/${id}`, { prefer: "wait=1" }));
  expect(waited.status).toBe(200);
  expect(performance.now() - began).toBeGreaterThan(900);
  expect(events.text).toContain("event: batch");
  idle.resume();
  const again = new Reader(idle);
  idle.write(HEALTH);
  expect((await again.answer()).status).toBe(200);
  expect(await cut("unread")).toBe(0);
});

describe("the limit of connections", () => {
  test("a new stranger of an address replaces the one that has been quiet for longest", async () => {
    await start({ strangersOfNetwork: 5, restMs: 0 });
    const client = await newClient(system.url);
    const login = `Authorization: ${client.auth}`;
    const known = await opened(get("/policy", login));
    await until(() => new Promise((resolve) => known.once("data", () => resolve(true)).resume()), "it is known");
    const closed: number[] = [];
    const strangers: Socket[] = [];
    for (let i = 0; i < 12; i++) {
      const socket = await opened(i % 2 ? HEALTH : "");
      strangers.push(socket);
      socket.once("close", () => closed.push(i)).resume();
    }
    await until(() => closed.length === 7, "the oldest are closed");
    expect(closed.sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    // A connection with a login is not a stranger.
    const reader = new Reader(known);
    known.write(get("/policy", login));
    expect((await reader.answer()).status).toBe(200);
    await expectHealthy();
  });

  test("connections of a trusted proxy do not count for one address", async () => {
    await start({ strangersOfNetwork: 5, restMs: 0 }, { TRUSTED_PROXIES: "127.0.0.0/8" });
    const some: Socket[] = [];
    for (let i = 0; i < 12; i++) some.push(await opened());
    for (const socket of some) {
      socket.write(HEALTH);
      await until(() => socket.bytesRead > 0, "it is answered");
    }
    expect(await cut("room")).toBe(0);
  });

  test("at MAX_CONNECTIONS an idle connection is closed, and never a busy one", async () => {
    await start({ restMs: 0 }, { MAX_CONNECTIONS: "10" });
    const client = await newClient(system.url, { requiresApproval: true });
    const { id } = await accepted(system.url, client, '{"a":1}\n');
    const auth = `Authorization: ${client.auth}`;
    const streamed = async () => {
      const socket = await opened(get(`/imports/${id}/events`, auth));
      const reader = new Reader(socket);
      await until(() => reader.text.includes("event: batch"), "the stream is open");
      return socket;
    };
    const streams: Socket[] = [];
    for (let i = 0; i < 9; i++) streams.push(await streamed());
    const silent = await opened();
    const first = isClosed(silent);
    // Each new connection takes the place of the silent one.
    for (let i = 0; i < 5; i++) await expectHealthy();
    await first;
    streams.push(await streamed());
    // Now all connections are busy.
    await isClosed(await opened(HEALTH));
    expect(streams.map(({ destroyed }) => destroyed)).not.toContain(true);
  });
});

describe("pipelined requests", () => {
  test("beyond the limit of a connection the earlier ones are answered, and then it closes", async () => {
    await start({});
    const reader = new Reader(await opened(HEALTH.repeat(2_000)));
    const answers = await reader.answers();
    expect(answers.slice(0, -1).map(({ status }) => status)).toEqual(Array(33).fill(200));
    const last = answers.at(-1);
    expectProblem(last as never, { status: 503, code: "unavailable" });
    expect(last?.headers).toMatchObject({ connection: "close", "retry-after": "1" });
  });

  test("an upload is not refused because of the requests behind it", async () => {
    await start({});
    const client = await newClient(system.url, { requiresApproval: true });
    const auth = `Authorization: ${client.auth}`;
    const { id } = await accepted(system.url, client, '{"a":1}\n');
    const upload = `POST /imports HTTP/1.1\r\nHost: x\r\n${auth}\r\nContent-Type: text/csv\r\nContent-Length: 4\r\n\r\na\n1\n`;
    // The first request keeps all later ones waiting.
    const first = get(`/imports/${id}`, auth, "Prefer: wait=1");
    const reader = new Reader(await opened(first + HEALTH.repeat(31) + upload + HEALTH.repeat(10)));
    const statuses = (await reader.answers()).map(({ status }) => status);
    expect(statuses).toEqual([...Array(32).fill(200), 202, 503]);
  });

  test("beyond the limit of all connections the one with most requests is cut off", async () => {
    await start({ waiting: 40 });
    const client = await newClient(system.url, { requiresApproval: true });
    const { id } = await accepted(system.url, client, '{"a":1}\n');
    // The first request keeps the later ones waiting.
    const first = get(`/imports/${id}`, `Authorization: ${client.auth}`, "Prefer: wait=60");
    const server = (system.broker.getLocalService("api") as unknown as { server: Server }).server;
    const near: Socket[] = [];
    server.on("connection", (socket) => near.push(socket));
    for (const [i, count] of [30, 5, 6].entries()) {
      await opened(first + HEALTH.repeat(count));
      await until(() => near[i]?.destroyed === false, "it is there");
    }
    await until(() => near[0]?.destroyed === true, "the first one is cut off");
    expect(near.slice(1, 3).map(({ destroyed }) => destroyed)).toEqual([false, false]);
    expect(await cut("pipelined")).toBe(1);
    const reader = new Reader(await opened(HEALTH + get("/health/live", "Connection: close")));
    expect((await reader.answers()).map(({ status }) => status)).toEqual([200, 200]);
  });
});

test("large files have a limit for each address; small answers do not count", async () => {
  await start({});
  const readers = await Promise.all(Array.from({ length: 40 }, () => opened(LARGE.repeat(12))));
  const refusal = async () => (await send(system.url, { path: "/docs/swagger-ui-bundle.js" })).status === 429;
  await until(refusal, "the places are taken", 10_000);
  const answer = await send(system.url, { path: "/docs/swagger-ui-bundle.js" });
  expectProblem(answer, { status: 429, code: "too-many-streams" });
  expect(answer.headers).toMatchObject({ connection: "close", "retry-after": "5" });
  for (const path of ["/docs", "/docs/api.docs.js", "/health/live", "/metrics"])
    expect((await send(system.url, { path })).status).toBe(200);
  for (const socket of readers) socket.destroy();
  await until(async () => !(await refusal()), "the places are free", 10_000);
});
