/** Bodies of `POST /admin/clients/{id}/keys` that must be refused. */
import type { BadCase } from "./bad-input.kit.ts";

const json = { "content-type": "application/json" };
const path = "/admin/clients/{client}/keys";

const posted = (name: string, body: unknown, ...pointers: string[]): BadCase => ({
  name: `POST ${path}: ${name}`,
  as: "operator",
  request: { method: "POST", path, headers: json, body: JSON.stringify(body) },
  status: 422,
  code: "validation",
  pointers,
});
const ranges = (name: string, allowedCidrs: unknown, ...pointers: string[]) =>
  posted(name, { name: "a", allowedCidrs }, ...pointers.map((pointer) => `/allowedCidrs${pointer}`));

export const keys: BadCase[] = [
  posted("no name", {}, "/name"),
  posted("a name with a slash", { name: "a/b" }, "/name"),
  posted("an unknown field", { name: "a", secret: "mine" }, "/secret"),
  posted("an end that has passed", { name: "a", expiresAt: "2020-01-01T00:00:00Z" }, "/expiresAt"),
  posted("an end without an offset", { name: "a", expiresAt: "2099-01-01" }, "/expiresAt"),
  posted("null as its end", { name: "a", expiresAt: null }, "/expiresAt"),
  posted("an unknown scope", { name: "a", scopes: ["read", "write"] }, "/scopes/1"),
  posted("a scope twice", { name: "a", scopes: ["read", "read"] }, "/scopes/1"),
  posted("no scope", { name: "a", scopes: [] }, "/scopes"),
  posted("a text as scopes", { name: "a", scopes: "read" }, "/scopes"),
  ranges("no address", [], ""),
  ranges(
    "more than 50 addresses",
    Array.from({ length: 51 }, (_, i) => `192.0.2.${i}`),
    "",
  ),
  ranges("an object", { 0: "192.0.2.1" }, ""),
  ranges("a name of a host", ["192.0.2.1", "localhost"], "/1"),
  ranges("a number", [1], "/0"),
  ranges("half an address", ["192.0/16"], "/0"),
  ranges("octal digits", ["010.0.0.1"], "/0"),
  ranges("more bits than it has", ["192.0.2.0/33", "2001:db8::/129"], "/0", "/1"),
  ranges("no bits", ["192.0.2.0/", "192.0.2.0/a", "192.0.2.0/8/8"], "/0", "/1", "/2"),
  ranges("an address within the network", ["192.0.2.1/24", "2001:db8::1/32"], "/0", "/1"),
  ranges("a zone", ["fe80::1%eth0"], "/0"),
  ranges("the same twice", ["192.0.2.7", "::ffff:192.0.2.7", "192.0.2.7/32"], "/1", "/2"),
];
