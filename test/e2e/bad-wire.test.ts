/** The promise: also a client that breaks HTTP itself, or still sends when it is refused, reads its answer; nothing remains. */
import { once } from "node:events";
import { request as httpRequest, type Server } from "node:http";
import { connect, type Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { type Answer, expectProblem, send, startWorld, until, type World } from "./bad-input.kit.ts";

let world: World;
let batches: number;
beforeAll(async () => {
  world = await startWorld();
});
beforeEach(async () => {
  batches = await world.rows("batch");
});
afterEach(async () => {
  expect((await send(world.system.url, { path: "/health/live" })).status).toBe(200);
  await until(isEverythingGone, "nothing of a refused upload is left");
});
afterAll(() => world.system.stop());

const isEverythingGone = async () => (await world.rows("batch_chunk")) === 0 && (await world.rows("batch")) === batches;

const socketOf = (): Promise<Socket> => {
  const { hostname, port } = new URL(world.system.url);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true }, () => resolve(socket));
    socket.once("error", reject);
  });
};

/** Reads one answer: to its Content-Length where it has one, else to the end of the connection. */
class Reader {
  private bytes = Buffer.alloc(0);
  private isOver = false;
  private readonly socket: Socket;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (piece) => {
      this.bytes = Buffer.concat([this.bytes, piece as Buffer]);
    });
    const over = () => {
      this.isOver = true;
    };
    socket.on("end", over).on("close", over).on("error", over);
  }

  get text(): string {
    return this.bytes.toString("latin1");
  }

  async answer(): Promise<Answer> {
    await until(() => this.isOver || parsed(this.bytes) !== null, "the answer is there");
    const answer = parsed(this.bytes);
    this.socket.destroy();
    if (!answer) throw new Error(`No answer but: ${this.text}`);
    return answer;
  }
}

function parsed(bytes: Buffer): Answer | null {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) return null;
  const [first = "", ...fields] = bytes.toString("latin1", 0, end).split("\r\n");
  const headers = Object.fromEntries(
    fields.map((field) => [field.split(":")[0]?.toLowerCase() ?? "", field.slice(field.indexOf(":") + 1).trim()]),
  );
  const body = bytes.subarray(end + 4, end + 4 + Number(headers["content-length"] ?? 0));
  if (body.length < Number(headers["content-length"] ?? 0)) return null;
  return { status: Number(first.split(" ")[1]), headers, text: body.toString() };
}

const head = (lines: string[]) => `${["POST /imports HTTP/1.1", "Host: x", ...lines].join("\r\n")}\r\n\r\n`;
const authorized = (who: string, ...lines: string[]) =>
  head([`Authorization: ${world.authorization(who)}`, "Content-Type: application/x-ndjson", ...lines]);

describe("what is no HTTP", () => {
  const unreadable: [string, string][] = [
    ["a garbage request line", "\x16\x03\x01 this is no HTTP\r\n\r\n"],
    ["an unknown method", "FETCH /imports HTTP/1.1\r\nHost: x\r\n\r\n"],
    ["an unknown version", "GET /imports HTTP/9.9\r\nHost: x\r\n\r\n"],
    ["no Host", "GET /health/live HTTP/1.1\r\n\r\n"],
    ["a path with a space", "GET /imports and more HTTP/1.1\r\nHost: x\r\n\r\n"],
    ["a header without a name", "GET /imports HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n"],
    ["a header with a control character", "GET /imports HTTP/1.1\r\nHost: x\r\nA: \x01\r\n\r\n"],
    ["headers that are too large", `GET /imports HTTP/1.1\r\nHost: x\r\nA: ${"a".repeat(100_000)}\r\n\r\n`],
    ["too many headers", `GET /imports HTTP/1.1\r\nHost: x\r\n${"a: bcdefghij\r\n".repeat(5_000)}\r\n`],
    ["a length that is no number", head(["Content-Length: many"])],
    ["a length below nothing", head(["Content-Length: -1"])],
    ["a length beyond all numbers", head([`Content-Length: ${"9".repeat(40)}`])],
    ["two lengths", `${head(["Content-Length: 2", "Content-Length: 3"])}{}\n`],
    ["a length and chunks", `${head(["Content-Length: 2", "Transfer-Encoding: chunked"])}2\r\n{}\r\n0\r\n\r\n`],
    ["a transfer encoding that does not end in chunks", `${head(["Transfer-Encoding: chunked, gzip"])}{}`],
  ];

  test.each(unreadable)("%s is refused with a problem", async (_name, text) => {
    const socket = await socketOf();
    const reader = new Reader(socket);
    socket.write(text, "latin1");
    const answer = await reader.answer();
    const problem = JSON.parse(answer.text) as { code: string };
    expectProblem(answer, { status: 400, code: problem.code });
    expect(["malformed-body", "invalid-header"]).toContain(problem.code);
  });

  test("a request after the end of one is not taken for a part of it", async () => {
    const socket = await socketOf();
    const reader = new Reader(socket);
    socket.write("GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n");
    await until(() => reader.text.includes('{"status":"ok"}'), "the first answer is there");
    socket.write("nonsense\r\n\r\n");
    await until(() => reader.text.includes("malformed-body"), "the second answer is there");
    socket.destroy();
  });
});

describe("a body that is broken off", () => {
  /** With chunkRecords 1 the first two records are stored while the body still comes in. */
  const begun = async (socket: Socket, framing: string, body: string) => {
    socket.write(authorized("small", framing) + body);
    await until(async () => (await world.rows("batch_chunk")) > 0, "the upload has stored something");
  };

  test("a hang-up in the middle leaves nothing", async () => {
    const socket = await socketOf();
    await begun(socket, "Content-Length: 1000", '{"a":1}\n{"a":2}\n{"a":3}\n');
    socket.destroy();
    await until(isEverythingGone, "the upload is taken back");
  });

  test("a connection that is reset in the middle leaves nothing", async () => {
    const socket = await socketOf();
    await begun(socket, "Transfer-Encoding: chunked", '18\r\n{"a":1}\n{"a":2}\n{"a":3}\n\r\n');
    socket.resetAndDestroy();
    await until(isEverythingGone, "the upload is taken back");
  });

  test("an end of the sending side in the middle is refused, and can be read", async () => {
    const socket = await socketOf();
    const reader = new Reader(socket);
    await begun(socket, "Content-Length: 1000", '{"a":1}\n{"a":2}\n{"a":3}\n');
    socket.end();
    expectProblem(await reader.answer(), { status: 400, code: "malformed-body" });
  });

  const broken: [string, string][] = [
    ["a size that is no number", "ZZ\r\n{}\r\n"],
    ["a size that is too small", '2\r\n{"a":4}\r\n0\r\n\r\n'],
    ["a size beyond all numbers", `${"f".repeat(40)}\r\n`],
  ];
  test.each(broken)("chunked encoding with %s is refused, and what was stored is taken back", async (_name, rest) => {
    const socket = await socketOf();
    const reader = new Reader(socket);
    await begun(socket, "Transfer-Encoding: chunked", '10\r\n{"a":1}\n{"a":2}\n\r\n');
    socket.write(rest);
    expectProblem(await reader.answer(), { status: 400, code: "malformed-body" });
  });

  test("a hang-up after a refusal gives the connection back at once", async () => {
    const { server } = world.system.broker.getLocalService("api") as unknown as { server: Server };
    const connected = once(server, "connection");
    const socket = await socketOf();
    const [near] = (await connected) as [Socket];
    const reader = new Reader(socket);
    socket.write(head(["Content-Length: 1000"]));
    expectProblem(await reader.answer(), { status: 401, code: "unauthenticated" });
    await until(() => near.destroyed, "the connection is gone");
  });

  test("a hang-up before the first byte of a body leaves nothing", async () => {
    const socket = await socketOf();
    socket.write(authorized("free", "Content-Length: 1000"));
    socket.destroy();
    await until(isEverythingGone, "nothing was begun");
  });

  test("a hang-up in the middle of an operator's body does no harm", async () => {
    const socket = await socketOf();
    socket.write(
      `POST /admin/clients HTTP/1.1\r\nHost: x\r\nAuthorization: ${world.authorization("operator")}\r\n` +
        'Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"clientIdentifier":',
    );
    socket.destroy();
  });
});

describe("Expect: 100-continue", () => {
  test("the body is asked for where it is wanted", async () => {
    const socket = await socketOf();
    const reader = new Reader(socket);
    socket.write(authorized("free", "Content-Length: 8", "Expect: 100-continue"));
    await until(() => reader.text.includes("\r\n\r\n"), "something was answered");
    expect(reader.text).toBe("HTTP/1.1 100 Continue\r\n\r\n");
    socket.write('{"a":1}\n');
    await until(() => reader.text.includes("HTTP/1.1 202 "), "the batch is taken");
    socket.destroy();
    batches++;
    await until(isEverythingGone, "the batch is worked");
  });

  const refused: [string, number, string, () => string][] = [
    ["without credentials", 401, "unauthenticated", () => head(["Content-Length: 8", "Expect: 100-continue"])],
    ["too long", 413, "payload-too-large", () => authorized("small", "Content-Length: 9999", "Expect: 100-continue")],
    [
      "of another format",
      415,
      "unsupported-media-type",
      () => authorized("onlyCsv", "Content-Length: 8", "Expect: 100-continue"),
    ],
    [
      "of an unknown encoding",
      415,
      "unsupported-encoding",
      () => authorized("free", "Content-Length: 8", "Content-Encoding: br", "Expect: 100-continue"),
    ],
  ];
  test.each(refused)("a body %s is refused before it is sent", async (_name, status, code, request) => {
    const socket = await socketOf();
    const reader = new Reader(socket);
    socket.write(request());
    expectProblem(await reader.answer(), { status, code });
    expect(reader.text).not.toContain("100 Continue");
  });

  test("an operator's body is asked for, too", async () => {
    const socket = await socketOf();
    const reader = new Reader(socket);
    socket.write(
      `POST /admin/clients HTTP/1.1\r\nHost: x\r\nAuthorization: ${world.authorization("operator")}\r\n` +
        "Content-Type: application/json\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n",
    );
    await until(() => reader.text.includes("100 Continue\r\n\r\n"), "the body is asked for");
    socket.write("{}");
    await until(() => reader.text.includes("HTTP/1.1 422 "), "the body is refused");
    socket.destroy();
  });

  test("an expectation that we do not know is ignored", async () => {
    const answer = await send(world.system.url, { path: "/nothing", headers: { expect: "the-unexpected" } });
    expectProblem(answer, { status: 404, code: "not-found" });
  });
});

describe("a client that is still sending 50 MB when it is refused reads the answer", () => {
  const SIZE = 50 * 1024 * 1024;
  const PIECE = Buffer.alloc(1024 * 1024, '{"rows":1}\n');

  interface Refusal {
    status: number;
    code: string;
    as?: string;
    type: string;
    encoding?: string;
    /** What makes it wrong, where that is in the body. */
    first?: string;
  }
  const refusals: Refusal[] = [
    { status: 401, code: "unauthenticated", type: "application/x-ndjson" },
    { status: 413, code: "payload-too-large", as: "small", type: "application/x-ndjson" },
    { status: 413, code: "too-many-records", as: "few", type: "application/x-ndjson" },
    { status: 415, code: "unsupported-media-type", as: "free", type: "application/xml" },
    { status: 422, code: "validation", as: "free", type: "application/json", first: '{"rows":[' },
    { status: 400, code: "malformed-body", as: "free", type: "text/csv", encoding: "gzip" },
  ];
  const framings = ["with its length", "chunked"] as const;
  const cases = refusals.flatMap((refusal) => framings.map((framing) => ({ ...refusal, framing })));
  type Case = (typeof cases)[number];

  beforeAll(async () => {
    const { newClient } = await import("../helpers/http.ts");
    world.clients.few = await newClient(world.system.url, { maxRecords: 10, chunkRecords: 2 });
  });

  const headersOf = ({ as, type, encoding }: Case): Record<string, string> => ({
    "content-type": type,
    ...(encoding === undefined ? {} : { "content-encoding": encoding }),
    ...(as === undefined ? {} : { authorization: world.authorization(as) }),
  });

  function* piecesOf({ first = "" }: Refusal): Generator<Buffer> {
    if (first) yield Buffer.from(first);
    for (let sent = first.length; sent < SIZE; sent += PIECE.length) yield PIECE.subarray(0, SIZE - sent);
  }

  test.each(cases)("fetch, $framing: $status $code", async (one) => {
    const pieces = piecesOf(one);
    const stream = new ReadableStream<Uint8Array>({
      pull(controller) {
        const { value, done } = pieces.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
    });
    const isWhole = one.framing === "with its length";
    const response = await fetch(`${world.system.url}/imports`, {
      method: "POST",
      headers: headersOf(one),
      ...(isWhole ? { body: Buffer.concat([...pieces]) } : { body: stream, duplex: "half" }),
    } as RequestInit);
    const answer = {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      text: await response.text(),
    };
    expectProblem(answer, one);
  });

  test.each(cases)("node:http, $framing: $status $code", async (one) => {
    const { hostname, port } = new URL(world.system.url);
    const length = one.framing === "with its length" ? { "content-length": SIZE } : {};
    const answer = await new Promise<Answer>((resolve, reject) => {
      const options = { hostname, port, method: "POST", path: "/imports", headers: { ...headersOf(one), ...length } };
      const request = httpRequest({ ...options, agent: false }, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (piece: string) => {
          text += piece;
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
      });
      request.on("error", reject);
      const pieces = piecesOf(one);
      const next = () => {
        for (let piece = pieces.next(); !piece.done; piece = pieces.next()) if (!request.write(piece.value)) return;
        request.end();
      };
      request.on("drain", next);
      next();
    });
    expectProblem(answer, one);
  });

  test.each(cases)("a socket that reads only after all is sent, $framing: $status $code", async (one) => {
    const socket = await socketOf();
    socket.pause();
    const isWhole = one.framing === "with its length";
    const framing = isWhole ? `Content-Length: ${SIZE}` : "Transfer-Encoding: chunked";
    socket.write(head([...Object.entries(headersOf(one)).map((field) => field.join(": ")), framing]));
    const written = (bytes: Buffer | string) =>
      new Promise<void>((resolve, reject) => {
        socket.write(bytes, (error) => (error ? reject(error) : resolve()));
      });
    for (const piece of piecesOf(one)) {
      if (!isWhole) await written(`${piece.length.toString(16)}\r\n`);
      await written(piece);
      if (!isWhole) await written("\r\n");
    }
    if (!isWhole) await written("0\r\n\r\n");
    const reader = new Reader(socket);
    socket.resume();
    expectProblem(await reader.answer(), one);
  });
});

describe("gzip that grows", () => {
  const MIB = 1024 * 1024;
  const gzipped = (bytes: number) => gzipSync(Buffer.alloc(bytes, '{"rows":1}\n'), { level: 9 });
  const upload = (body: Buffer) =>
    send(world.system.url, {
      method: "POST",
      path: "/imports",
      headers: {
        authorization: world.authorization("free"),
        "content-type": "application/x-ndjson",
        "content-encoding": "gzip",
      },
      body,
    });

  test("a bomb is refused long before all of it is decoded", async () => {
    const began = process.resourceUsage().maxRSS;
    const answer = await upload(Buffer.concat([gzipped(96 * MIB), gzipped(96 * MIB), gzipped(96 * MIB)]));
    expectProblem(answer, { status: 413, code: "payload-too-large" });
    expect(JSON.parse(answer.text)).toMatchObject({ limit: 200 });
    expect(process.resourceUsage().maxRSS - began).toBeLessThan(100 * 1024);
  });
});
