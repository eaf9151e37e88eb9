/** The operators' commands of DataFlow, on a running system and through a pipe. */
import { spawn } from "node:child_process";
import { delimiter, join } from "node:path";
import { rendered } from "../../repl/answer.ts";
import { commands, outputOf, replCommands } from "../../repl/commands.ts";
import { root } from "../../root.cjs";
import { actors } from "../../services/actors.ts";
import { accepted, admin, batchWhen, get, newClient, post, type TestClient } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import { temporaryFolder } from "../helpers/process.ts";
import { type System, startSystem } from "../helpers/system.ts";

let system: System;
let client: TestClient;

/** Runs a command with its operands and options, as the REPL would after it has parsed `batch ID --state x`. */
async function typed(name: string, operands: Record<string, unknown> = {}, options: Record<string, unknown> = {}) {
  const command = commands.find((one) => one.command.split(" ")[0] === name);
  if (!command) throw new Error(`No such command: ${name}`);
  return outputOf(command, system.broker, { ...operands, options });
}

const statusIs = (wanted: string) => (batch: { status: string }) => batch.status === wanted;

describe("on a running system", () => {
  beforeAll(async () => {
    const env = { ALERT_WEBHOOK: "http://127.0.0.1:9/chat", WEBHOOK_ALLOWED_HOSTS: "127.0.0.1" };
    system = await startSystem({ env });
    client = await newClient(system.url, { schema: { type: "object", required: ["a"] }, maxErrors: 1 });
  });
  afterAll(() => system.stop());

  test("an empty system says so", async () => {
    expect(await typed("batches")).toBe("There is no such batch.");
    expect(await typed("queues")).toMatch(/^queue +depth +oldest\nready +0 +-\nprocessing +0 +-\n/);
  });

  test("batches and batch show batches, by state and client", async () => {
    const { id } = await accepted(system.url, client, '{"a":1}\n{"b":2}\n');
    await batchWhen(system.url, client, id);
    const row = new RegExp(`${id} +${client.identifier} +completed_with_errors +default +ndjson +2 +1 +1 +0 +1 `);
    expect(await typed("batches")).toMatch(row);
    expect(await typed("batches", {}, { client: client.identifier, state: "completed_with_errors" })).toMatch(row);
    expect(await typed("batches", {}, { client: client.id, limit: 1 })).toMatch(row);
    expect(await typed("batches", {}, { state: "held" })).toBe("There is no such batch.");
    const details = await typed("batch", { id });
    expect(details).toMatch(/chunk +-\nfence +1\n/);
    expect(details).toContain("record 2 (line 2): a required");
  });

  test("datasets are listed, and those of a client; batches by dataset", async () => {
    expect(await typed("datasets")).toBe("There is no dataset yet.");
    expect(await typed("datasets", { client: client.identifier })).toBe(
      "This client has no dataset but its own policy.",
    );
    const put = { method: "PUT", body: '{"description":"Orders"}' };
    expect((await admin(system.url, "/datasets/orders", put)).status).toBe(201);
    const override = { method: "PUT", body: '{"maxErrors":3}' };
    expect((await admin(system.url, `/clients/${client.id}/datasets/orders`, override)).status).toBe(201);
    expect(await typed("datasets")).toMatch(/^name +description +version +clients +changed\norders +Orders +v1 +1 +\d/);
    expect(await typed("datasets", { client: client.id })).toMatch(/^name +override\norders +\{"maxErrors":3\}$/);
    expect(await typed("tables")).toBe("No dataset goes into a table.");
    expect(await typed("datasets", { client: "nobody" })).toBe('not-found: There is no client "nobody".');
    expect(await typed("batches", {}, { dataset: "orders" })).toBe("There is no such batch.");
    expect(await typed("batches", {}, { dataset: "default" })).toContain(" default ");
  });

  test("an error is shown in one line", async () => {
    expect(await typed("batch", { id: "x" })).toBe("not-found: There is no such batch.");
    expect(await typed("batches", {}, { client: "nobody" })).toBe('not-found: There is no client "nobody".');
    expect(await typed("batches", {}, { state: "sleeping" })).toContain("validation: No such state: sleeping.");
    for (const limit of ["many", 0, 201, 1.5])
      expect(await typed("batches", {}, { limit })).toBe(`validation: --limit takes 1 to 200, not ${limit}.`);
    expect(await typed("pause", { node: "elsewhere" })).toContain('"elsewhere" is no worker. Workers:');
  });

  test("redrive and cancel move a batch", async () => {
    const { id } = await accepted(system.url, client, '{"b":1}\n{"b":2}\n');
    await batchWhen(system.url, client, id, statusIs("failed"));
    expect(await typed("redrive", { id })).toMatch(new RegExp(`${id} .* ready `));
    const entry = new RegExp(`repl +- +batch.redrive +${id} +done +\\{"/status":\\["failed","ready"\\]\\} +-`);
    expect(await typed("audit", { who: "repl" })).toMatch(entry);
    expect(await typed("audit", { who: "nobody" })).toBe("There is no entry yet.");
    await batchWhen(system.url, client, id, ({ status, attempts }) => status !== "ready" && attempts > 1);
    expect(await typed("cancel", { id: "x" })).toBe("not-found: There is no such batch.");
  });

  test("retry sends rejected records again, once", async () => {
    const { id } = await accepted(system.url, client, '{"a":9}\n{"b":9}\n');
    await batchWhen(system.url, client, id, statusIs("completed_with_errors"));
    expect(await typed("retry", { id: "x" })).toBe("not-found: There is no such batch.");
    const shown = await typed("retry", { id });
    const [child = ""] = /[0-9a-f]{8}-[0-9a-f-]{27}/.exec(shown) ?? [];
    expect([child === id, shown]).toEqual([false, expect.stringContaining(client.identifier)]);
    const again = await typed("retry", { id });
    expect(again).toContain(child);
    expect(again).toContain("They were sent again before.");
    await batchWhen(system.url, client, child);
    const entry = new RegExp(`repl +- +batch.retry +${id} +done +\\{"/retriedAs":\\[null,"${child}"\\]\\} +-`);
    expect(await typed("audit", { who: "repl" })).toMatch(entry);
  });

  test("a paused worker claims nothing until it is resumed", async () => {
    const node = system.broker.nodeID;
    expect(await typed("pause")).toMatch(new RegExp(`${node} +true +4 +`));
    const { id } = (await (await post(system.url, client, '{"a":5}\n')).json()) as { id: string };
    const { loop } = system.broker.getLocalService("batchProcessor") as unknown as { loop: { wake(): Promise<void> } };
    await loop.wake();
    expect((await batchWhen(system.url, client, id, () => true)).status).toBe("ready");
    // The figures are a moment old.
    const queues = await until(async () => {
      const shown = await typed("queues");
      return /ready +1 +\d+ (ms|s)/.test(shown) && shown;
    });
    expect(queues).toContain(`${node} is paused`);
    expect(await typed("resume", { node })).toMatch(new RegExp(`${node} +false +4 `));
    await batchWhen(system.url, client, id, statusIs("completed"));
  });

  test("caches, locks, limits and clients show their figures", async () => {
    expect(await typed("caches")).toMatch(/clientCache +\d+ +\d+ +\d+\.\d %/);
    expect(await typed("caches", {}, { flush: true })).toBe("All nodes are told to forget what they know.");
    const figures = () =>
      system.broker.getLocalService("policy") as unknown as { cacheFigures(): { local: { size: number } } };
    expect(figures().cacheFigures().local.size).toBe(0);
    expect(await typed("clients")).toMatch(new RegExp(`${client.id} +${client.identifier} .* active +v1 +-`));
    const paused = { what: "pause", client: client.identifier };
    expect(await typed("clients", paused, { reason: "A test." })).toMatch(/active +v1 +- +\d+ m?s +\d/);
    expect(await typed("clients", { what: "resume", client: client.id })).toMatch(/active +v1 +- +- +\d/);
    expect(await typed("clients", { what: "stop" })).toBe('validation: clients takes pause or resume, not "stop".');
    const keysOf = (action = {}, options = {}) => typed("keys", { client: client.identifier, ...action }, options);
    const narrow = { scopes: "read", from: "192.0.2.0/24, ::1", expires: "2099-01-01T00:00:00Z" };
    const made = await keysOf({ action: "create", key: "nightly" }, narrow);
    expect(made).toMatch(
      /nightly +read +192.0.2.0\/24, ::1\/128 +2099-01-01T00:00:00.000Z +never .*\n.*only now: [\w-]{43}$/,
    );
    expect(await keysOf()).toMatch(/\ndefault +default +import, read +anywhere +never .*\n\S+ +nightly +read /);
    expect(await keysOf({ action: "create", key: "x" }, { from: "here" })).toContain("--from: expected an address");
    expect(await keysOf({ action: "create", key: "a/b" })).toContain("The name of a key has 1 to 64");
    expect(await keysOf({ action: "remove", key: "x" })).toBe('validation: keys takes create or delete, not "remove".');
    expect(await keysOf({ action: "delete", key: "nightly" })).toBe("The key nightly is deleted.");
    expect(await keysOf({ action: "delete", key: "nightly" })).toBe("not-found: The client has no such key.");
    expect(await typed("operators")).toBe("There is no operator but that of ADMIN_TOKEN.");
    await actors.operator.create(system.broker, { name: "alice", role: "viewer", expiresAt: 1_900_000_000_000 });
    expect(await typed("operators")).toMatch(/alice +viewer +2030-03-17T17:46:40.000Z/);
    expect(await typed("caches", { what: "flush" })).toBe("All nodes are told to forget what they know.");
    expect(await typed("caches", { what: "all" })).toBe('validation: caches takes flush, not "all".');
    expect(await typed("alerts", { what: "all" })).toBe('validation: alerts takes test, not "all".');
    expect(await typed("alerts", { what: "test" })).toMatch(
      /^host +status +error +ms\n127\.0\.0\.1:9 +- +connect ECONN/,
    );
    expect(await typed("locks")).toMatch(/node +provider +acquired +busy +unavailable +lost +fallbacks\n\S+ +sql /);
  });

  test("control characters in names, faults and reasons are shown as visible characters", async () => {
    const evil = "x\x1b[2J\u202e";
    const shown = "x\\u001b[2J\\u202e";
    const schema = { properties: { [evil]: { type: "integer" } } };
    const other = await newClient(system.url, { schema, requiresApproval: true });
    // The API refuses such names now, but an earlier version may have stored one.
    await system.broker.call("clientCache.update", { publicId: other.id, name: evil });
    expect(await typed("clients")).toContain(shown);
    const { id } = await accepted(system.url, other, JSON.stringify({ [evil]: "no number" }));
    await admin(system.url, `/batches/${id}/reject`, { method: "POST", body: JSON.stringify({ reason: evil }) });
    const { id: approved } = await accepted(system.url, other, JSON.stringify({ [evil]: "no number" }));
    await admin(system.url, `/batches/${approved}/approve`, { method: "POST" });
    await batchWhen(system.url, other, approved);
    const outputs = [await typed("batch", { id }), await typed("batch", { id: approved })];
    for (const output of [...outputs, await typed("limits", { client: evil })]) {
      expect(output).toContain(shown);
      expect(output).not.toMatch(/\u202e|(?!\n)\p{Cc}/u);
    }
  });

  test("limits shows a client's counter and spends nothing", async () => {
    const slow = await newClient(system.url, { rate: { requests: 7, windowSeconds: 3_600 } });
    await get(system.url, slow, "/imports");
    const row = /^node +counted in +limit +used +remaining +reset in\n\S+ +process +7 in 3600 s +1 +6 +3[56]\d\d s/;
    for (const client of [slow.identifier, slow.id, slow.id]) expect(await typed("limits", { client })).toMatch(row);
    expect(await typed("usage", { client: slow.id })).toMatch(
      /^requests +bytes today .*\n1 of 7 in 3600 s +0, no limit +0, no limit +0 of 16 a node +0 of \d+ +0 +0/,
    );
    expect(await typed("handlers")).toMatch(/^No node has a handler/);
    expect(await typed("limits", { client: "nobody" })).toBe('not-found: There is no client "nobody".');
  });
});

test("texts from outside cannot control the terminal, nor look like our own lines", () => {
  const answer = { rows: [{ name: "a\x1b[2J\nb" }], notes: ["one\u202e", "two\nthree"] };
  expect(rendered(answer)).toBe("name\na\\u001b[2J\\u000ab\none\\u202e\ntwo\\u000athree");
});

test("every command has help, and none replaces a command of Moleculer", () => {
  const theirs = ["actions", "bench", "broadcast", "cache", "call", "clear", "cls", "destroy", "dcall", "emit"];
  const more = ["env", "events", "exit", "help", "info", "listener", "load", "metrics", "nodes", "quit", "services"];
  const names = replCommands(() => {}).custom.map(({ command, description }) => {
    expect(description).toMatch(/^[A-Z]/);
    return command.split(" ")[0];
  });
  expect(names.filter((name) => [...theirs, ...more].includes(name ?? ""))).toEqual([]);
  expect(names).toEqual(
    expect.arrayContaining([
      "batches",
      "batch",
      "queues",
      "caches",
      "clients",
      "erasures",
      "redrive",
      "cancel",
      "pause",
      "resume",
      "limits",
      "locks",
    ]),
  );
});

test("through a pipe the console starts the whole system, answers each line, and stops", async () => {
  const { folder, databaseUrl, remove } = temporaryFolder();
  const PATH = [join(root, "node_modules/.bin"), process.env.PATH].join(delimiter);
  const { NODE_COMPILE_CACHE = "" } = process.env;
  const own = { HOME: folder, DATABASE_URL: databaseUrl, PORT: "0", ADMIN_TOKEN: "x".repeat(24) };
  const env = { PATH, NODE_COMPILE_CACHE, ...own };
  const child = spawn("node", ["repl/repl.ts"], { cwd: root, env });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (output += data));
  child.stdin.end("batches\nhelp queues\nqueues\ncall nothing.\u202eof\u009b2J\nexit\n");
  const code = await new Promise((resolve) => child.once("close", resolve));
  remove();
  expect({ code, output }).toEqual({ code: 0, output: expect.stringContaining("There is no such batch.") });
  expect(output).toContain("How much waits, how long, and who works");
  expect(output).toMatch(/outbox +0/);
  // Moleculer's own commands print the text as it is.
  expect(output).toContain("nothing.\\u202eof\\u009b2J");
  expect(output).not.toMatch(/[\u202e\u009b]/);
});
