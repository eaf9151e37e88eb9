/** Wrong credentials, paths, methods and queries. */
import type { BadCase } from "./bad-input.kit.ts";

/** Long paths are told from each other by their length. */
const shown = (path: string) => (path.length < 80 ? path : `${path.slice(0, 60)}… (${path.length} letters)`);
const basic = (text: string) => `Basic ${Buffer.from(text).toString("base64")}`;
const asksBasic = { "www-authenticate": /^Basic realm=/ };
const asksBearer = { "www-authenticate": /^Bearer\b/ };

const denied = (name: string, method: string, path: string, authorization?: string): BadCase => ({
  name: `${method} ${path} with ${name}`,
  request: {
    method,
    path,
    headers: { ...(authorization === undefined ? {} : { authorization }), "content-type": "application/x-ndjson" },
    body: method === "POST" ? '{"a":1}' : undefined,
  },
  status: 401,
  code: "unauthenticated",
  headers: path.startsWith("/admin") ? asksBearer : asksBasic,
});

const auth: BadCase[] = [
  denied("no credentials", "GET", "/imports"),
  denied("no credentials", "POST", "/imports"),
  denied("no credentials", "GET", "/policy"),
  denied("no credentials", "HEAD", "/imports/{done}"),
  denied("an unknown client", "POST", "/imports", basic("nobody-of-that-name:secret")),
  denied("an empty secret", "GET", "/imports", basic("client:")),
  denied("no colon", "GET", "/imports", basic("client")),
  denied("nothing encoded", "GET", "/imports", "Basic "),
  denied("what is no base64", "GET", "/imports", "Basic ?*§"),
  denied("bytes that are no text", "GET", "/imports", `Basic ${Buffer.from([0xff, 0x3a, 0xfe, 0]).toString("base64")}`),
  denied("a bearer token", "GET", "/imports", "Bearer a-token-for-tests-of-24-characters-or-more"),
  denied("an unknown scheme", "POST", "/imports", "Digest abc"),
  denied("an enormous secret", "GET", "/imports", basic(`client:${"x".repeat(8_000)}`)),
  denied("no token", "GET", "/admin/clients"),
  denied("no token", "POST", "/admin/clients"),
  denied("an empty token", "GET", "/admin/batches", "Bearer "),
  denied("a wrong token", "GET", "/admin/clients", "Bearer a-token-for-tests-of-24-characters-or-mor"),
  denied("a token and more", "GET", "/admin/clients", "Bearer a-token-for-tests-of-24-characters-or-more x"),
  denied("the token as Basic", "GET", "/admin/clients", basic("admin:a-token-for-tests-of-24-characters-or-more")),
];

const disabled = (method: string, path: string): BadCase => ({
  name: `${method} ${path} of a disabled client`,
  as: "disabled",
  request: {
    method,
    path,
    headers: { "content-type": "application/x-ndjson" },
    body: method === "POST" ? "{}" : undefined,
  },
  status: 403,
  code: "client-disabled",
});

const missing = (method: string, path: string, as = "free"): BadCase => ({
  name: `${method} ${shown(path)} finds nothing`,
  as,
  request: { method, path },
  status: 404,
  code: "not-found",
});

const paths: BadCase[] = [
  disabled("GET", "/imports"),
  disabled("POST", "/imports"),
  missing("GET", "/nothing"),
  missing("GET", "/imports/{unknown}/nothing"),
  missing("POST", "/import"),
  missing("GET", "//imports"),
  missing("OPTIONS", "*"),
  missing("GET", "/~node/list"),
  missing("GET", "/api/rest"),
  missing("GET", "/health"),
  missing("GET", "/admin", "operator"),
  missing("GET", "/admin/nothing", "operator"),
  missing("GET", "/imports/{unknown}"),
  missing("GET", "/imports/no-uuid"),
  missing("GET", "/imports/%zz"),
  missing("GET", "/imports/%00"),
  missing("GET", "/imports/%E0%A4%A"),
  missing("GET", "/imports/..%2F..%2Fpolicy"),
  missing("GET", "/imports/'%20OR%20'1'='1"),
  missing("GET", `/imports/${"a".repeat(5_000)}`),
  missing("GET", "/imports/{foreign}"),
  missing("GET", "/imports/{foreign}/errors"),
  missing("GET", "/imports/{foreign}/records"),
  missing("POST", "/imports/{foreign}/cancel"),
  missing("GET", "/imports/{unknown}/errors"),
  missing("GET", "/imports/{unknown}/records"),
  missing("POST", "/imports/{unknown}/cancel"),
  missing("GET", "/admin/clients/{unknown}", "operator"),
  missing("GET", "/admin/clients/{unknown}/policy", "operator"),
  missing("POST", "/admin/clients/{unknown}/rotate-secret", "operator"),
  missing("GET", "/admin/batches/{unknown}", "operator"),
  missing("POST", "/admin/batches/{unknown}/approve", "operator"),
  missing("POST", "/admin/batches/{unknown}/reject", "operator"),
  missing("POST", "/admin/batches/{unknown}/redrive", "operator"),
  missing("POST", "/admin/batches/{unknown}/retry", "operator"),
  missing("POST", "/admin/batches/{unknown}/retry?only=rejected", "operator"),
  missing("POST", "/admin/batches/{unknown}/commit", "operator"),
  missing("POST", "/admin/batches/{unknown}/skip", "operator"),
  missing("POST", "/admin/batches/{unknown}/cancel", "operator"),
];

const unknownMethod = (method: string, path: string, allow: string[], as = "free"): BadCase => ({
  name: `${method} ${path} is not allowed`,
  as,
  request: { method, path },
  status: 405,
  code: "method-not-allowed",
  allow,
});

const methods: BadCase[] = [
  unknownMethod("DELETE", "/imports", ["GET", "HEAD", "POST"]),
  unknownMethod("PUT", "/imports", ["GET", "HEAD", "POST"]),
  unknownMethod("OPTIONS", "/imports", ["GET", "HEAD", "POST"]),
  {
    name: "OPTIONS /imports that speaks of POST is no POST",
    as: "free",
    request: {
      method: "OPTIONS",
      path: "/imports",
      headers: { "access-control-request-method": "POST", "content-type": "application/x-ndjson" },
      body: '{"a":1}',
    },
    status: 405,
    code: "method-not-allowed",
    allow: ["GET", "HEAD", "POST"],
  },
  unknownMethod("TRACE", "/imports", ["GET", "HEAD", "POST"]),
  unknownMethod("PROPFIND", "/imports", ["GET", "HEAD", "POST"]),
  unknownMethod("DELETE", "/imports/{done}", ["GET", "HEAD"]),
  unknownMethod("POST", "/imports/{done}", ["GET", "HEAD"]),
  unknownMethod("GET", "/imports/{done}/cancel", ["POST"]),
  unknownMethod("HEAD", "/imports/{done}/cancel", ["POST"]),
  unknownMethod("POST", "/imports/{done}/errors", ["GET", "HEAD"]),
  unknownMethod("PUT", "/policy", ["GET", "HEAD"]),
  unknownMethod("POST", "/health/live", ["GET", "HEAD"]),
  unknownMethod("DELETE", "/health/ready", ["GET", "HEAD"]),
  unknownMethod("PUT", "/admin/clients", ["GET", "HEAD", "POST"], "operator"),
  unknownMethod("PUT", "/admin/clients/{client}", ["GET", "HEAD", "PATCH", "DELETE"], "operator"),
  unknownMethod("DELETE", "/admin/clients/{client}/policy", ["GET", "HEAD", "PUT", "PATCH"], "operator"),
  unknownMethod("GET", "/admin/clients/{client}/rotate-secret", ["POST"], "operator"),
  unknownMethod("POST", "/admin/batches", ["GET", "HEAD"], "operator"),
  unknownMethod("DELETE", "/admin/batches/{done}", ["GET", "HEAD"], "operator"),
  unknownMethod("GET", "/admin/batches/{done}/approve", ["POST"], "operator"),
];

const wrongQuery = (path: string, pointer: string, as = "free", method = "GET"): BadCase => ({
  name: `${method} ${shown(path)} has a wrong query`,
  as,
  request: { method, path },
  status: 422,
  code: "validation",
  pointers: [pointer],
});

const cursor = (text: string) => Buffer.from(text).toString("base64url");

/** More batches than a stream may name. */
const many = Array.from({ length: 21 }, (_, i) => `batch:0193b2f0-0000-7000-8000-0000000000${10 + i}`).join(",");

const queries: BadCase[] = [
  ...["0", "201", "-1", "1.5", "abc", "", "1e2", "%20", "0x10", "1;2", "9".repeat(400)].map((limit) =>
    wrongQuery(`/imports?limit=${limit}`, "/limit"),
  ),
  wrongQuery("/imports?limit=1&limit=2", "/limit"),
  ...["receiving", "nope", "", "READY", "ready,nope", "ready,"].map((status) =>
    wrongQuery(`/imports?status=${status}`, "/status"),
  ),
  wrongQuery("/imports?status=ready&status=failed", "/status"),
  ...[
    "",
    "abc",
    "%00",
    cursor("5"),
    cursor("before:"),
    cursor("before:-1"),
    cursor("before:01"),
    "a".repeat(3_000),
  ].map((text) => wrongQuery(`/imports?cursor=${text}`, "/cursor")),
  wrongQuery("/imports?page=2", "/page"),
  wrongQuery("/imports?client={client}", "/client"),
  wrongQuery("/imports?q=a-shop", "/q"),
  wrongQuery("/imports?format=csv", "/format"),
  wrongQuery("/imports?order=oldest", "/order"),
  wrongQuery("/imports?__proto__=1", "/__proto__"),
  wrongQuery("/imports?limit[a]=1", "/limit[a]"),
  wrongQuery("/imports?a/b~c=1", "/a~1b~0c"),
  wrongQuery("/imports/{done}?x=1", "/x"),
  wrongQuery("/imports/{done}/rules?x=1", "/x"),
  wrongQuery("/imports/{done}/errors?limit=201", "/limit"),
  wrongQuery("/imports/{done}/errors?before=1", "/before"),
  wrongQuery("/imports/{done}/records?after=-1", "/after"),
  wrongQuery("/policy?version=1", "/version"),
  wrongQuery("/imports/{done}/corrections?validateOnly=true", "/validateOnly", "free", "POST"),
  wrongQuery("/imports/{done}/cancel?force=true", "/force", "free", "POST"),
  {
    name: "POST /imports with a query",
    as: "free",
    request: { method: "POST", path: "/imports?dry=1", headers: { "content-type": "text/csv" }, body: "a\n1\n" },
    status: 422,
    code: "validation",
    pointers: ["/dry"],
  },
  wrongQuery("/admin/clients?limit=0", "/limit", "operator"),
  wrongQuery("/admin/clients?cursor=abc", "/cursor", "operator"),
  wrongQuery("/admin/clients?dataset=A%20B", "/dataset", "operator"),
  wrongQuery("/admin/stats/attention?limit=5", "/limit", "operator"),
  wrongQuery("/admin/clients/{client}?x=1", "/x", "operator"),
  wrongQuery("/admin/clients/{client}/policy?x=1", "/x", "operator"),
  ...["/admin/clients/{client}/policy", "/admin/datasets/orders"].flatMap((path) => [
    ...["-1", "1.5", "new", "", "2147483648", "99999999999"].map((version) =>
      wrongQuery(`${path}?version=${version}`, "/version", "operator"),
    ),
    wrongQuery(`${path}/versions?limit=0`, "/limit", "operator"),
    wrongQuery(`${path}/versions?cursor=abc`, "/cursor", "operator"),
    wrongQuery(`${path}/versions?version=1`, "/version", "operator"),
  ]),
  ...["limit=201", "cursor=abc", "database=", "database=nowhere", "table=orders"].map((query) =>
    wrongQuery(`/admin/tables?${query}`, `/${query.split("=")[0]}`, "operator"),
  ),
  wrongQuery("/admin/batches?status=receiving", "/status", "operator"),
  wrongQuery("/admin/audit?action=nothing", "/action", "operator"),
  wrongQuery("/admin/audit?from=yesterday", "/from", "operator"),
  wrongQuery("/admin/audit?who=a%00b", "/who", "operator"),
  wrongQuery("/admin/audit?cursor=x", "/cursor", "operator"),
  ...["status=sent", "event=batch.lost", "from=yesterday", "to=2026-11-23", "limit=0", "cursor=x", "q=x"].flatMap(
    (query) => [
      wrongQuery(`/deliveries?${query}`, `/${query.split("=")[0]}`),
      wrongQuery(`/admin/deliveries?${query}`, `/${query.split("=")[0]}`, "operator"),
    ],
  ),
  wrongQuery("/deliveries?client=x", "/client"),
  wrongQuery("/account?x=1", "/x"),
  {
    name: "a rotation that is turned off",
    as: "free",
    request: { method: "POST", path: "/account/rotate-secret" },
    status: 403,
    code: "forbidden",
  },
  wrongQuery("/admin/audit?result=done", "/result", "operator"),
  wrongQuery("/admin/events?topics=", "/topics", "operator"),
  wrongQuery("/admin/events?topics=stats,batch:1", "/topics", "operator"),
  wrongQuery("/admin/events?topics=stats&topics=batches", "/topics", "operator"),
  wrongQuery("/admin/events?topic=stats", "/topic", "operator"),
  wrongQuery(`/admin/events?topics=${many}`, "/topics", "operator"),
  wrongQuery("/events?topics=stats", "/topics"),
  wrongQuery("/events?topics=batches,", "/topics"),
  wrongQuery("/admin/stats/history?step=5m", "/step", "operator"),
  wrongQuery("/admin/stats/history?from=now", "/from", "operator"),
  wrongQuery("/admin/stats/history?from=1960-01-01T00:00:00Z", "/from", "operator"),
  wrongQuery("/admin/stats/history?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "/from", "operator"),
  wrongQuery("/admin/stats/history?from=2026-01-01T00:00:00Z&to=2026-01-03T00:00:00Z&step=1m", "/step", "operator"),
  wrongQuery("/admin/stats/history?series=accepted,nothing", "/series", "operator"),
  wrongQuery("/admin/stats/history?client=nobody", "/client", "operator"),
  wrongQuery("/admin/stats/history?client=nobody&step=10s", "/client", "operator"),
  wrongQuery("/admin/stats/history?clients=x", "/clients", "operator"),
  wrongQuery("/admin/batches?limit=x", "/limit", "operator"),
  ...["order=sideways", "q=", "q=Acme%20Ltd", "q=request:", "q=key:a%00b", "format=xml", "hasErrors=yes"].map((query) =>
    wrongQuery(`/admin/batches?${query}`, `/${query.split("=")[0]}`, "operator"),
  ),
  ...["errorCode=", "retryOf=1", "createdFrom=yesterday", "createdTo=2026-11-23", "finishedFrom=", "finishedTo=x"].map(
    (query) => wrongQuery(`/admin/batches/counts?${query}`, `/${query.split("=")[0]}`, "operator"),
  ),
  wrongQuery("/admin/batches/counts?limit=1", "/limit", "operator"),
  wrongQuery(
    "/admin/batches?createdFrom=2026-11-24T00:00:00Z&createdTo=2026-11-23T00:00:00Z",
    "/createdTo",
    "operator",
  ),
  wrongQuery("/admin/batches?clientId={client}", "/clientId", "operator"),
  wrongQuery("/admin/batches?client={client}&client={client}", "/client", "operator"),
  wrongQuery("/admin/batches/{done}?x=1", "/x", "operator"),
  wrongQuery("/admin/batches/{done}/errors?limit=0", "/limit", "operator"),
  wrongQuery("/admin/batches/{done}/errors/summary?field=a", "/field", "operator"),
  wrongQuery("/admin/batches/{done}/rules?x=1", "/x", "operator"),
  wrongQuery("/admin/batches/{done}/records?after=-1", "/after", "operator"),
  wrongQuery("/admin/batches/{done}/records?limit=201", "/limit", "operator"),
  wrongQuery("/admin/batches/{done}/rejected?rows=some", "/rows", "operator"),
  wrongQuery("/admin/batches/{done}/preview?limit=0", "/limit", "operator"),
  wrongQuery("/admin/batches/{done}/history?limit=1", "/limit", "operator"),
  wrongQuery("/admin/batches/{done}/events?x=1", "/x", "operator"),
  wrongQuery("/admin/batches/{done}/redrive?x=1", "/x", "operator", "POST"),
  wrongQuery("/admin/batches/{done}/retry?only=all", "/only", "operator", "POST"),
  wrongQuery("/admin/batches/{done}/retry?onlyrejected", "/onlyrejected", "operator", "POST"),
];

export const access: BadCase[] = [...auth, ...paths, ...methods, ...queries];
