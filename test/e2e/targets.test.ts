/** The promise: each path has one spelling, a request target may name the host, and an ambiguous head is refused. */
import { type Answer, expectProblem, send } from "./bad-input.kit.ts";
import { Reader, socketOf, startWire, world } from "./bad-wire.kit.ts";

startWire();

/** Sends a head exactly as it is written. */
async function ask(target: string, { method = "GET", fields = ["Host: x"], version = "1.1" } = {}): Promise<Answer> {
  const socket = await socketOf();
  const reader = new Reader(socket);
  socket.write([`${method} ${target} HTTP/${version}`, ...fields, "", ""].join("\r\n"));
  return reader.answer();
}

describe("a path has one spelling", () => {
  const other = [
    "/metrics/",
    "/metrics//",
    "//metrics",
    "///metrics",
    "/METRICS",
    "/Metrics",
    "/./metrics",
    "/metrics/.",
    "/x/../metrics",
    "/%6detrics",
    "/%6Detrics",
    "/metrics%2f",
    "/%2fmetrics",
    "/metrics;a=b",
    "/metrics%00",
    "/metrics%20",
    "/metrics#a",
    "/metrics%3fa",
    "http://x//metrics",
    "http://x/METRICS",
    "http://x/metrics/",
    "/health/live/",
    "/Health/live",
    "/health/LIVE",
    "/health//live",
    "/openapi.json/",
    "/OpenAPI.json",
    "/docs/swagger-ui.css/",
    "/DOCS",
  ];
  test.each(other)("GET %s finds nothing", async (target) => {
    expectProblem(await ask(target), { status: 404, code: "not-found" });
  });

  const known: [string, string][] = [
    ["free", "/imports/"],
    ["free", "/IMPORTS"],
    ["free", "//imports"],
    ["free", "/policy/"],
    ["free", "/imports/x/errors/"],
    ["operator", "/admin/clients/"],
    ["operator", "/Admin/clients"],
    ["operator", "/admin//clients"],
    ["operator", "/admin/stats/"],
  ];
  test.each(known)(
    "another spelling finds nothing with valid credentials either: as %s, GET %s",
    async (who, target) => {
      const fields = ["Host: x", `Authorization: ${world.authorization(who)}`];
      expectProblem(await ask(target, { fields }), { status: 404, code: "not-found" });
    },
  );

  test.each(["/metrics", "/metrics?", "/health/live", "/health/live?probe=1", "/docs", "/openapi.json"])(
    "GET %s finds what is there",
    async (target) => {
      expect((await ask(target)).status).toBe(200);
    },
  );
});

describe("a request target with a host (absolute form)", () => {
  test.each(["http://x/health/live", "HTTP://x:80/health/live", "https://other.example/health/live?probe=1"])(
    "GET %s",
    async (target) => {
      const answer = await ask(target);
      expect([answer.status, answer.text]).toEqual([200, '{"status":"ok"}']);
    },
  );

  test("a target without a path is the root", async () => {
    const [whole, bare] = [await ask("/"), await ask("http://x")];
    expect(bare.status).toBe(whole.status);
  });

  test("a target with a login in it", async () => {
    const fields = ["Host: x", `Authorization: ${world.authorization("free")}`];
    expect((await ask("http://x/imports?limit=1", { fields })).status).toBe(200);
  });

  test.each(["http:///health/live", "ftp://x/health/live", "*"])("%s is not a valid target", async (target) => {
    const { status } = await ask(target, { method: target === "*" ? "OPTIONS" : "GET" });
    expect([400, 404]).toContain(status);
  });
});

describe("Host", () => {
  const wrong: [string, string[]][] = [
    ["none", []],
    ["two", ["Host: x", "Host: x"]],
    ["two, in other letters", ["Host: x", "hOST: y"]],
    ["a path", ["Host: x/y"]],
    ["a login", ["Host: me@x"]],
    ["a space", ["Host: x y"]],
    ["two names", ["Host: x, y"]],
    ["a port that is none", ["Host: x:http"]],
    ["brackets around no address", ["Host: [x]"]],
    ["an open bracket", ["Host: [::1"]],
  ];
  test.each(wrong)("%s is refused", async (_name, fields) => {
    for (const target of ["/health/live", "/nothing", "http://x/health/live"]) {
      const answer = await ask(target, { fields: ["Accept: */*", ...fields] });
      expect(expectProblem(answer, { status: 400, code: "invalid-header" }).header).toBe("Host");
    }
  });

  test.each(["x", "x.example:8080", "127.0.0.1:3000", "[::1]", "[::ffff:1.2.3.4]:80", "x_y-z", "", "x:"])(
    "%p is taken",
    async (host) => {
      expect((await ask("/health/live", { fields: [`Host: ${host}`] })).status).toBe(200);
    },
  );

  test("HTTP/1.0 may omit Host, but not send two", async () => {
    expect((await ask("/health/live", { fields: [], version: "1.0" })).status).toBe(200);
    const two = await ask("/health/live", { fields: ["Host: x", "Host: x"], version: "1.0" });
    expectProblem(two, { status: 400, code: "invalid-header" });
  });
});

test.each(["gzip, chunked", "deflate, chunked", "identity, chunked", "chunked, chunked", "x-gzip,chunked"])(
  "Transfer-Encoding: %s is not taken, and nothing of the body is stored",
  async (coding) => {
    const fields = [
      "Host: x",
      `Authorization: ${world.authorization("free")}`,
      "Content-Type: application/x-ndjson",
      `Transfer-Encoding: ${coding}`,
      "",
      '8\r\n{"a":1}\n\r\n0',
    ];
    const answer = await ask("/imports", { method: "POST", fields });
    const { code } = JSON.parse(answer.text) as { code: string };
    // Without a final `chunked` the end of the body cannot be known, so Node's parser refuses it.
    expect([501, 400]).toContain(answer.status);
    expectProblem(answer, { status: answer.status, code });
    if (coding === "gzip, chunked") expect([answer.status, code]).toEqual([501, "unsupported-transfer-coding"]);
  },
);

describe("a query of many parameters", () => {
  const many = (count: number) => `a=1${"&a=1".repeat(count - 1)}`;

  test("a query with too many parameters is refused before it is parsed", async () => {
    for (const target of ["/health/live", "/metrics", "/openapi.json"]) {
      const answer = await ask(`${target}?${many(101)}`);
      expect(expectProblem(answer, { status: 422, code: "validation" }).errors).toEqual([
        { pointer: "", detail: "expected at most 100 parameters" },
      ]);
    }
  });

  test("a probe may have up to a hundred parameters", async () => {
    expect((await ask(`/health/live?${many(100)}`)).status).toBe(200);
  });

  test("parameters of the query never replace those of the path", async () => {
    const fields = ["Host: x", `Authorization: ${world.authorization("free")}`];
    const answer = await ask(`/imports/${world.ids.unknown}?id=${world.ids.done}`, { fields });
    expectProblem(answer, { status: 422, code: "validation" });
  });
});

test.each(["api.addRoute", "api.removeRoute", "api.listAliases", "api.rest"])(
  "nobody can call %s over the broker",
  async (name) => {
    const { broker } = world.system;
    await expect(broker.call(name, { route: { path: "/x" }, path: "/admin" })).rejects.toThrow(/not found/i);
  },
);

test("a call that takes no body reads only a little of one", async () => {
  const answer = await send(world.system.url, {
    method: "POST",
    path: `/imports/${world.ids.done}/cancel`,
    headers: { authorization: world.authorization("free"), "content-type": "application/json" },
    body: `{${" ".repeat(5_000)}}`,
  });
  expect(expectProblem(answer, { status: 413, code: "payload-too-large" }).limit).toBe(4_096);
});
