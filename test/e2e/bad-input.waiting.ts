/** Wrong header fields about waiting, and event streams of things that do not exist. */
import type { BadCase } from "./bad-input.kit.ts";

const shown = (prefer: string) => (prefer.length < 60 ? prefer : `${prefer.slice(0, 40)}… (${prefer.length} letters)`);
const wrongPrefer = { status: 400, code: "invalid-header", has: { header: "Prefer" } };

const asked = (prefer: string, path = "/imports/{done}", as = "free"): BadCase => ({
  name: `GET ${path} with Prefer: ${shown(prefer)}`,
  as,
  request: { path, headers: { prefer } },
  ...wrongPrefer,
});

const posted = (prefer: string): BadCase => ({
  name: `POST /imports with Prefer: ${shown(prefer)}`,
  as: "free",
  request: {
    method: "POST",
    path: "/imports",
    headers: { "content-type": "application/x-ndjson", prefer },
    body: '{"a":1}',
  },
  ...wrongPrefer,
});

const wrong = [
  "",
  ",",
  "wait",
  "wait=",
  'wait=""',
  "wait=0",
  "wait=00",
  "wait=-1",
  "wait=+1",
  "wait=abc",
  "wait=1.5",
  "wait=1s",
  "wait=0x10",
  "wait=1e1",
  'wait="5',
  "wait=5 6",
  "wait=5; =x",
  "wait==5",
  "wait:5",
  "=5",
  "respond-async wait=5",
  "wait=5; x=\\",
  "wait=5,=",
  '"wait"=5',
  `wait=5${"; ".repeat(3_000)}=`,
];

const missing = (method: string, path: string): BadCase => ({
  name: `${method} ${path} finds no batch`,
  as: "free",
  request: { method, path },
  status: 404,
  code: "not-found",
});

const streams: BadCase[] = [
  missing("GET", "/imports/{unknown}/events"),
  missing("GET", "/imports/{foreign}/events"),
  missing("HEAD", "/imports/{unknown}/events"),
  missing("GET", "/imports/no-uuid/events"),
  {
    name: "GET /imports/{done}/events without credentials",
    request: { path: "/imports/{done}/events" },
    status: 401,
    code: "unauthenticated",
  },
  {
    name: "POST /imports/{done}/events is not allowed",
    as: "free",
    request: { method: "POST", path: "/imports/{done}/events" },
    status: 405,
    code: "method-not-allowed",
    allow: ["GET", "HEAD"],
  },
  {
    name: "GET /imports/{done}/events with a query",
    as: "free",
    request: { path: "/imports/{done}/events?last=1" },
    status: 422,
    code: "validation",
    pointers: ["/last"],
  },
];

export const waiting: BadCase[] = [
  ...wrong.map((prefer) => asked(prefer)),
  ...wrong.map(posted),
  asked("wait=0", "/admin/batches/{done}", "operator"),
  asked("wait=0", "/imports/{unknown}"),
  ...streams,
];
