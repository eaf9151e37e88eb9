/** The promise: an operator may do what its role allows, by its token or by a session, and a change of it holds at once. */
import { operatorRoutes } from "../../services/api/routes/routes.operators.ts";
import type { OperatorRole } from "../../services/operator/operator.domain.ts";
import { asAdmin, asked, bearer, codeOf, newOperator, reads, sent, startOperators, system } from "./operators.kit.ts";
import { sessionsAreLimited } from "./operators.sessions.suite.ts";

startOperators();

describe("operators", () => {
  test("only the answers that make a token show it", async () => {
    const { status, headers, body } = await asAdmin("POST", "/operators", {
      name: "alice@example.com",
      role: "viewer",
    });
    expect([status, headers.get("location")]).toEqual([201, "/admin/operators/alice%40example.com"]);
    const { token, ...alice } = body;
    expect(token).toMatch(/^dfo_[a-z0-9]{12}_[\w-]{43}$/);
    const time = expect.stringMatching(/^\d{4}-.*Z$/);
    expect(alice).toEqual({ name: "alice@example.com", role: "viewer", expiresAt: null, createdAt: time });
    const path = "/operators/alice%40example.com";
    expect((await asAdmin("GET", path)).body).toEqual(alice);
    const list = await asAdmin("GET", "/operators");
    expect(list.body).toEqual({ items: [alice], next: null });
    const end = "2099-01-01T00:00:00.000Z";
    expect((await asAdmin("PATCH", path, { expiresAt: end })).body).toEqual({ ...alice, expiresAt: end });
    const rotated = await asAdmin("POST", `${path}/rotate`);
    expect(rotated.body).toEqual({ ...alice, expiresAt: end, token: expect.stringMatching(/^dfo_/) });
    expect([await reads(token as string), await reads(rotated.body.token as string)]).toEqual([
      "401 unauthenticated",
      200,
    ]);
    expect(codeOf(await asAdmin("DELETE", path))).toBe(204);
    expect(await reads(rotated.body.token as string)).toBe("401 unauthenticated");
    for (const [method, more] of [
      ["GET", ""],
      ["PATCH", ""],
      ["DELETE", ""],
      ["POST", "/rotate"],
    ] as const)
      expect(codeOf(await asAdmin(method, `${path}${more}`, method === "GET" ? undefined : {}))).toBe("404 not-found");
    expect((await asAdmin("GET", "/operators")).body).toEqual({ items: [], next: null });
    expect(codeOf(await asAdmin("POST", "/operators", { name: "alice@example.com", role: "admin" }))).toBe(201);
    expect(await reads(rotated.body.token as string)).toBe("401 unauthenticated");
  });

  test.each([
    ["the name of one that exists", { name: "twice", role: "viewer" }, "409 conflict", undefined],
    ["the name of the first operator", { name: "admin", role: "viewer" }, "409 conflict", undefined],
    ["the name of the REPL in the audit", { name: "repl", role: "viewer" }, "409 conflict", undefined],
    ["a name with a slash", { name: "a/b", role: "viewer" }, "422 validation", "/name"],
    ["an unknown role", { name: "a", role: "root" }, "422 validation", "/role"],
    ["no role", { name: "a" }, "422 validation", "/role"],
    [
      "an end that has passed",
      { name: "a", role: "viewer", expiresAt: "2020-01-01T00:00:00Z" },
      "422 validation",
      "/expiresAt",
    ],
    [
      "an end without an offset",
      { name: "a", role: "viewer", expiresAt: "2099-01-01T00:00:00" },
      "422 validation",
      "/expiresAt",
    ],
    ["a token of its own", { name: "a", role: "viewer", token: "mine" }, "422 validation", "/token"],
  ])("refuses %s", async (_, body, code, pointer) => {
    await asAdmin("POST", "/operators", { name: "twice", role: "viewer" });
    const answer = await asAdmin("POST", "/operators", body);
    expect(codeOf(answer)).toBe(code);
    if (pointer) expect(answer.body.errors).toEqual([expect.objectContaining({ pointer })]);
  });

  test("a choice that is not known is refused with those that are", async () => {
    const { body } = await asAdmin("POST", "/operators", { name: "a", role: "root" });
    expect(body.errors).toEqual([{ pointer: "/role", detail: "expected one of viewer, operator, admin" }]);
  });

  test("a token ends at its time, and the role of the moment counts", async () => {
    const { name, token } = await newOperator("viewer");
    const change = () => asked("POST", "/admin/operators", bearer(token), { name: `by-${name}`, role: "viewer" });
    expect((await change()).body).toMatchObject({
      code: "forbidden",
      detail: "This is for the role admin; yours is viewer.",
    });
    await asAdmin("PATCH", `/operators/${name}`, { role: "admin" });
    expect(codeOf(await change())).toBe(201);
    await system.broker.call("operator.update", { name, expiresAt: Date.now() - 1 });
    expect(await reads(token)).toBe("401 unauthenticated");
    await asAdmin("PATCH", `/operators/${name}`, { expiresAt: null });
    expect(await reads(token)).toBe(200);
  });

  /** The lowest role that may call each route, as the documents promise. */
  const least = (method: string, path: string): OperatorRole => {
    if (method === "GET" || /^\/(datasets|policy)\/(check|:name\/try)$/.test(path)) return "viewer";
    return /^\/(batches|deliveries|nodes|caches)\/|\/webhook\/test$/.test(path) ? "operator" : "admin";
  };
  const order: OperatorRole[] = ["viewer", "operator", "admin"];

  test("each route is for its least role and those above it", async () => {
    const tokens = await Promise.all(order.map(async (role) => ({ role, ...(await newOperator(role)) })));
    for (const route of Object.keys(operatorRoutes)) {
      const [method = "", path = ""] = route.split(" ");
      // A wrong id or body is refused only after the role was checked.
      const there = path.replace(":id", "0193b2f0-0000-7000-8000-000000000000").replace(/:(name|node)/, "nothing");
      for (const { role, token } of tokens) {
        const body = method === "GET" ? undefined : { wrong: true };
        const response = await sent(method, `/admin${there}`, bearer(token), body);
        // An event stream does not end by itself.
        await response.body?.cancel();
        const { status } = response;
        const isAllowed = order.indexOf(role) >= order.indexOf(least(method, path));
        expect([route, role, status === 403]).toEqual([route, role, !isAllowed]);
      }
    }
  });
});

sessionsAreLimited();
