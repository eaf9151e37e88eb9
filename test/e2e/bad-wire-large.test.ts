/**
 * The promise: a client that is refused while it sends a large body can read its answer early, and nothing of the body is stored.
 */
import { request as httpRequest } from "node:http";
import { gzipSync } from "node:zlib";
import { type Answer, expectProblem, send } from "./bad-input.kit.ts";
import { head, Reader, socketOf, startWire, world } from "./bad-wire.kit.ts";

startWire();

describe("a client that is still sending 12 MB when it is refused reads the answer", () => {
  /** More than two sockets hold while nobody reads: the sender's holds 4 MB, and the receiver's grows only as it reads. */
  const SIZE = 12 * 1024 * 1024;
  const PIECE = Buffer.alloc(1024 * 1024, '{"rows":1}\n');

  interface Refusal {
    status: number;
    code: string;
    as?: string;
    type: string;
    encoding?: string;
    /** The first line of the body, if that makes it wrong. */
    first?: string;
  }
  const refusals: Refusal[] = [
    { status: 401, code: "unauthenticated", type: "application/x-ndjson" },
    { status: 413, code: "payload-too-large", as: "small", type: "application/x-ndjson" },
    { status: 413, code: "too-many-records", as: "few", type: "application/x-ndjson" },
    { status: 415, code: "unsupported-media-type", as: "free", type: "application/xml" },
    { status: 422, code: "validation", as: "free", type: "application/json", first: '{"records":[],"rows":[' },
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

describe("gzip that decodes to far more bytes", () => {
  const MIB = 1024 * 1024;
  const member = gzipSync(Buffer.alloc(24 * MIB, '{"rows":1}\n'), { level: 9 });
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

  test("a gzip bomb is refused long before all of it is decoded", async () => {
    // A decoder that reads on would meet bytes that are not gzip.
    const answer = await upload(Buffer.concat([member, member, member, member, Buffer.from("no gzip")]));
    expectProblem(answer, { status: 413, code: "payload-too-large" });
    expect(JSON.parse(answer.text)).toMatchObject({ limit: 200 });
  });
});
