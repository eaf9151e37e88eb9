/** The promise of docs/logs.md: each request has one log line, which says how it ended and contains no secret. */
import { once } from "node:events";
import { connect } from "node:net";
import { accepted, admin, get, newClient, type TestClient } from "../helpers/http.ts";
import { type Logged, listen } from "../helpers/logged.ts";
import { ADMIN_TOKEN, type System, startSystem } from "../helpers/system.ts";
import { batchLines } from "./logs.batch.suite.ts";

let system: System;
let url: string;
let client: TestClient;
let logged: Logged;

beforeAll(async () => {
  logged = listen();
  const env = {
    LOG_LEVEL: "trace",
    LOG_FORMAT: "json",
    TRUSTED_PROXIES: "127.0.0.1",
    WEBHOOK_ALLOWED_HOSTS: "127.0.0.1",
  };
  system = await startSystem({ env });
  url = system.url;
  client = await newClient(url, { schema: { type: "object", required: ["a"] } });
});
beforeEach(() => {
  logged = listen();
});
afterAll(async () => {
  await system.stop();
  jest.restoreAllMocks();
});

const access = (requestId: string) => logged.line({ mod: "access", requestId });
const id = (requestId: string) => ({ "x-request-id": requestId });

/** Sends a request exactly as it is written, and answers its connection. */
function sendRaw(head: string[]) {
  const { port } = new URL(url);
  const socket = connect(Number(port), "127.0.0.1");
  socket.on("error", () => {});
  socket.write(`${head.join("\r\n")}\r\n\r\n`);
  return socket;
}

describe("a line of the access log", () => {
  test("tells who has sent what from where, its batch, and how it ended", async () => {
    const body = '{"a":1}\n{"a":2}\n';
    const batch = await accepted(url, client, body, "application/x-ndjson", {
      ...id("an-upload"),
      "x-forwarded-for": "10.1.1.1, 203.0.113.7",
    });
    const line = await access("an-upload");
    expect(line).toEqual({
      ts: expect.any(Number),
      level: "info",
      msg: "POST /imports 202",
      requestId: "an-upload",
      client: client.identifier,
      method: "POST",
      route: "/imports",
      status: 202,
      bytesIn: expect.any(Number),
      bytesOut: expect.any(Number),
      ms: expect.any(Number),
      address: "203.0.113.7",
      batchId: batch.id,
      nodeID: system.broker.nodeID,
      ns: expect.any(String),
      mod: "access",
    });
    expect(line.bytesIn).toBeGreaterThan(body.length);
    expect(line.bytesOut).toBeGreaterThan(100);
    await (await get(url, client, `/imports/${batch.id}`, id("a-look"))).text();
    expect(await access("a-look")).toMatchObject({ route: "/imports/:id", batchId: batch.id, address: "127.0.0.1" });
  });

  test("names the operator, the code of a problem, and no path that nobody serves", async () => {
    await admin(url, "/clients?limit=0", { headers: id("wrong-query") });
    expect(await access("wrong-query")).toMatchObject({
      operator: "admin",
      route: "/admin/clients",
      status: 422,
      code: "validation",
    });
    await fetch(`${url}/of/nobody?token=hunter2`, { headers: id("nowhere") });
    expect(await access("nowhere")).toMatchObject({ msg: "GET (no route) 404", route: null, code: "not-found" });
    expect(logged.text()).not.toMatch(/hunter2|of\/nobody/);
  });

  test("counts the bytes of each request of a connection apart", async () => {
    const head = (requestId: string) => [
      "GET /policy HTTP/1.1",
      "host: x",
      `authorization: ${client.auth}`,
      `x-request-id: ${requestId}`,
    ];
    const socket = sendRaw(head("first"));
    await once(socket, "data");
    const first = await access("first");
    socket.write(`${head("other").join("\r\n")}\r\n\r\n`);
    await once(socket, "data");
    expect(await access("other")).toMatchObject({ bytesIn: first.bytesIn, bytesOut: first.bytesOut });
    expect(first.bytesIn).toBe(head("first").join("\r\n").length + 4);
    socket.destroy();
  });

  test("tells of a connection that was cut before its answer", async () => {
    const socket = sendRaw([
      "POST /imports HTTP/1.1",
      "host: x",
      "content-type: application/x-ndjson",
      "content-length: 100",
      "x-request-id: cut",
      `authorization: ${client.auth}`,
      "",
      '{"a":1}',
    ]);
    await new Promise((resolve) => socket.write("\n", resolve));
    // Once the node answers this request, it has taken the earlier one.
    await get(url, client, "/policy");
    socket.resetAndDestroy();
    expect(await access("cut")).toMatchObject({
      msg: "POST /imports (no answer)",
      status: null,
      aborted: true,
      client: client.identifier,
    });
  });

  test.each([
    ["an unknown method", ["BREW /imports HTTP/1.1", "host: x"]],
    ["a control character in a header", ["GET /policy HTTP/1.1", "host: x", "x-note: a\u0001b"]],
    ["too long a head", ["GET /policy HTTP/1.1", "host: x", `x-note: ${"x".repeat(20_000)}`]],
    ["garbage after a request", ["GET /health/live HTTP/1.1", "host: x", "", "garbage"]],
  ])("tells of bytes that are no request: %s", async (_, head) => {
    const socket = sendRaw(head);
    let answer = "";
    socket.on("data", (bytes) => {
      answer += bytes;
    });
    await once(socket, "end");
    const [, requestId = ""] = /.*^x-request-id: (\S+)/ims.exec(answer) ?? [];
    expect(await access(requestId)).toMatchObject({
      msg: "(no request) 400",
      method: null,
      route: null,
      status: 400,
      address: "127.0.0.1",
      bytesIn: expect.any(Number),
    });
  });

  test("is not written of probes, scrapes and the console's files, unless they fail", async () => {
    const page = await (await fetch(url, { headers: id("page") })).text();
    const [, file] = /src="(console\/[^"]+)"/.exec(page) ?? [];
    for (const path of ["health/live", "health/ready", "metrics", "docs/swagger-ui.css", file])
      expect([path, (await fetch(`${url}/${path}`, { headers: id("probe") })).status]).toEqual([path, 200]);
    await fetch(`${url}/console/x/nothing.js`, { headers: id("no-file") });
    expect(await access("no-file")).toMatchObject({ route: "/console/:hash/:asset", status: 404 });
    expect(await access("page")).toMatchObject({ route: "/", status: 200 });
    expect(logged.lines().filter(({ requestId }) => requestId === "probe")).toEqual([]);
  });
});

batchLines(() => ({ system, url, client, logged }));

describe("what comes from outside cannot forge a line or control a terminal", () => {
  const ESCAPE = "\u001b[2J";
  const BYTE = "\u009b2J";
  const TURN = "\u202e";

  test("in headers, ids, paths, names of files and records", async () => {
    const socket = sendRaw([
      `GET /imports/%1b%5b2J${BYTE}?x=%1b HTTP/1.1`,
      "host: x",
      `x-request-id: a${BYTE}`,
      `x-forwarded-for: ${BYTE}`,
      `user-agent: ${BYTE}`,
      `authorization: ${client.auth}`,
      "connection: close",
    ]);
    await once(socket.resume(), "close");
    const form = new FormData();
    const records = `{"a":"${BYTE}${TURN}","${TURN}":1}\n{"${BYTE}":"\\u001b[2J"}\n`;
    form.append("file", new File([records], `${TURN}${BYTE}.ndjson`));
    const headers = { authorization: client.auth, ...id("a-form") };
    const answer = await fetch(`${url}/imports`, { method: "POST", body: form, headers });
    expect(answer.status).toBe(202);
    const { id: batchId } = (await answer.json()) as { id: string };
    await logged.line({ batchId, msg: "The batch has ended." });
    await fetch(`${url}/imports/${encodeURIComponent(ESCAPE)}`, {
      headers: { authorization: client.auth, ...id("odd") },
    });
    expect(await access("odd")).toMatchObject({ route: "/imports/:id", status: 404 });
    const written = logged.text();
    expect(written).not.toMatch(new RegExp(`[${ESCAPE[0]}${BYTE[0]}${TURN}]`));
    for (const line of written.split("\n")) expect(JSON.parse(line)).toHaveProperty("level");
  });
});

describe("nothing of a secret is in the log", () => {
  test("whether it comes in Authorization, a cookie, a path, a query, or a body", async () => {
    const secret = "s3cret-of-a-test";
    const login = await fetch(`${url}/session`, {
      method: "POST",
      headers: { "content-type": "application/json", "sec-fetch-site": "same-origin", ...id("login") },
      body: JSON.stringify({ token: ADMIN_TOKEN }),
    });
    expect(login.status).toBe(200);
    const cookie = login.headers.get("set-cookie")?.split(";")[0] ?? "";
    const basic = Buffer.from(`${client.identifier}:${secret}`).toString("base64");
    const tries: [string, RequestInit][] = [
      ["/policy", { headers: { authorization: `Basic ${basic}` } }],
      ["/admin/clients", { headers: { authorization: `Bearer ${secret}` } }],
      ["/admin/clients", { headers: { cookie: cookie } }],
      ["/policy", { headers: { cookie: `dataflow_session=${secret}` } }],
      [`/imports?token=${secret}`, { headers: { authorization: client.auth } }],
      [`/imports/${secret}`, { headers: { authorization: client.auth } }],
      [`/${secret}`, {}],
      [
        "/session",
        { method: "POST", headers: { "sec-fetch-site": "same-origin" }, body: JSON.stringify({ token: secret }) },
      ],
    ];
    for (const [at, [path, init]] of tries.entries())
      await fetch(`${url}${path}`, { ...init, headers: { ...init.headers, ...id(`try-${at}`) } });
    for (const at of tries.keys()) await access(`try-${at}`);
    for (const word of [secret, basic, cookie.split("=")[1] ?? "", ADMIN_TOKEN, client.secret, client.auth])
      expect(logged.text()).not.toContain(word);
  });
});
