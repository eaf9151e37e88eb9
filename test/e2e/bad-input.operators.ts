/** Bodies of operators, policies above all, that must be refused. */
import { gzipSync } from "node:zlib";
import type { BadCase, Request } from "./bad-input.kit.ts";
import { wrongPolicies } from "./bad-input.policies.ts";

type Expected = Pick<BadCase, "status" | "code" | "has" | "pointers" | "headers">;
const json = { "content-type": "application/json" };
const mergePatch = { "content-type": "application/merge-patch+json" };

const operator = (name: string, request: Request, expected: Expected): BadCase => ({
  name: `${request.method} ${request.path}: ${name}`,
  as: "operator",
  request: { ...request, headers: request.headers ?? json },
  ...expected,
});
const wrong = (...pointers: string[]): Expected => ({ status: 422, code: "validation", pointers });
const malformed = (offset: number): Expected => ({ status: 400, code: "malformed-body", has: { offset } });
const wantsJson: Expected = { status: 415, code: "unsupported-media-type", headers: { accept: /application\/json/ } };
const conflicts = (current: string): Expected => ({ status: 409, code: "illegal-state", has: { current } });

const posted = (name: string, body: unknown, expected: Expected, headers: Record<string, string> = json) =>
  operator(name, { method: "POST", path: "/admin/clients", headers, body: textOf(body) }, expected);

const textOf = (body: unknown) => (typeof body === "string" || Buffer.isBuffer(body) ? body : JSON.stringify(body));
const right = { clientIdentifier: "a-new-client", name: "New" };

const newClients: BadCase[] = [
  posted("no body", "", malformed(0)),
  posted("half an object", '{"name": "x"', malformed(12)),
  posted("a value that is none", '{"name": }', malformed(9)),
  posted("no JSON", "nope", malformed(1)),
  posted("a comma too many, behind letters of several bytes", '{"name":"äöü€",}', malformed(20)),
  posted("a text that is no UTF-8", Buffer.from('{"name":"\xff"}', "latin1"), malformed(9)),
  posted("lists without end", `{"name":${"[".repeat(5_000)}${"]".repeat(5_000)}}`, malformed(207)),
  posted("objects without end", `${'{"policy":'.repeat(5_000)}1${"}".repeat(5_000)}`, malformed(2_000)),
  posted("lists that nobody ends", "[".repeat(1_000_000), malformed(200)),
  posted("a fault before what is too deep", `[1 ${"[".repeat(300)}`, malformed(3)),
  posted("a text that nobody ends, full of brackets", `"\\"${"[".repeat(300)}\\`, malformed(304)),
  posted("null", "null", wrong("")),
  posted("an array", [], wrong("")),
  posted("a text", '"x"', wrong("")),
  posted("no type", right, wantsJson, {}),
  posted("another type", right, wantsJson, { "content-type": "text/plain" }),
  posted("a form", "a=1", wantsJson, { "content-type": "application/x-www-form-urlencoded" }),
  posted(
    "gzip",
    gzipSync(JSON.stringify(right)),
    { status: 415, code: "unsupported-encoding", headers: { "accept-encoding": /identity/ } },
    { ...json, "content-encoding": "gzip" },
  ),
  posted(
    "more than a megabyte",
    { ...right, name: "x".repeat(1_100_000) },
    { status: 413, code: "payload-too-large", has: { limit: 1_048_576 } },
  ),
  posted("no field", {}, wrong("/clientIdentifier", "/name")),
  posted("an identifier that is too short", { ...right, clientIdentifier: "ab" }, wrong("/clientIdentifier")),
  posted("an identifier that is too long", { ...right, clientIdentifier: "a".repeat(65) }, wrong("/clientIdentifier")),
  posted("capitals", { ...right, clientIdentifier: "Client" }, wrong("/clientIdentifier")),
  posted(
    "a colon, which Basic could not tell apart",
    { ...right, clientIdentifier: "a:b:c" },
    wrong("/clientIdentifier"),
  ),
  posted("an identifier with a line end", { ...right, clientIdentifier: "client\n" }, wrong("/clientIdentifier")),
  posted("a number for an identifier", { ...right, clientIdentifier: 12345 }, wrong("/clientIdentifier")),
  posted("null for an identifier", { ...right, clientIdentifier: null }, wrong("/clientIdentifier")),
  posted("an empty name", { ...right, name: "" }, wrong("/name")),
  posted("a name of spaces", { ...right, name: "   " }, wrong("/name")),
  posted("a name that is a list", { ...right, name: ["x"] }, wrong("/name")),
  posted("a name with a line break", { ...right, name: "Acme\nPaid" }, wrong("/name")),
  posted("a name with an escape", { ...right, name: "Acme\u001b[2K" }, wrong("/name")),
  posted("a name with half a letter", { ...right, name: "Acme\ud800" }, wrong("/name")),
  posted("a long name", { ...right, name: "x".repeat(300) }, wrong("/name")),
  posted("a secret of one's own", { ...right, secret: "x" }, wrong("/secret")),
  posted("odd unknown names", { ...right, "a/b": 1, "c~d": 2 }, wrong("/a~1b", "/c~0d")),
  posted("an unknown name with a comma", { ...right, "a, b": 1 }, wrong("/a, b")),
  posted("__proto__", `{"clientIdentifier":"a-new-client","name":"x","__proto__":{"a":1}}`, wrong("/__proto__")),
  posted("no policy", { ...right, policy: null }, wrong("/policy")),
  posted("a list for a policy", { ...right, policy: [] }, wrong("/policy")),
  posted("a text for a policy", { ...right, policy: "x" }, wrong("/policy")),
  posted(
    "a wrong policy",
    { ...right, policy: { weight: 0, rate: { requests: 0 } } },
    wrong("/policy/weight", "/policy/rate/requests"),
  ),
  ...[
    "",
    [],
    ["a", "a"],
    [""],
    7,
    { field: "a" },
    ["x".repeat(256)],
    Array.from({ length: 17 }, (_, i) => `f${i}`),
  ].map((uniqueKey) =>
    posted(
      `the uniqueKey ${JSON.stringify(uniqueKey).slice(0, 30)}`,
      { ...right, policy: { uniqueKey } },
      wrong("/policy/uniqueKey"),
    ),
  ),
  posted(
    "a policy with a wrong schema",
    { ...right, policy: { schema: { type: "strin" } } },
    wrong("/policy/schema/type"),
  ),
];

const patched = (name: string, body: unknown, expected: Expected) =>
  operator(name, { method: "PATCH", path: "/admin/clients/{client}", body: textOf(body) }, expected);
const rotated = (name: string, body: unknown, expected: Expected) =>
  operator(name, { method: "POST", path: "/admin/clients/{client}/rotate-secret", body: textOf(body) }, expected);

const changes: BadCase[] = [
  patched("an unknown status", { status: "gone" }, wrong("/status")),
  patched("null for a status", { status: null }, wrong("/status")),
  patched("another identifier", { clientIdentifier: "other" }, wrong("/clientIdentifier")),
  patched("a text for the hold", { legalHold: "true" }, wrong("/legalHold")),
  patched("an empty name", { name: "" }, wrong("/name")),
  patched("no body", "", malformed(0)),
  operator(
    "a client that is not there",
    { method: "PATCH", path: "/admin/clients/{unknown}", body: '{"name":"x"}' },
    { status: 404, code: "not-found" },
  ),
  rotated("grace below nothing", { graceSeconds: -1 }, wrong("/graceSeconds")),
  rotated("a text for the grace", { graceSeconds: "5" }, wrong("/graceSeconds")),
  rotated("half seconds", { graceSeconds: 0.5 }, wrong("/graceSeconds")),
  rotated("a secret of one's own", { secret: "x" }, wrong("/secret")),
  rotated("half an object", "{", malformed(1)),
];

const replayed = (name: string, body: unknown, expected: Expected) =>
  operator(name, { method: "POST", path: "/admin/deliveries/replay", body: textOf(body) }, expected);
const since = "2026-11-23T00:00:00Z";

const deliveries: BadCase[] = [
  replayed("nothing", {}, wrong("/client", "/since")),
  replayed("a client that is not there", { client: "nobody", since }, wrong("/client")),
  replayed("an empty client", { client: "", since }, wrong("/client")),
  replayed("a time without its offset", { client: "nobody", since: "2026-11-23T00:00:00" }, wrong("/since")),
  replayed("a number for the time", { client: "nobody", since: 0 }, wrong("/since")),
  replayed("what was delivered", { client: "nobody", since, status: "delivered" }, wrong("/status")),
  replayed("a text for a flag", { client: "nobody", since, dryRun: "true" }, wrong("/dryRun")),
  replayed("an unknown field", { client: "nobody", since, until: since }, wrong("/until")),
  replayed("half an object", "{", malformed(1)),
  operator(
    "a client without a webhook",
    { method: "POST", path: "/admin/clients/{client}/webhook/test" },
    { status: 409, code: "no-webhook" },
  ),
  operator(
    "a URL of one's own",
    { method: "POST", path: "/admin/clients/{client}/webhook/test", body: '{"url":"http://10.0.0.1/"}' },
    wrong("/url"),
  ),
  operator(
    "a client that is not there",
    { method: "POST", path: "/admin/clients/{unknown}/webhook/test" },
    { status: 404, code: "not-found" },
  ),
  operator("no chat to try", { method: "POST", path: "/admin/alerts/test" }, { status: 409, code: "alerts-off" }),
  operator(
    "a chat of one's own",
    { method: "POST", path: "/admin/alerts/test", body: '{"url":"http://10.0.0.1/"}' },
    wrong("/url"),
  ),
];

const erased = (name: string, body: unknown, expected: Expected) =>
  operator(name, { method: "POST", path: "/admin/erasures", body: textOf(body) }, expected);
const where = { email: "a@b.example" };

const erasures: BadCase[] = [
  erased("no dataset", { where }, wrong("/dataset")),
  erased("a dataset that is not there", { dataset: "nobody", where }, wrong("/dataset")),
  erased("own policies without a client", { dataset: "default", where }, wrong("/client")),
  erased("a client that is not there", { client: "x", dataset: "default", where }, wrong("/client")),
  erased("no fields", { dataset: "default", where: {} }, wrong("/where")),
  erased("a list for the fields", { dataset: "default", where: [] }, wrong("/where")),
  erased("six fields", { dataset: "default", where: { a: 1, b: 1, c: 1, d: 1, e: 1, f: 1 } }, wrong("/where")),
  erased("an object for a value", { dataset: "default", where: { email: {} } }, wrong("/where/email")),
  erased("null for a value", { dataset: "default", where: { "a/b": null } }, wrong("/where/a~1b")),
  erased("an empty value", { dataset: "default", where: { email: " " } }, wrong("/where/email")),
  erased("an unknown field", { dataset: "default", where, force: true }, wrong("/force")),
  operator(
    "a client that is active",
    { method: "DELETE", path: "/admin/clients/{client}" },
    { status: 409, code: "illegal-state", has: { current: "active" } },
  ),
  operator(
    "an erasure that is not there",
    { method: "GET", path: "/admin/erasures/{unknown}" },
    { status: 404, code: "not-found" },
  ),
];

const onBatch = (name: string, action: string, body: unknown, expected: Expected) =>
  operator(name, { method: "POST", path: `/admin/batches/{done}/${action}`, body: textOf(body) }, expected);

const batches: BadCase[] = [
  onBatch("it has ended", "approve", "", conflicts("completed")),
  onBatch("it has ended", "reject", { reason: "no" }, conflicts("completed")),
  onBatch("it has not failed", "redrive", "", conflicts("completed")),
  onBatch("it has not failed", "retry", "", conflicts("completed")),
  onBatch("nothing was rejected", "retry?only=rejected", "", conflicts("completed")),
  onBatch("an unknown field", "retry?only=rejected", { force: true }, wrong("/force")),
  onBatch("it is neither failed nor held", "skip", "", conflicts("completed")),
  onBatch("it was not only checked", "commit", "", conflicts("completed")),
  onBatch("it has ended", "cancel", {}, conflicts("completed")),
  onBatch("an unknown field", "approve", { force: true }, wrong("/force")),
  onBatch("an unknown field", "cancel", { force: true }, wrong("/force")),
  ...["approve", "redrive", "retry", "commit", "skip", "cancel"].flatMap((action) => [
    onBatch("a reason that is a number", action, { reason: 5 }, wrong("/reason")),
    onBatch("a reason without end", action, { reason: "x".repeat(1_001) }, wrong("/reason")),
    onBatch("null for a reason", action, { reason: null }, wrong("/reason")),
  ]),
  onBatch("an unknown field", "redrive", { from: 0 }, wrong("/from")),
  onBatch("an unknown field", "commit", { from: 0 }, wrong("/from")),
  onBatch("an unknown field", "skip", { from: 0 }, wrong("/from")),
  onBatch("a reason that is a number", "reject", { reason: 5 }, wrong("/reason")),
  onBatch("a reason without end", "reject", { reason: "x".repeat(5_000) }, wrong("/reason")),
  onBatch("a list", "reject", [], wrong("")),
  {
    name: "POST /imports/{done}/cancel: it has ended",
    as: "free",
    request: { method: "POST", path: "/imports/{done}/cancel" },
    ...conflicts("completed"),
  },
  {
    name: "POST /imports/{done}/cancel: an unknown field",
    as: "free",
    request: { method: "POST", path: "/imports/{done}/cancel", headers: json, body: '{"force":true}' },
    ...wrong("/force"),
  },
];

const policy = "/admin/clients/{client}/policy";
const put = (name: string, body: unknown, expected: Expected, headers: Record<string, string> = json) =>
  operator(name, { method: "PUT", path: policy, headers, body: textOf(body) }, expected);
const patch = (name: string, body: unknown, expected: Expected, headers: Record<string, string> = mergePatch) =>
  operator(name, { method: "PATCH", path: policy, headers, body: textOf(body) }, expected);
const stale: Expected = { status: 412, code: "precondition-failed" };

const policies: BadCase[] = [
  ...wrongPolicies.map(([body, ...pointers]) =>
    put(JSON.stringify(body).slice(0, 80), typeof body === "number" ? String(body) : body, wrong(...pointers)),
  ),
  put("null for what is never null", { weight: null, maxErrors: null }, wrong("/weight")),
  put("a merge patch", {}, wantsJson, mergePatch),
  put("half an object", '{"weight":', malformed(10)),
  put("an old version", { weight: 2 }, stale, { ...json, "if-match": '"999"' }),
  put("a tag that is none", { weight: 2 }, stale, { ...json, "if-match": "1" }),
  put("a weak tag", { weight: 2 }, stale, { ...json, "if-match": 'W/"1"' }),
  patch("null", "null", wrong("")),
  patch("a schema without end", `{"schema":${'{"not":'.repeat(5_000)}{}${"}".repeat(5_001)}`, malformed(1_403)),
  patch("a list", [], wrong("")),
  patch("a wrong field", { weight: "heavy" }, wrong("/weight")),
  patch("half a window", { window: { from: "22:00" } }, wrong("/window/to", "/window/timeZone")),
  patch("a type of its own", {}, wantsJson, { "content-type": "application/json-patch+json" }),
  patch("an old version", { weight: 2 }, stale, { ...mergePatch, "if-match": '"0", "999"' }),
];

export const operators: BadCase[] = [...newClients, ...changes, ...deliveries, ...erasures, ...batches, ...policies];
