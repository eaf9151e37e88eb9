/** The promise: a stream costs no memory, however slow its reader is, shows the latest state, and ends with its reader. */
import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { isProblem } from "../../../lib/errors.ts";
import { OpenStreams } from "../../../services/api/http/open.ts";
import { PROGRESS_EVERY_MS } from "../../../services/api/http/watches.ts";
import { EventStream } from "../../../services/api/routes/events.ts";
import type { BatchRow, BatchState } from "../../../services/batch/batch.domain.ts";
import { useOwnTimers } from "../../helpers/own-timers.ts";
import { until } from "../../helpers/patience.ts";

const times = { createdAt: 0, readyAt: 0, startedAt: 0, finishedAt: null };
/** A batch with a long text, so that each of its states is large. */
const batch = (version: number, state: BatchState = "processing", detail = "") =>
  ({ publicId: "b", version, state, reason: { code: "c", detail }, records: 100, ...times }) as unknown as BatchRow;

let server: Server;
let stream: EventStream;
let res: ServerResponse;
let socket: Socket;
let text: string;
let options: { heartbeatMs?: number; stalledMs?: number };

async function open(over: typeof options = {}): Promise<void> {
  options = over;
  text = "";
  socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  socket.on("error", () => {});
  const asked = once(server, "request");
  socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await asked;
}
/** Reads to the end of the connection. */
async function readAll(): Promise<void> {
  socket.on("data", (piece) => {
    text += piece;
  });
  await once(socket, "close");
}
const versions = () => [...text.matchAll(/\nid: (\d+)\n/g)].map(([, id]) => Number(id));

beforeAll(async () => {
  server = createServer((_req, answer) => {
    res = answer;
    stream = new EventStream(answer, options);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterEach(async () => {
  socket.destroy();
  await stream.closed;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

test("a reader that pauses misses states in between, but not the last one; nothing piles up", async () => {
  await open();
  const large = "x".repeat(100_000);
  const began = performance.now();
  // The stream sends at most one event in 334 ms, so many versions are needed to fill the buffers of both ends.
  let version = 0;
  while (!res.writableNeedDrain && performance.now() - began < 20_000) {
    stream.show(batch(++version, "processing", large.repeat(40)));
    await new Promise((resolve) => setTimeout(resolve, PROGRESS_EVERY_MS / 4));
  }
  const filled = res.writableLength;
  for (let i = 0; i < 1_000; i++) stream.show(batch(++version, "processing", large));
  stream.show(batch(++version, "completed"));
  expect(res.writableLength).toBe(filled);
  await readAll();
  expect(versions().at(-1)).toBe(version);
  expect(versions().length).toBeLessThan(50);
  expect(text.endsWith("\n\n\r\n0\r\n\r\n")).toBe(true);
});

test("a reader that reads nothing, not even heartbeats, is cut off", async () => {
  await open({ heartbeatMs: 50, stalledMs: 300 });
  socket.pause();
  stream.show(batch(1, "processing", "x".repeat(20_000_000)));
  await stream.closed;
  expect(res.destroyed).toBe(true);
});

test("heartbeats keep a quiet stream open", async () => {
  await open({ heartbeatMs: 50, stalledMs: 400 });
  const all = readAll();
  const began = performance.now();
  stream.show(batch(1));
  await until(() => (text.match(/^:$/gm) ?? []).length >= 12);
  expect(performance.now() - began).toBeGreaterThan(500);
  expect(res.destroyed).toBe(false);
  stream.end();
  await all;
  expect(text).toMatch(/\r\n0\r\n\r\n$/);
});

test("a heartbeat is sent only if nothing else was sent", async () => {
  const timers = useOwnTimers({ doNotFake: ["performance", "nextTick", "setImmediate", "queueMicrotask"] });
  try {
    await open({ heartbeatMs: 1_000 });
    const written = jest.spyOn(res, "write");
    jest.advanceTimersByTime(900);
    stream.show(batch(1));
    jest.advanceTimersByTime(900);
    expect(written.mock.calls).toEqual([[expect.stringMatching(/^event: batch/)]]);
    jest.advanceTimersByTime(100);
    expect(written.mock.calls[1]).toEqual([":\n\n"]);
    stream.end();
    expect(timers()).toBe(0);
  } finally {
    jest.useRealTimers();
  }
});

test("events are written a third of a second apart, the end at once", async () => {
  await open();
  const all = readAll();
  const writtenAt: number[] = [];
  const write = res.write.bind(res);
  res.write = ((piece: string) => {
    writtenAt.push(performance.now());
    return write(piece);
  }) as typeof res.write;
  let version = 0;
  while (writtenAt.length < 4) {
    stream.show(batch(++version));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const [first = 0, , , fourth = 0] = writtenAt;
  stream.show(batch(++version, "cancelled"));
  expect(performance.now() - (writtenAt.at(-1) ?? 0)).toBeLessThan(PROGRESS_EVERY_MS);
  await all;
  expect(writtenAt).toHaveLength(5);
  // On a busy machine a timer counts from the beginning of its turn of the event loop, so it may come early.
  expect(fourth - first).toBeGreaterThan(2.7 * PROGRESS_EVERY_MS);
  expect(versions().at(-1)).toBe(version);
});

test("the same or an older state is not shown again", async () => {
  await open();
  const all = readAll();
  stream.show(batch(3));
  // An end is written at once, so a reader cannot miss a state by that.
  for (const version of [3, 2]) stream.show(batch(version, "completed"));
  stream.show(batch(4, "failed"));
  stream.show(batch(5, "ready"));
  await all;
  expect(versions()).toEqual([3, 4]);
});

test("a client may have 2,000 event streams on a node; one that ends frees its place", async () => {
  const streams = new OpenStreams();
  const closings = Array.from({ length: 2_000 }, () => Promise.withResolvers<void>());
  const kept = closings.map(({ promise: closed }) => streams.keep(1, { closed } as EventStream));
  expect(streams.size).toBe(2_000);
  const refused = () => {
    try {
      streams.requirePlace(1);
    } catch (error) {
      return error;
    }
    return null;
  };
  const problem = refused();
  expect(isProblem(problem, "too-many-streams")).toBe(true);
  expect(problem).toMatchObject({ code: 429, data: { limit: 2_000, headers: { "Retry-After": "5" } } });
  streams.requirePlace(2);
  closings[0]?.resolve();
  await kept[0];
  expect(refused()).toBeNull();
  for (const { resolve } of closings) resolve();
  await Promise.all(kept);
  expect(streams.size).toBe(0);
});
