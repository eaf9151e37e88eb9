/** Requests about clients, nodes and what may be chosen that must be refused. */
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

export const clientRoutes: BadCase[] = [...pauses];
