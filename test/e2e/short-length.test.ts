/** The promise: a body that is longer than its Content-Length is refused as a whole (400), or its stored part is answered with 202. */
import { once } from "node:events";
import type { Server } from "node:http";
import { gzipSync } from "node:zlib";
import { until } from "../helpers/patience.ts";
import { type Answer, expectProblem } from "./bad-input.kit.ts";
import {
  authorized,
  byteByByte,
  expectBatch,
  head,
  isEverythingGone,
  Reader,
  socketOf,
  startWire,
  type Way,
  ways,
  world,
  write,
} from "./bad-wire.kit.ts";

startWire();

const HEALTH = "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n";

/** A short body that is cut so that the rest would be another record. */
const small = { body: '{"amount":2000}\n', length: 12 };
/** A body of many chunks, so that some are stored before its end. */
const large = { body: `{"amount":2000}\n`.repeat(30_000), length: 16 * 30_000 - 4 };

/** Sends the body, and checks that the answers say what is stored. Answers whether the batch is stored. */
async function sent(way: Way, start: string, { body, length }: { body: string | Buffer; length: number }) {
  const socket = await socketOf();
  socket.setNoDelay(true);
  const reader = new Reader(socket);
  await way(socket, start, Buffer.from(body), length);
  return stored(await reader.answers());
}

function stored(answers: Answer[]): boolean {
  const isStored = answers[0]?.status === 202;
  if (isStored) expectBatch();
  expect(answers.map(({ status }) => status)).toEqual(isStored ? [202, 400] : [400]);
  expectProblem(answers.at(-1) as Answer, { status: 400, code: "malformed-body" });
  return isStored;
}

/** Waits until the batch has ended, because it has chunks until then. */
const isSettled = () => until(isEverythingGone, "what is stored is worked, and nothing else is there", 10_000);

describe.each(Object.entries({ small, large }))(
  "a %s body that is longer than its Content-Length, sent in different pieces",
  (_name, one) => {
    test.each(Object.entries(ways))("%s", async (_way, way) => {
      for (let i = 0; i < 10; i++) {
        await sent(way, authorized("free", `Content-Length: ${one.length}`), one);
        await isSettled();
      }
    });
  },
);

test("a small body that is longer than its Content-Length, sent byte by byte", async () => {
  for (let i = 0; i < 5; i++) await sent(byteByByte, authorized("free", `Content-Length: ${small.length}`), small);
  await isSettled();
});

test("garbage that comes with the end of a body refuses it: nothing is stored", async () => {
  for (const way of ["in one packet", "the head by itself"])
    for (let i = 0; i < 10; i++)
      expect(await sent(ways[way] as Way, authorized("free", `Content-Length: ${small.length}`), small)).toBe(false);
});

test("a client that counts characters instead of bytes", async () => {
  const body = "name,amount\nJosé Müller,2000\n";
  const start = head([
    `Authorization: ${world.authorization("free")}`,
    "Content-Type: text/csv",
    `Content-Length: ${body.length}`,
  ]);
  expect(await sent(ways["in one packet"] as Way, start, { body, length: body.length })).toBe(false);
});

test.each(Object.entries({ small, large }))(
  "the Idempotency-Key of a refused %s body is free again",
  async (name, one) => {
    const key = `"short-${name}"`;
    const start = authorized("free", `Content-Length: ${one.length}`, `Idempotency-Key: ${key}`);
    expect(await sent(ways["in one packet"] as Way, start, one)).toBe(false);
    const socket = await socketOf();
    const reader = new Reader(socket);
    await write(
      socket,
      authorized("free", `Content-Length: ${one.body.length}`, `Idempotency-Key: ${key}`, "Connection: close") +
        one.body,
    );
    const [answer] = await reader.answers(10_000);
    expect(answer?.status).toBe(202);
    expect(answer?.headers["idempotent-replayed"]).toBeUndefined();
    expectBatch();
    await isSettled();
  },
);

test("gzip", async () => {
  const body = gzipSync('{"amount":2000}\n'.repeat(1000));
  // One whole gzip member, and another one beyond the Content-Length.
  const twice = { body: Buffer.concat([body, body]), length: body.length };
  for (const [way, one] of Object.entries(ways)) {
    const start = authorized("free", `Content-Length: ${twice.length}`, "Content-Encoding: gzip");
    const isStored = await sent(one, start, twice);
    if (way === "in one packet") expect(isStored).toBe(false);
    const cut = authorized("free", `Content-Length: ${body.length - 4}`, "Content-Encoding: gzip");
    const socket = await socketOf();
    const reader = new Reader(socket);
    await one(socket, cut, body, body.length - 4);
    for (const { status } of await reader.answers()) expect(status).toBe(400);
  }
  await isSettled();
});

test("a client that waits for 100 Continue", async () => {
  const socket = await socketOf();
  const reader = new Reader(socket);
  socket.write(authorized("free", `Content-Length: ${small.length}`, "Expect: 100-continue"));
  await until(() => reader.text.includes("100 Continue"), "the body is asked for");
  socket.write(small.body);
  stored(await reader.answers());
  await isSettled();
});

describe("while the commit is under way", () => {
  interface Store {
    commitUpload(commit: unknown): Promise<unknown>;
  }
  const storeOf = () =>
    (world.system.broker.getLocalService("batch") as unknown as { database: { store: Store } }).database.store;

  test("garbage comes too late: 202, the batch is stored, and then 400", async () => {
    const store = storeOf();
    const begun = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const commit = store.commitUpload;
    store.commitUpload = async (whole) => {
      begun.resolve();
      await goOn.promise;
      return commit.call(store, whole);
    };
    const socket = await socketOf();
    const reader = new Reader(socket);
    socket.write(authorized("free", `Content-Length: ${small.length}`) + small.body.slice(0, small.length));
    await begun.promise;
    store.commitUpload = commit;
    const { server } = world.system.broker.getLocalService("api") as unknown as { server: Server };
    const garbage = once(server, "clientError");
    socket.write(small.body.slice(small.length));
    await garbage;
    goOn.resolve();
    expect(stored(await reader.answers())).toBe(true);
    await isSettled();
  });
});

describe("pipelined requests", () => {
  const upload = (body: string, ...lines: string[]) =>
    authorized("free", `Content-Length: ${body.length}`, ...lines) + body;

  async function answersTo(text: string, timeoutMs?: number): Promise<Answer[]> {
    const socket = await socketOf();
    const reader = new Reader(socket);
    await write(socket, text);
    return reader.answers(timeoutMs);
  }
  const ids = (answers: Answer[]) => answers.map(({ text }) => (JSON.parse(text) as { id?: string }).id);

  test("pipelined requests are answered in order", async () => {
    const close = HEALTH.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    const answers = await answersTo(HEALTH + upload('{"a":1}\n') + HEALTH + upload('{"a":2}\n') + close);
    expect(answers.map(({ status }) => status)).toEqual([200, 202, 200, 202, 200]);
    expect(new Set(ids(answers)).size).toBe(3);
    expectBatch();
    expectBatch();
    await isSettled();
  });

  test("thirty requests behind a body that is read slowly are all answered", async () => {
    const close = HEALTH.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    const answers = await answersTo(upload(large.body) + HEALTH.repeat(30) + close, 10_000);
    expect(answers.map(({ status }) => status)).toEqual([202, ...Array(31).fill(200)]);
    expectBatch();
    await isSettled();
  });

  test("a pipelined request sees the effect of the one before it", async () => {
    const key = "Idempotency-Key: twice";
    const again = upload('{"a":1}\n', key, "Connection: close");
    const answers = await answersTo(upload('{"a":1}\n', key) + again);
    expect(answers.map(({ status }) => status)).toEqual([202, 202]);
    expect(answers[1]?.headers["idempotent-replayed"]).toBe("true");
    expect(new Set(ids(answers)).size).toBe(1);
    expectBatch();
    await isSettled();
  });

  test("garbage refuses the upload before it, and no earlier one", async () => {
    const short = `${authorized("free", "Content-Length: 5")}{"a":1}\n{"a":2}\n`;
    const answers = await answersTo(upload('{"a":1}\n') + HEALTH + short);
    expect(answers.map(({ status }) => status)).toEqual([202, 200, 400]);
    expectBatch();
    await isSettled();
  });

  test("CONNECT is answered after the earlier requests", async () => {
    const answers = await answersTo(`${upload('{"a":1}\n')}CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n`);
    expect(answers.map(({ status }) => status)).toEqual([202, 405]);
    expectBatch();
    await isSettled();
  });

  test("garbage after a request that stores nothing is answered after that request", async () => {
    const answers = await answersTo(`${HEALTH}nonsense\r\n\r\n`);
    expect(answers.map(({ status }) => status)).toEqual([200, 400]);
  });

  test("an operator's body that is cut short changes nothing", async () => {
    const clients = await world.rows("client");
    const body = '{"clientIdentifier":"short-length","name":"short"}';
    const start = [
      "POST /admin/clients HTTP/1.1",
      "Host: x",
      `Authorization: ${world.authorization("operator")}`,
      "Content-Type: application/json",
      `Content-Length: ${body.length}`,
    ];
    const answers = await answersTo(`${start.join("\r\n")}\r\n\r\n${body}]}`);
    expect(answers.map(({ status }) => status)).toEqual([400]);
    expect(await world.rows("client")).toBe(clients);
  });
});
