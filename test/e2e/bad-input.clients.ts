/** Requests about clients, nodes and lists of choices that must be refused. */
import type { BadCase, Request } from "./bad-input.kit.ts";

type Expected = Pick<BadCase, "status" | "code" | "has" | "pointers" | "headers">;
const json = { "content-type": "application/json" };

const operator = (name: string, method: string, path: string, expected: Expected, body?: unknown): BadCase => {
  const request: Request = { method, path, ...(body !== undefined && { headers: json, body: JSON.stringify(body) }) };
  return { name: `${method} ${path}: ${name}`, as: "operator", request, ...expected };
};
const wrong = (...pointers: string[]): Expected => ({ status: 422, code: "validation", pointers });
const missing: Expected = { status: 404, code: "not-found" };

const pauses = ["pause", "resume"].flatMap((how) => [
  operator("an unknown field", "POST", `/admin/clients/{client}/${how}`, wrong("/until"), { until: 1 }),
  operator("an empty reason", "POST", `/admin/clients/{client}/${how}`, wrong("/reason"), { reason: "" }),
  operator("a reason that is a number", "POST", `/admin/clients/{client}/${how}`, wrong("/reason"), { reason: 5 }),
  operator("a reason without end", "POST", `/admin/clients/{client}/${how}`, wrong("/reason"), {
    reason: "x".repeat(5_000),
  }),
  operator("a list", "POST", `/admin/clients/{client}/${how}`, wrong(""), []),
  operator("a query", "POST", `/admin/clients/{client}/${how}?dryRun=true`, wrong("/dryRun")),
  operator("a client that is not there", "POST", `/admin/clients/{unknown}/${how}`, missing),
]);

const asked = (query: string, ...pointers: string[]) =>
  operator("a wrong query", "GET", `/admin/clients?${query}`, wrong(...pointers));

const lists = [
  asked("q=", "/q"),
  asked("q=%20", "/q"),
  asked(`q=${"x".repeat(101)}`, "/q"),
  asked("q=a&q=b", "/q"),
  asked("status=gone", "/status"),
  asked("status=active,disabled", "/status"),
  asked("client=1", "/client"),
  operator("a client that is not there", "GET", "/admin/clients/{unknown}/usage", missing),
  operator("a query", "GET", "/admin/clients/{client}/usage?day=1", wrong("/day")),
  operator("a query", "GET", "/admin/handlers?name=x", wrong("/name")),
  operator("a query", "GET", "/admin/system?secrets=true", wrong("/secrets")),
];

const checked = (name: string, body: unknown, ...pointers: string[]) =>
  operator(name, "POST", "/admin/policy/check", wrong(...pointers), body);

const drafts = [
  checked("nothing", {}, ""),
  checked("both", { policy: {}, patch: {} }, ""),
  checked("a patch of nobody", { patch: {} }, "/client"),
  checked("a client that is not there", { policy: {}, client: "x" }, "/client"),
  checked("an unknown field", { policy: {}, name: "a" }, "/name"),
  checked("a wrong policy", { policy: { weight: 0, colour: "red" } }, "/policy/weight", "/policy/colour"),
  checked("a list", { policy: [] }, "/policy"),
];

const nodes = ["pause", "resume"].flatMap((how) => [
  operator("no such node", "POST", `/admin/nodes/nobody/${how}`, missing),
  operator("a field", "POST", `/admin/nodes/nobody/${how}`, wrong("/reason"), { reason: "x" }),
  operator("a query", "POST", `/admin/nodes/nobody/${how}?all=true`, wrong("/all")),
]);
const caches = [operator("a field", "POST", "/admin/caches/flush", wrong("/cache"), { cache: "policy" })];

export const clientRoutes: BadCase[] = [...pauses, ...lists, ...drafts, ...nodes, ...caches];
