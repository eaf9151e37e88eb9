/** Wrong credentials, paths and methods. */
import { type BadCase, shown } from "./bad-input.kit.ts";

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

export const access: BadCase[] = [...auth, ...paths, ...methods];
