/** The promise: a client that breaks HTTP can read its answer too, and nothing that it sent is stored. */
import { once } from "node:events";
import type { Server } from "node:http";
import type { Socket } from "node:net";
import { until } from "../helpers/patience.ts";
import { expectProblem, send } from "./bad-input.kit.ts";
import { authorized, expectBatch, head, isEverythingGone, Reader, socketOf, startWire, world } from "./bad-wire.kit.ts";

startWire();

describe("bytes that are not HTTP", () => {
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

  test("CONNECT is answered 405: the server is no proxy", async () => {
    const socket = await socketOf();
    const reader = new Reader(socket);
    socket.write("CONNECT partner.example:443 HTTP/1.1\r\nHost: partner.example\r\n\r\n\x16\x03\x01");
    const answer = await reader.answer();
    expectProblem(answer, { status: 405, code: "method-not-allowed" });
    expect(answer.headers.allow).toContain("GET");
  });

  test("bytes after the end of a request are not read as part of its body", async () => {
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
  /** With `chunkRecords: 1` the first two records are stored while the rest of the body is still coming. */
  const begun = async (socket: Socket, framing: string, body: string) => {
    socket.write(authorized("small", framing) + body);
    await until(async () => (await world.rows("batch_chunk")) > 0, "the upload has stored something");
  };

  test("a client that hangs up in the middle of a body leaves nothing behind", async () => {
    const socket = await socketOf();
    await begun(socket, "Content-Length: 1000", '{"a":1}\n{"a":2}\n{"a":3}\n');
    socket.destroy();
    await until(isEverythingGone, "the upload is taken back");
  });

  test("a connection that is reset in the middle of a body leaves nothing behind", async () => {
    const socket = await socketOf();
    await begun(socket, "Transfer-Encoding: chunked", '18\r\n{"a":1}\n{"a":2}\n{"a":3}\n\r\n');
    socket.resetAndDestroy();
    await until(isEverythingGone, "the upload is taken back");
  });

  test("a client that ends its side in the middle of a body can read the refusal", async () => {
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
  test.each(broken)("chunked encoding with %s is refused, and stored chunks are removed", async (_name, rest) => {
    const socket = await socketOf();
    const reader = new Reader(socket);
    await begun(socket, "Transfer-Encoding: chunked", '10\r\n{"a":1}\n{"a":2}\n\r\n');
    socket.write(rest);
    expectProblem(await reader.answer(), { status: 400, code: "malformed-body" });
  });

  test("a client that hangs up after a refusal frees the connection at once", async () => {
    const { server } = world.system.broker.getLocalService("api") as unknown as { server: Server };
    const connected = once(server, "connection");
    const socket = await socketOf();
    const [near] = (await connected) as [Socket];
    const reader = new Reader(socket);
    socket.write(head(["Content-Length: 1000"]));
    expectProblem(await reader.answer(), { status: 401, code: "unauthenticated" });
    await until(() => near.destroyed, "the connection is gone");
  });

  test("a client that hangs up before the first byte of a body leaves nothing behind", async () => {
    const socket = await socketOf();
    socket.write(authorized("free", "Content-Length: 1000"));
    socket.destroy();
    await until(isEverythingGone, "nothing was begun");
  });

  test("an operator who hangs up in the middle of a body does no harm", async () => {
    const socket = await socketOf();
    socket.write(
      `POST /admin/clients HTTP/1.1\r\nHost: x\r\nAuthorization: ${world.authorization("operator")}\r\n` +
        'Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"clientIdentifier":',
    );
    socket.destroy();
  });
});

describe("Expect: 100-continue", () => {
  test("100 is answered if the body is wanted", async () => {
    const socket = await socketOf();
    const reader = new Reader(socket);
    socket.write(authorized("free", "Content-Length: 8", "Expect: 100-continue"));
    await until(() => reader.text.includes("\r\n\r\n"), "something was answered");
    expect(reader.text).toBe("HTTP/1.1 100 Continue\r\n\r\n");
    socket.write('{"a":1}\n');
    await until(() => reader.text.includes("HTTP/1.1 202 "), "the batch is taken");
    socket.destroy();
    expectBatch();
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
      () => authorized("free", "Content-Length: 8", "Content-Encoding: compress", "Expect: 100-continue"),
    ],
  ];
  test.each(refused)("a body %s is refused before it is sent", async (_name, status, code, request) => {
    const socket = await socketOf();
    const reader = new Reader(socket);
    socket.write(request());
    expectProblem(await reader.answer(), { status, code });
    expect(reader.text).not.toContain("100 Continue");
  });

  test("100 is answered for an operator's body, too", async () => {
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

  test("an unknown expectation is ignored", async () => {
    const answer = await send(world.system.url, { path: "/nothing", headers: { expect: "the-unexpected" } });
    expectProblem(answer, { status: 404, code: "not-found" });
  });
});
