/** The promise: each change of an operator stands in the audit, in the transaction of the change, and no secret does. */
import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Middleware } from "moleculer";
import { openDatabase } from "../../database/database.ts";
import { root } from "../../root.cjs";
import { auditedAs } from "../../services/api/routes/audited.ts";
import { operatorRoutes } from "../../services/api/routes/routes.ts";
import type { AuditDraft } from "../../services/audit/audit.domain.ts";
import { accepted, batchWhen, newClient, type TestClient } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import { ADMIN_TOKEN, type System, startSystem } from "../helpers/system.ts";

let system: System;
beforeAll(async () => {
  system = await startSystem({ env: { LOG_LEVEL: "fatal" }, settings: { api: { failedLoginsMs: 50 } } });
});
afterAll(() => system.stop());

interface Entry {
  id: string;
  at: string;
  who: string | null;
  role: string | null;
  address: string | null;
  requestId: string | null;
  action: string;
  subject: { type: string | null; id: string | null; name: string | null };
  change: Record<string, unknown> | null;
  reason: string | null;
  status: string;
}

let requests = 0;

/** Makes a call with a request id of its own. */
async function asked(method: string, path: string, body?: unknown, token = ADMIN_TOKEN) {
  const requestId = `audit-${++requests}`;
  const response = await fetch(`${system.url}/admin${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      "x-request-id": requestId,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text ? JSON.parse(text) : {}, requestId, text };
}

async function audit(query: Record<string, string> = {}): Promise<Entry[]> {
  const { status, body } = await asked("GET", `/audit?${new URLSearchParams({ limit: "200", ...query })}`);
  expect(status).toBe(200);
  return body.items;
}

const ofRequest = async ({ requestId }: { requestId: string }) =>
  (await audit()).filter((entry) => entry.requestId === requestId);

/** Makes a change that succeeds, and answers its one entry. */
async function changed(method: string, path: string, body?: unknown): Promise<Entry> {
  const answer = await asked(method, path, body);
  expect([method, path, answer.status < 300, answer.text]).toEqual([method, path, true, answer.text]);
  const entries = await ofRequest(answer);
  expect(entries).toHaveLength(1);
  return entries[0] as Entry;
}

async function operatorWith(role: string): Promise<string> {
  const { body } = await asked("POST", "/operators", { name: `${role}-${++requests}`, role });
  return body.token;
}

const unknown = "0193b2f0-0000-7000-8000-000000000000";

describe("changes", () => {
  let client: TestClient;
  beforeAll(async () => {
    client = await newClient(system.url);
  });

  test("who, from where, what, and what differs", async () => {
    const entry = await changed("PATCH", `/clients/${client.id}`, { name: "Acme" });
    expect(entry).toEqual({
      id: expect.stringMatching(/^[\da-f-]{36}$/),
      at: expect.stringMatching(/^\d{4}-.*Z$/),
      who: "admin",
      role: "admin",
      address: "127.0.0.1",
      requestId: expect.stringMatching(/^audit-\d+$/),
      action: "client.change",
      subject: { type: "client", id: client.id, name: client.identifier },
      change: { "/name": [client.identifier, "Acme"] },
      reason: null,
      status: "done",
    });
  });

  test("a policy and a dataset are told by their difference, a grant by its override", async () => {
    const policy = await changed("PATCH", `/clients/${client.id}/policy`, { weight: 7, rate: { requests: 9 } });
    expect([policy.action, policy.change]).toEqual([
      "policy.change",
      { "/weight": [1, 7], "/rate/requests": [1_000_000, 9] },
    ]);
    await changed("PUT", "/datasets/goods", { description: "Goods", batchMax: undefined });
    const patched = await changed("PATCH", "/datasets/goods", { description: "Other goods" });
    expect([patched.action, patched.subject, patched.change]).toEqual([
      "dataset.change",
      { type: "dataset", id: "goods", name: null },
      { "/description": ["Goods", "Other goods"] },
    ]);
    const granted = await changed("PUT", `/clients/${client.id}/datasets/goods`, { maxAttempts: 2 });
    expect([granted.action, granted.subject.id, granted.change]).toEqual([
      "dataset.grant",
      client.id,
      { "/datasets/goods": [null, { maxAttempts: 2 }] },
    ]);
  });

  test("nothing is written where nothing changes: dry runs, refusals, and what partners do themselves", async () => {
    for (const [method, path, body] of [
      ["PATCH", `/clients/${client.id}/policy?dryRun=true`, { weight: 8 }],
      ["PUT", "/datasets/dry?dryRun=true", {}],
      ["PATCH", `/clients/${client.id}`, { name: 7 }],
      ["PATCH", `/clients/${unknown}`, { name: "Acme" }],
      ["GET", "/clients", undefined],
    ] as const)
      expect([path, await ofRequest(await asked(method, path, body))]).toEqual([path, []]);
  });

  test("no secret, token or hash of one stands in it", async () => {
    const shown: string[] = [];
    const remember = ({ body }: { body: Record<string, unknown> }) => {
      const webhook = body.webhook as { secret?: string } | undefined;
      shown.push(...[body.secret, body.token, webhook?.secret].filter((one) => typeof one === "string"));
    };
    const webhook = { url: "https://receiver.example/hook", events: ["batch.completed"] };
    const made = await asked("POST", "/clients", { clientIdentifier: "secretive", name: "S", policy: { webhook } });
    remember(made);
    remember(await asked("POST", `/clients/${made.body.id}/rotate-secret`, {}));
    remember(await asked("POST", `/clients/${made.body.id}/rotate-webhook-secret`, {}));
    remember(await asked("POST", "/operators", { name: "secretive", role: "viewer" }));
    remember(await asked("POST", "/operators/secretive/rotate"));
    expect(shown).toHaveLength(6);
    const [rows] = await databaseOf().sequelize.query("SELECT * FROM audit");
    const all = JSON.stringify(rows);
    for (const secret of [ADMIN_TOKEN, ...shown]) expect(all).not.toContain(secret);
    expect(all).not.toMatch(/secretHash|tokenHash|whsec_|dfo_/);
    const about = await audit({ subject: "secretive" });
    expect(about.map(({ action }) => action).sort()).toEqual([
      "client.create",
      "client.rotate-secret",
      "client.rotate-webhook-secret",
      "operator.create",
      "operator.rotate",
      "policy.change",
    ]);
  });
});

interface WithDatabase {
  database: { sequelize: { query(sql: string): Promise<[Record<string, unknown>[], unknown]> } };
}
const databaseOf = () => (system.broker.getLocalService("audit") as unknown as WithDatabase).database;

describe("each route that changes something", () => {
  const policyOf: Record<string, object> = {
    held: { requiresApproval: true },
    ordered: { requiresApproval: true, order: "fifo" },
    failed: { onInvalid: "rejectBatch", schema: { type: "object", required: ["b"] } },
    done: { webhook: { url: "https://receiver.example/hook", events: ["batch.completed"] } },
  };
  /** A batch that waits, has failed, or is done. */
  async function batch(kind: string): Promise<string> {
    const client = await newClient(system.url, { ...policyOf[kind] });
    const { id } = await accepted(system.url, client, '{"a":1}\n');
    const wanted = { held: "held", ordered: "held", failed: "failed", done: "completed" }[kind];
    await batchWhen(system.url, client, id, ({ status }) => status === wanted);
    return id;
  }
  let made = 0;
  async function client(more: object = {}): Promise<string> {
    const body = { clientIdentifier: `of-routes-${++made}`, name: "A", ...more };
    return (await asked("POST", "/clients", body)).body.id;
  }
  async function disabled(): Promise<string> {
    const id = await client();
    await asked("PATCH", `/clients/${id}`, { status: "disabled" });
    return id;
  }
  async function dataset(): Promise<string> {
    const name = `of-routes-${++made}`;
    await asked("PUT", `/datasets/${name}`, { description: "A" });
    return name;
  }
  async function granted(): Promise<string> {
    const [id, name] = [await client(), await dataset()];
    await asked("PUT", `/clients/${id}/datasets/${name}`, {});
    return `${id}/datasets/${name}`;
  }
  async function operator(): Promise<string> {
    const name = `of-routes-${++made}`;
    await asked("POST", "/operators", { name, role: "viewer" });
    return name;
  }
  async function delivery(): Promise<string> {
    const path = `/deliveries?batch=${await batch("done")}`;
    const [one] = await until(async () => {
      const { items } = (await asked("GET", path)).body;
      return items.length > 0 && items;
    });
    return one.id;
  }
  const webhook = () => client({ policy: policyOf.done });

  /** The path and the body of a request that succeeds. */
  const requests: Record<keyof typeof auditedAs, null | (() => Promise<[path: string, body?: object]>)> = {
    "POST /clients": async () => ["/clients", { clientIdentifier: `of-routes-${++made}`, name: "A" }],
    "PATCH /clients/:id": async () => [`/clients/${await client()}`, { name: "B" }],
    "DELETE /clients/:id": async () => [`/clients/${await disabled()}`],
    "POST /clients/:id/rotate-secret": async () => [`/clients/${await client()}/rotate-secret`, {}],
    "POST /clients/:id/rotate-webhook-secret": async () => [`/clients/${await webhook()}/rotate-webhook-secret`, {}],
    "PUT /clients/:id/policy": async () => [`/clients/${await client()}/policy`, { weight: 2 }],
    "PATCH /clients/:id/policy": async () => [`/clients/${await client()}/policy`, { weight: 2 }],
    "PUT /clients/:id/datasets/:name": async () => [`/clients/${await client()}/datasets/${await dataset()}`, {}],
    "DELETE /clients/:id/datasets/:name": async () => [`/clients/${await granted()}`],
    "POST /datasets/check": null,
    "POST /datasets/:name/try": null,
    "PUT /datasets/:name": async () => [`/datasets/of-routes-${++made}`, { description: "A" }],
    "PATCH /datasets/:name": async () => [`/datasets/${await dataset()}`, { description: "B" }],
    "DELETE /datasets/:name": async () => [`/datasets/${await dataset()}`],
    "POST /batches/:id/approve": async () => [`/batches/${await batch("held")}/approve`],
    "POST /batches/:id/reject": async () => [`/batches/${await batch("held")}/reject`, { reason: "Of last year.\0" }],
    "POST /batches/:id/redrive": async () => [`/batches/${await batch("failed")}/redrive`],
    "POST /batches/:id/skip": async () => [`/batches/${await batch("ordered")}/skip`],
    "POST /batches/:id/cancel": async () => [`/batches/${await batch("held")}/cancel`],
    "POST /batches/:id/undo": async () => [`/batches/${await batch("done")}/undo`, { reason: "The wrong file." }],
    "POST /deliveries/:id/replay": async () => [`/deliveries/${await delivery()}/replay`],
    "POST /erasures": async () => ["/erasures", { dataset: await dataset(), where: { email: "a@b.example" } }],
    "POST /operators": async () => ["/operators", { name: `of-routes-${++made}`, role: "viewer" }],
    "PATCH /operators/:name": async () => [`/operators/${await operator()}`, { role: "admin" }],
    "POST /operators/:name/rotate": async () => [`/operators/${await operator()}/rotate`],
    "DELETE /operators/:name": async () => [`/operators/${await operator()}`],
  };
  const changes: Record<string, object> = {
    "batch.approve": { "/status": ["held", "ready"] },
    "batch.cancel": { "/status": ["held", "cancelled"] },
    "batch.redrive": { "/status": ["failed", "ready"] },
    "batch.reject": { "/status": ["held", "rejected"] },
    "batch.skip": { "/skipped": [false, true] },
    "batch.undo": { "/status": ["completed", "undoing"] },
    "operator.change": { "/role": ["viewer", "admin"] },
    "operator.delete": { "/role": ["viewer", null] },
  };
  const reasons: Record<string, RegExp> = { "batch.reject": /^Of last year\./, "batch.undo": /^The wrong file\.$/ };

  test("is one of those that are known here", () => {
    const changing = Object.keys(operatorRoutes).filter((route) => !route.startsWith("GET "));
    expect(Object.keys(auditedAs).sort()).toEqual(changing.sort());
  });

  const table = Object.entries(requests).flatMap(([route, request]) => (request ? [{ route, request }] : []));
  test.each(table)("$route", async ({ route, request }) => {
    const [path, body] = await request();
    const [method = ""] = route.split(" ");
    const entry = await changed(method, path, body);
    expect([entry.action, entry.status, entry.who]).toEqual([
      auditedAs[route as keyof typeof auditedAs],
      "done",
      "admin",
    ]);
    const [group, id] = path.slice(1).split("/");
    if (id && group !== "clients") expect(entry.subject.id).toBe(id);
    if (id && group === "clients") expect(entry.subject).toMatchObject({ type: "client", id });
    if (changes[entry.action]) expect(entry.change).toEqual(changes[entry.action]);
    if (reasons[entry.action]) expect(entry.reason).toMatch(reasons[entry.action] as RegExp);
    else expect(entry.reason).toBeNull();
    expect(JSON.stringify(entry)).not.toContain("a@b.example");
  });
});

describe("one transaction", () => {
  /** From now on no entry can be written. */
  const broken = async (run: () => Promise<void>) => {
    const { sequelize } = databaseOf();
    await sequelize.query("ALTER TABLE audit RENAME TO audit_away");
    await run().finally(() => sequelize.query("ALTER TABLE audit_away RENAME TO audit"));
  };

  test("a change whose entry cannot be written is not made", async () => {
    const held = await newClient(system.url, { requiresApproval: true });
    const { id } = await accepted(system.url, held, '{"a":1}\n');
    await asked("PUT", "/datasets/stays", { description: "A" });
    await asked("POST", "/operators", { name: "stays", role: "viewer" });
    const shown = async () => {
      const paths = [`/clients/${held.id}`, `/clients/${held.id}/policy`, "/datasets/stays", "/operators/stays"];
      const all = await Promise.all([...paths, `/batches/${id}`, "/erasures"].map((path) => asked("GET", path)));
      return all.map(({ status, body }) => [status, body]);
    };
    const before = await shown();
    await broken(async () => {
      for (const [method, path, body] of [
        ["PATCH", `/clients/${held.id}`, { name: "Another" }],
        ["PATCH", `/clients/${held.id}/policy`, { weight: 3 }],
        ["PATCH", "/datasets/stays", { description: "B" }],
        ["PUT", `/clients/${held.id}/datasets/stays`, {}],
        ["PATCH", "/operators/stays", { role: "admin" }],
        ["POST", "/erasures", { dataset: "stays", where: { email: "a@b.example" } }],
        ["POST", `/batches/${id}/reject`, {}],
      ] as const) {
        const { status } = await asked(method, path, body);
        expect([path, status >= 500]).toEqual([path, true]);
      }
    });
    expect(await shown()).toEqual(before);
    expect((await asked("GET", `/clients/${held.id}/datasets/stays`)).status).toBe(404);
    expect((await changed("POST", `/batches/${id}/reject`)).change).toEqual({ "/status": ["held", "rejected"] });
  });
});

// The child's file is SQLite's.
(process.env.TEST_DATABASE ? test.skip : test)(
  "a node that is killed between a change and its entry leaves neither",
  async () => {
    const child = join(root, "test/e2e/audit.child.ts");
    const killed = await promisify(execFile)(process.execPath, [child]).catch((error: unknown) => error);
    const { signal, stdout: folder } = killed as { signal: string; stdout: string };
    expect(signal).toBe("SIGKILL");
    const db = await openDatabase({ url: `sqlite:${join(folder, "test.db")}` });
    const rows = async (table: string) => (await db.sequelize.query(`SELECT * FROM ${table}`))[0];
    expect([await rows("operator"), await rows("audit")]).toEqual([[], []]);
    await db.close();
    rmSync(folder, { recursive: true });
  },
);

describe("refusals and logins", () => {
  test("what a role does not allow is an entry, for each route", async () => {
    const token = await operatorWith("viewer");
    for (const [route, action] of Object.entries(auditedAs)) {
      const [method = "", path = ""] = route.split(" ");
      const answer = await asked(method, path.replace(":id", unknown).replace(":name", "nothing"), {}, token);
      const found = (await ofRequest(answer)).map((entry) => [entry.action, entry.status, entry.role, entry.change]);
      expect([route, found]).toEqual([route, action === null ? [] : [[action, "forbidden", "viewer", null]]]);
    }
    const [refused] = await audit({ subject: unknown, action: "batch.undo" });
    expect(refused?.subject).toEqual({ type: "batch", id: unknown, name: null });
  });

  test("a session has an entry where it begins", async () => {
    const login = (body: object) =>
      fetch(`${system.url}/session`, {
        method: "POST",
        headers: { "content-type": "application/json", origin: system.url },
        body: JSON.stringify(body),
      });
    const client = await newClient(system.url);
    expect((await login({ token: ADMIN_TOKEN })).status).toBe(200);
    expect((await login({ clientIdentifier: client.identifier, secret: client.secret })).status).toBe(200);
    const entries = await audit({ action: "session.begin" });
    expect(entries.map(({ who, role }) => [who, role])).toEqual([
      [client.identifier, "partner"],
      ["admin", "admin"],
    ]);
  });
});

describe("failed logins", () => {
  const wrong = async (url: string) => {
    const basic = `Basic ${Buffer.from("nobody:my-other-password").toString("base64")}`;
    const session = { method: "POST", headers: { "content-type": "application/json", origin: url } };
    for (const answer of [
      await fetch(`${url}/imports`, { headers: { authorization: basic } }),
      await fetch(`${url}/admin/stats`, { headers: { authorization: "Bearer my-other-password" } }),
      await fetch(`${url}/session`, { ...session, body: JSON.stringify({ token: "my-other-password" }) }),
    ])
      expect(answer.status).toBe(401);
  };
  type Count = Record<"count", number>;
  const sum = (changes: unknown[]) => changes.reduce<number>((all, change) => all + (change as Count).count, 0);

  test("are counted by address, without what was sent", async () => {
    await wrong(system.url);
    const entries = await until(async () => {
      const found = await audit({ action: "login.failed" });
      return sum(found.map(({ change }) => change)) === 3 && found;
    });
    for (const { id, at, change, ...entry } of entries)
      expect(entry).toEqual({
        who: null,
        role: null,
        address: "127.0.0.1",
        requestId: null,
        action: "login.failed",
        subject: { type: null, id: null, name: null },
        reason: null,
        status: "unauthenticated",
      });
    const [rows] = await databaseOf().sequelize.query("SELECT * FROM audit");
    expect(JSON.stringify(rows)).not.toContain("my-other-password");
  });

  test("that are not written yet are written when the node stops", async () => {
    const written: AuditDraft[] = [];
    const watch: Middleware = {
      name: "Watch",
      localAction: (next, { name }) =>
        async function watched(ctx) {
          const answer = await next.call(this, ctx);
          if (name === "audit.record") written.push(...(ctx.params as { entries: AuditDraft[] }).entries);
          return answer;
        },
    };
    const another = await startSystem({ env: { LOG_LEVEL: "fatal" }, watch });
    await wrong(another.url);
    expect(written).toEqual([]);
    await another.stop();
    expect(written).toMatchObject([{ action: "login.failed", address: "127.0.0.1", change: '{"count":3}' }]);
  });
});

describe("GET /admin/audit", () => {
  test("goes on page by page, and takes each filter", async () => {
    const client = await newClient(system.url);
    for (const name of ["A", "B", "C"]) await asked("PATCH", `/clients/${client.id}`, { name });
    const seen: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const query = new URLSearchParams({ subject: client.id, limit: "2", ...(cursor && { cursor }) });
      const { body } = await asked("GET", `/audit?${query}`);
      seen.push(...body.items.map(({ change, action }: Entry) => (change?.["/name"] as string[])?.[1] ?? action));
      cursor = body.next;
    }
    expect(seen).toEqual(["C", "B", "A", "policy.change", client.identifier]);
    const [newest, second] = await audit({ subject: client.identifier, action: "client.change", who: "admin" });
    expect(await audit({ subject: client.id, from: newest?.at as string })).toEqual(expect.arrayContaining([newest]));
    expect(await audit({ subject: client.id, from: "2099-01-01T00:00:00Z" })).toEqual([]);
    expect(await audit({ subject: client.id, to: "2020-01-01T00:00:00Z" })).toEqual([]);
    expect(await audit({ subject: client.id, who: "nobody" })).toEqual([]);
    expect(second?.change).toEqual({ "/name": ["A", "B"] });
  });

  test("is NDJSON or CSV where Accept says so, whole and safe for a spreadsheet", async () => {
    const client = await newClient(system.url);
    for (let i = 0; i < 120; i++) await asked("PATCH", `/clients/${client.id}`, { name: `=cmd|${i}` });
    const path = `${system.url}/admin/audit?subject=${client.id}`;
    const get = (accept: string, more = "") =>
      fetch(path + more, { headers: { authorization: `Bearer ${ADMIN_TOKEN}`, accept } });
    const ndjson = await get("application/x-ndjson");
    expect([ndjson.status, ndjson.headers.get("content-type")]).toEqual([200, "application/x-ndjson"]);
    const lines = (await ndjson.text()).trim().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toEqual(await audit({ subject: client.id }));
    const csv = await get("text/csv");
    expect(csv.headers.get("content-disposition")).toBe('attachment; filename="audit.csv"');
    const rows = (await csv.text()).trim().split("\r\n");
    expect(rows).toHaveLength(lines.length + 1);
    expect(rows[0]).toMatch(/^id,at,who,role,address,requestId,action,subjectType,/);
    expect((await get("text/csv", "&limit=3")).status).toBe(422);
    expect(lines).toHaveLength(122);
  });

  test.each([
    ["who=", "/who"],
    ["subject=a%00b", "/subject"],
    [`who=${"a".repeat(256)}`, "/who"],
    ["to=2026-01-01", "/to"],
    ["limit=201", "/limit"],
    ["who=a&who=b", "/who"],
  ])("refuses ?%s", async (query, pointer) => {
    const { status, body } = await asked("GET", `/audit?${query}`);
    expect([status, body.code, body.errors[0].pointer]).toEqual([422, "validation", pointer]);
  });
});
