import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, createServer as createRaw, type Server, type Socket } from "node:net";
import { createServer as createTls, getCACertificates, setDefaultCACertificates } from "node:tls";
import { type SendOptions, send } from "../../../lib/net/send.ts";
import { newAuthority } from "../../helpers/certificates.ts";
import { patience, until } from "../../helpers/patience.ts";
import { startReceiver } from "../../helpers/receiver.ts";

const open = new Set<Socket>();
const servers: Server[] = [];

async function listen<S extends Server>(server: S): Promise<number> {
  server.on("connection", (socket: Socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

afterEach(async () => {
  // Whatever the answer is, no connection may stay open.
  await until(() => open.size === 0, "every connection is closed");
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
});

interface Got {
  method: string | undefined;
  url: string | undefined;
  headers: IncomingMessage["headers"];
  body: string;
}

async function receiver(answer: (res: ServerResponse, got: Got) => void) {
  const got: Got[] = [];
  const port = await listen(
    createServer(async (req, res) => {
      let body = "";
      for await (const piece of req) body += piece;
      const { method, url, headers } = req;
      got.push({ method, url, headers, body });
      answer(res, { method, url, headers, body });
    }) as unknown as Server,
  );
  return { port, got };
}

const sent = (url: string, over: Partial<SendOptions> = {}, body = '{"a":"ü"}') =>
  send(new URL(url), { "webhook-id": "1", "content-type": "application/json" }, body, {
    allowedHosts: ["127.0.0.1"],
    timeoutMs: 5_000,
    signal: new AbortController().signal,
    ...over,
  });

test("posts body and headers, and tells the answer's status", async () => {
  const { port, got } = await receiver((res) => res.writeHead(204).end());
  expect(await sent(`http://127.0.0.1:${port}/hooks?a=1`)).toEqual({ status: 204, error: null, retryAfterMs: null });
  expect(got).toMatchObject([{ method: "POST", url: "/hooks?a=1", body: '{"a":"ü"}' }]);
  expect(got[0]?.headers).toMatchObject({ host: `127.0.0.1:${port}`, "webhook-id": "1", "content-length": "10" });
});

test.each([301, 302, 303, 307, 308])("a redirect by %i is not followed", async (status) => {
  const { port, got } = await receiver((res) => res.writeHead(status, { location: "/other" }).end());
  expect(await sent(`http://127.0.0.1:${port}/`)).toMatchObject({
    status,
    error: `a redirect (${status}), which is not followed`,
  });
  expect(got).toHaveLength(1);
});

test("an error tells its status and what wait it asks for", async () => {
  const { port } = await receiver((res) => res.writeHead(503, { "retry-after": "7" }).end("never told to anybody"));
  expect(await sent(`http://127.0.0.1:${port}/`)).toEqual({ status: 503, error: "answered 503", retryAfterMs: 7_000 });
});

test("an endless answer is cut off, and its status counts", async () => {
  const { port } = await receiver((res) => {
    res.writeHead(200);
    const more = () => {
      while (!res.destroyed && res.write("x".repeat(65_536)));
    };
    res.on("drain", more);
    more();
  });
  expect(await sent(`http://127.0.0.1:${port}/`)).toMatchObject({ status: 200, error: null });
});

test("an answer that never ends is waited for a second", async () => {
  const { port } = await receiver((res) => void res.writeHead(200).write("x"));
  const began = performance.now();
  expect(await sent(`http://127.0.0.1:${port}/`)).toMatchObject({ status: 200 });
  expect(performance.now() - began).toBeLessThan(patience(3_000));
});

test.each([
  ["is cut off", (socket: Socket) => void setTimeout(() => socket.resetAndDestroy(), 20)],
  ["lasts beyond the time limit", () => {}],
])("an answer whose body %s counts by its head", async (_name, then) => {
  const port = await listen(
    createRaw((socket) => {
      socket.on("error", () => {}).resume();
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc");
      then(socket);
    }),
  );
  expect(await sent(`http://127.0.0.1:${port}/`, { timeoutMs: 300 })).toMatchObject({ status: 200, error: null });
});

/** The port of a server that answers each connection with these bytes and then closes it. */
const answering = (answer: string) =>
  listen(
    createRaw((socket) => {
      socket.on("error", () => {});
      socket.resume().end(answer);
    }),
  );

test.each([
  ["another protocol", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"],
  ["an end without an answer", ""],
])("%s is a failure", async (_name, answer) => {
  const port = await answering(answer);
  const { status, error } = await sent(`http://127.0.0.1:${port}/`);
  expect([status, typeof error]).toEqual([null, "string"]);
});

test("hints before the answer are passed over", async () => {
  const answer = "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n";
  const port = await answering(answer);
  expect(await sent(`http://127.0.0.1:${port}/`)).toMatchObject({ status: 204, error: null });
});

test.each([
  ["no answer", () => {}],
  ["half a head", (socket: Socket) => socket.write("HTTP/1.1 200 O")],
  ["a head line by line", (socket: Socket) => socket.write("HTTP/1.1 200 OK\r\nX-A: 1\r\n")],
])("%s is a failure at the time limit", async (_name, answer) => {
  const port = await listen(createRaw((socket) => void answer(socket.on("error", () => {}).resume())));
  expect(await sent(`http://127.0.0.1:${port}/`, { timeoutMs: 100 })).toMatchObject({
    status: null,
    error: "no answer within 0.1 s",
  });
});

test.each([
  ["a closed port", null, /ECONNREFUSED/],
  ["a reset", (socket: Socket) => socket.resetAndDestroy(), /ECONNRESET|socket hang up|EPIPE/],
  ["garbage", (socket: Socket) => socket.end("nonsense\r\n\r\n"), /Parse Error/],
  [
    "a huge head",
    (socket: Socket) => socket.end(`HTTP/1.1 200 OK\r\nX-A: ${"x".repeat(40_000)}\r\n\r\n`),
    /Header overflow|Parse Error|ECONNRESET/,
  ],
] as const)("%s is a failure with its reason", async (_name, answer, reason) => {
  const port = await listen(createRaw((socket) => void answer?.(socket.on("error", () => {}).resume())));
  if (answer === null) await new Promise((resolve) => servers.pop()?.close(resolve));
  const { status, error } = await sent(`http://127.0.0.1:${port}/`);
  expect(status).toBeNull();
  expect(error).toMatch(reason);
});

describe("a name", () => {
  const to = (address: string) => async () => [{ address, family: address.includes(":") ? 6 : 4 }];

  test("is looked up once, and the connection goes to what was checked; Host is the name", async () => {
    const { port, got } = await receiver((res) => res.writeHead(200).end());
    let looked = 0;
    const resolve = async (name: string) => {
      looked++;
      return to(name === "partner.test" ? "127.0.0.1" : "::1")();
    };
    const options = { resolve, allowedHosts: ["127.0.0.0/8"] };
    expect(await sent(`http://partner.test:${port}/`, options)).toMatchObject({ status: 200 });
    expect(looked).toBe(1);
    expect(got[0]?.headers.host).toBe(`partner.test:${port}`);
  });

  test("that means something else by now is refused without a connection", async () => {
    const { port, got } = await receiver((res) => res.writeHead(200).end());
    const connections = jest.fn();
    servers[0]?.on("connection", connections);
    for (const address of ["127.0.0.1", "169.254.169.254", "::ffff:127.0.0.1"])
      expect(await sent(`http://partner.test:${port}/`, { resolve: to(address), allowedHosts: [] })).toMatchObject({
        status: null,
        error: expect.stringMatching(/^refused: /),
      });
    expect(connections).not.toHaveBeenCalled();
    expect(got).toEqual([]);
  });

  test("with a private address beside a global one is refused", async () => {
    const resolve = async () => [...(await to("93.184.216.34")()), ...(await to("10.0.0.1")())];
    expect((await sent("http://partner.test/", { resolve, allowedHosts: [] })).error).toMatch(/^refused: 10.0.0.1/);
  });

  test("whose look-up hangs is given up at the time limit", async () => {
    const resolve = () => new Promise<never>(() => {});
    expect(await sent("http://partner.test/", { resolve, timeoutMs: 50 })).toMatchObject({ status: null });
  });

  test("of no host is a failure", async () => {
    expect((await sent("http://no-such-host.invalid/")).error).toMatch(/ENOTFOUND|EAI_AGAIN/);
  });

  test("over TLS asks for the name's certificate, and takes no other", async () => {
    const asked: string[] = [];
    const port = await listen(
      createTls({
        SNICallback(name, done) {
          asked.push(name);
          done(null);
        },
      }),
    );
    const options = { resolve: to("127.0.0.1"), allowedHosts: ["127.0.0.1"] };
    for (const name of ["partner.test", "partner.test."])
      expect(await sent(`https://${name}:${port}/`, options)).toMatchObject({
        status: null,
        error: expect.stringMatching(/SSL|handshake|alert|ECONNRESET|socket/i),
      });
    expect(asked).toEqual(["partner.test", "partner.test"]);
  });

  test("over TLS is reached at the checked address, if the certificate there is the name's own", async () => {
    const authority = newAuthority();
    const usual = getCACertificates("default");
    setDefaultCACertificates([...usual, readFileSync(authority.file, "utf8")]);
    const options = { resolve: to("127.0.0.1"), allowedHosts: ["partner.test"] };
    for (const [altName, outcome] of [
      ["DNS:partner.test", { status: 200, error: null }],
      ["DNS:other.test", { status: null, error: expect.stringContaining("partner.test. is not in the cert") }],
    ] as const) {
      const { url, got, close } = await startReceiver(() => 200, authority.issue(altName));
      expect(await sent(`https://partner.test:${new URL(url).port}/hooks`, options)).toMatchObject(outcome);
      expect(got.map(({ servername }) => servername)).toEqual(outcome.status ? ["partner.test"] : []);
      await close();
    }
    setDefaultCACertificates(usual);
    authority.remove();
  });
});

test("it can be broken off", async () => {
  const { port, got } = await receiver(() => {});
  const abort = new AbortController();
  const sending = sent(`http://127.0.0.1:${port}/`, { signal: abort.signal });
  await until(() => got.length === 1, "the receiver has it");
  abort.abort();
  expect(await sending).toEqual({ status: null, error: "the node stops", retryAfterMs: null });
  expect((await sent(`http://127.0.0.1:${port}/`, { signal: abort.signal })).error).toBe("the node stops");
});
