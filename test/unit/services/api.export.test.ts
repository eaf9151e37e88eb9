/** The promise: a node reads an export no faster than its client takes it, holds one page of it, and stops with the client. */
import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { Turns } from "../../../services/api/http/open.ts";
import { sent } from "../../../services/api/routes/export.ts";
import { until } from "../../helpers/patience.ts";

const ROW = "x".repeat(1_000);
const ROWS_A_PAGE = 250;
const HEADERS = { "content-type": "text/plain" };

let server: Server;
let reader: Socket;
let res: ServerResponse;
let over: Promise<unknown>;
let asked: number[];
/** What the database does when a page is read. */
let read: (after: number) => Promise<void>;

async function page(after: number) {
  asked.push(after);
  await read(after);
  return Array.from({ length: ROWS_A_PAGE }, (_, i) => ({ seq: after + i + 1 }));
}

beforeAll(async () => {
  server = createServer((_req, answer) => {
    res = answer;
    over = sent(answer, HEADERS, { head: "head\n", page, show: () => [ROW] }, new Turns()).catch(
      (error: Error) => error,
    );
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
});
beforeEach(async () => {
  asked = [];
  read = async () => {};
});
afterEach(() => reader.destroy());
afterAll(() => new Promise((resolve) => server.close(resolve)));

async function open(): Promise<void> {
  reader = connect((server.address() as AddressInfo).port, "127.0.0.1").on("error", () => {});
  const came = once(server, "request");
  reader.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await came;
}

test("a reader that pauses holds one piece and the rest of a page; the export goes on with it", async () => {
  await open();
  await until(() => res.writableNeedDrain);
  const pages = asked.length;
  expect(res.writableLength).toBeLessThan(150_000);
  let bytes = 0;
  reader.on("data", (piece) => {
    bytes += piece.length;
  });
  await until(() => asked.length > pages + 100);
  // Pages that were requested but not read yet are in the buffers of the connection's two ends.
  reader.pause();
  await until(() => res.writableNeedDrain);
  expect(asked).toEqual(asked.map((_, i) => i * ROWS_A_PAGE));
  expect(bytes).toBeGreaterThan(0);
});

test("an export ends with its reader, and reads no further page", async () => {
  await open();
  await until(() => res.writableNeedDrain);
  reader.destroy();
  expect(await over).toBeUndefined();
  const pages = asked.length;
  await new Promise((resolve) => setImmediate(resolve));
  expect(asked).toHaveLength(pages);
});

test("an export ends when the node cuts it off, also in the middle of a page", async () => {
  await open();
  await until(() => res.writableNeedDrain);
  res.destroy();
  expect(await over).toBeUndefined();
  for (const at of [0, ROWS_A_PAGE]) {
    const reached = Promise.withResolvers<void>();
    const wait = Promise.withResolvers<void>();
    read = async (after) => {
      if (after !== at) return;
      reached.resolve();
      await wait.promise;
    };
    await open();
    reader.resume();
    await reached.promise;
    res.destroy();
    wait.resolve();
    expect(await over).toBeUndefined();
  }
});

test("a failure on the first page is a refusal; on a later page it cuts the answer off", async () => {
  const away = new Error("away");
  read = async () => Promise.reject(away);
  await open();
  expect([await over, res.headersSent]).toEqual([away, false]);
  reader.destroy();
  read = async (after) => (after === 0 ? undefined : Promise.reject(away));
  await open();
  let text = "";
  reader.on("data", (piece) => {
    text += piece;
  });
  const closed = once(reader, "close");
  expect(await over).toBe(away);
  await closed;
  expect(text).toMatch(/^HTTP\/1.1 200 OK\r\n.*head\n/s);
  expect(text).not.toMatch(/\r\n0\r\n\r\n$/);
});
