/** The promise: each change by an operator is in the audit, in the transaction of the change, and no secret is. */
import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { openDatabase } from "../../database/database.ts";
import { root } from "../../root.cjs";
import { accepted, newClient, type TestClient } from "../helpers/http.ts";
import { describeOnce, testOnce } from "../helpers/once.ts";
import { ADMIN_TOKEN } from "../helpers/system.ts";
import {
  asked,
  audit,
  changed,
  databaseOf,
  type Entry,
  ofRequest,
  startAudited,
  system,
  unknown,
} from "./audit.kit.ts";
import { loginsHaveEntries } from "./audit.logins.suite.ts";
import { readsChangeNothing } from "./audit.reads.suite.ts";
import { routesHaveEntries } from "./audit.routes.suite.ts";

startAudited();

// This suite calls every GET and compares all rows before and after. It runs first, while no work of other suites is running.
describeOnce("reads", readsChangeNothing);

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
    expect((await asked("GET", "/operators")).text).toContain("secretive");
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

routesHaveEntries();

describe("one transaction", () => {
  /** Makes all writes of audit entries fail. */
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

// The child process uses a SQLite file.
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

loginsHaveEntries();

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

  testOnce("is NDJSON or CSV where Accept says so, whole and safe for a spreadsheet", async () => {
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

  testOnce.each([
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
