/** `npm run push -- FILE`, as partners run it: a process of its own against a running system. */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { call } from "../../services/messages.ts";
import { admin, type Batch, get, lines } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import { startProxy, type TcpProxy } from "../helpers/proxy.ts";
import { filesAreChecked } from "./push.check.suite.ts";
import { becomeClient, client, file, folder, onlyBatch, push, rows, schema, startPush, system } from "./push.kit.ts";

startPush();

test("a file is sent, its batch followed, its result printed: exit 0", async () => {
  file("orders.ndjson", rows(12_000));
  const { status, stdout, stderr } = await push(["orders.ndjson"]);
  expect([status, stdout]).toEqual([0, expect.stringMatching(/^completed in \d+\.\d+ s[\s\S]*accepted +12,000\n/)]);
  expect(stderr).toMatch(/sent +\d+ kB\n[\s\S]*processed 12,000 records\n/);
  expect(await onlyBatch()).toMatchObject({ format: "ndjson", counts: { accepted: 12_000 } });
});

test("rejected records: exit 2, shown, and written to a file", async () => {
  file("some.csv", "n;note\n1;a\nzwei;b\n3;c\n;d\n");
  const { status, stdout } = await push(["some.csv", "--delimiter", ";"]);
  expect([status, stdout]).toEqual([
    2,
    expect.stringMatching(
      /rejected +2\n[\s\S]*Errors:\n +1 × n: .*such as zwei\n +1 × n: is required\n[\s\S]*line 3: n: .*\n +line 5: n: /,
    ),
  ]);

  expect((await push(["some.csv", "--again", "--errors", "faults.csv"])).status).toBe(2);
  expect(readFileSync(join(folder, "faults.csv"), "utf8")).toMatch(
    /^record,line,field,code,message,raw,column,value\r\n2,3,n,type,/,
  );
  expect((await push(["some.csv", "--again", "--errors", "faults.ndjson"])).status).toBe(2);
  const faults = readFileSync(join(folder, "faults.ndjson"), "utf8").trim().split("\n");
  expect(faults.map((line) => JSON.parse(line).record)).toEqual([2, 4]);
});

test("--rejected writes the file to correct, and --corrects sends it back", async () => {
  file("wrong.csv", "n,note\n1,a\nzwei,b\n");
  expect((await push(["wrong.csv", "--rejected", "again.csv"])).status).toBe(2);
  const { id } = await onlyBatch();
  const again = readFileSync(join(folder, "again.csv"), "utf8");
  expect(again).toMatch(/_record,_errors,n,note\r\n2,.*,zwei,b\r\n$/);
  file("again.csv", again.replace(",zwei,", ",2,"));
  const { status, stdout } = await push(["again.csv", "--corrects", id, "--json"]);
  expect([status, JSON.parse(stdout).batch]).toMatchObject([0, { corrects: id, counts: { accepted: 1 } }]);
});

test("rejected records beyond the report are printed as a number", async () => {
  await becomeClient({ schema: { required: ["n"] }, maxStoredErrors: 2 });
  file("many.ndjson", "{}\n".repeat(2_000));
  const { status, stdout } = await push(["many.ndjson"]);
  expect(status).toBe(2);
  expect(stdout).toMatch(
    /Errors:\n {2}2,000 × n: is required\n[\s\S]* {2}line 2: n: is required\n {2}1,998 more, which the report does not list\n$/,
  );
});

test("control characters of a file or a server are shown as visible characters", async () => {
  const evil = "x\x1b[2J\u202e";
  await becomeClient({ schema: { properties: { [evil]: { type: "integer" } } } });
  file("evil.ndjson", JSON.stringify({ [evil]: "no number" }));
  const { status, stdout } = await push(["evil.ndjson"]);
  expect([status, stdout]).toEqual([2, expect.stringContaining("line 1: x\\u001b[2J\\u202e: must be integer")]);
  expect(stdout).not.toMatch(/\u202e|(?!\n)\p{Cc}/u);

  const problem = { code: "validation", detail: evil, errors: [{ pointer: evil, detail: `${evil}\nDone.` }] };
  const liar = createServer((_req, res) => res.writeHead(422).end(JSON.stringify(problem)));
  await new Promise<void>((resolve) => liar.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(liar.address() as AddressInfo).port}`;
  const refused = await push(["evil.ndjson"], { url });
  expect(refused.stderr).toContain("x\\u001b[2J\\u202e: x\\u001b[2J\\u202e\\u000aDone.");
  expect(refused.stderr).not.toMatch(/\u202e|(?!\n)\p{Cc}/u);
  const json = await push(["evil.ndjson", "--json"], { url });
  expect(json.stdout).not.toMatch(/\u202e|(?!\n)\p{Cc}/u);
  expect(JSON.parse(json.stdout)).toEqual({ error: problem });
  await new Promise((resolve) => liar.close(resolve));
});

test("stdin, gzip files and uncompressed sending store the same records", async () => {
  const body = rows(500);
  file("rows.jsonl.gz", gzipSync(body));
  const numbers = Array.from({ length: 500 }, (_, i) => i + 1);
  // If only commas counted, the header of the first file would have three columns.
  file("ROWS.TSV.GZ", gzipSync(`n\ta,b,c\n${numbers.map((n) => `${n}\t,,\n`).join("")}`));
  file("Rows.Txt", `n,a\n${numbers.map((n) => `${n},x\n`).join("")}`);
  file("rows.json", JSON.stringify(Array.from({ length: 500 }, (_, i) => ({ n: i + 1 }))));
  for (const [args, input] of [
    [["-", "--format", "ndjson"], body],
    [["rows.jsonl.gz"], ""],
    [["rows.json", "--no-gzip"], ""],
    [["ROWS.TSV.GZ"], ""],
    [["Rows.Txt"], ""],
  ] as const) {
    await becomeClient({ schema });
    const run = await push([...args], { input });
    expect(run).toMatchObject({ status: 0 });
    const { id } = await onlyBatch();
    const records = await lines<{ data: { n: number } }>(get(system.url, client, `/imports/${id}/records`));
    expect(records.map(({ data }) => data.n)).toEqual(Array.from({ length: 500 }, (_, i) => i + 1));
  }
});

test("--json: one document on stdout and nothing else; --no-wait does not wait", async () => {
  file("one.ndjson", rows(1));
  const whole = await push(["one.ndjson", "--json"]);
  expect([whole.status, whole.stderr]).toEqual([0, ""]);
  expect(JSON.parse(whole.stdout)).toMatchObject({ batch: { status: "completed", counts: { accepted: 1 } } });
  const soon = await push(["one.ndjson", "--again", "--no-wait"]);
  expect([soon.status, soon.stdout]).toEqual([0, expect.stringMatching(/^Taken as batch [0-9a-f-]{36}\.\n$/)]);
});

test("repeating a command imports nothing twice", async () => {
  file("once.ndjson", rows(300));
  file("same-content.ndjson", rows(300));
  expect((await push(["once.ndjson"])).status).toBe(0);
  const { id } = await onlyBatch();
  const again = await push(["same-content.ndjson"]);
  expect(again).toMatchObject({ status: 0, stdout: expect.stringContaining(id) });
  expect(again.stderr).toContain(`The same content was sent before: batch ${id}.`);
  expect((await onlyBatch()).id).toBe(id);
});

test("--dataset sends to that dataset; the same content for another one is another import", async () => {
  for (const name of ["people", "places"]) {
    await admin(system.url, `/datasets/${name}`, { method: "PUT", body: JSON.stringify({ schema }) });
    await admin(system.url, `/clients/${client.id}/datasets/${name}`, { method: "PUT", body: "{}" });
  }
  file("two.ndjson", rows(2));
  for (const args of [["--dataset", "people"], ["--dataset", "places"], [], ["--dataset", "people"]])
    expect(await push(["two.ndjson", ...args])).toMatchObject({ status: 0 });
  const { items } = (await (await get(system.url, client, "/imports")).json()) as { items: Batch[] };
  expect(items.map(({ dataset }) => dataset)).toEqual(["default", "places", "people"]);

  const unknown = await push(["two.ndjson", "--dataset", "no such/one"]);
  expect([unknown.status, unknown.stderr]).toEqual([1, expect.stringMatching(/404 not-found\..*"no such\/one"/)]);
});

test("a batch that fails: exit 1 with its reason", async () => {
  await becomeClient({ schema, onInvalid: "rejectBatch" });
  file("bad.ndjson", '{"n":1}\n{"n":"x"}\n');
  const { status, stdout } = await push(["bad.ndjson"]);
  expect([status, stdout]).toEqual([1, expect.stringMatching(/^failed[\s\S]*invalid-records: [\s\S]*line 2: n: /)]);
});

test.each([
  ["a wrong secret", ["one.ndjson"], { DATAFLOW_SECRET: "wrong" }, /401 unauthenticated/],
  ["a body that is none", ["broken.json"], {}, /400 malformed-body/],
  ["no such file", ["none.csv"], {}, /There is no file .*none\.csv\./],
  ["no client", ["one.ndjson"], { DATAFLOW_CLIENT: "" }, /--client is missing: .* variable DATAFLOW_CLIENT/],
  ["no dataset", ["one.ndjson", "--dataset", ""], {}, /--dataset: expected the name of a dataset, found nothing\./],
  ["an unknown option", ["one.ndjson", "--fast"], {}, /Unknown option '--fast'/],
  ["no format", ["-"], {}, /Which format\?/],
  ["a number that is none", ["one.ndjson", "--timeout", "1"], {}, /--timeout: expected a whole number from 2 to 9999/],
  ["a wrong URL", ["one.ndjson", "--url", "ftp://x"], {}, /--url: expected/],
])("%s: exit 1 and a sentence", async (_name, args, env, message) => {
  file("one.ndjson", rows(1));
  file("broken.json", '[{"n":1');
  const { status, stdout, stderr } = await push(args, { env });
  expect([status, stdout, stderr]).toEqual([1, "", expect.stringMatching(message)]);
  expect(stderr).not.toMatch(/ {4}at /);
});

test("--help lists all options", async () => {
  const { status, stdout } = await push(["--help"]);
  expect([status, stdout]).toEqual([0, expect.stringMatching(/--idempotency-key[\s\S]*Exit code: 0 completed .*, 2 /)]);
});

describe("a connection that fails", () => {
  let proxy: TcpProxy;
  afterEach(() => proxy.close());
  const viaProxy = async (isShut: boolean) => {
    proxy = await startProxy({ host: "127.0.0.1", port: Number(new URL(system.url).port) }, isShut);
    return `http://127.0.0.1:${proxy.port}`;
  };
  const isReceiving = async () => ((await call(system.broker, "batch.stats", {})).states.receiving ?? 0) > 0;

  /** Enough lines that the upload takes a while even when it is compressed, because the test must see it running. */
  const LINES = 8_000;
  const large = () =>
    Array.from({ length: LINES }, (_, i) => `{"n":${i},"text":"${randomBytes(300).toString("hex")}"}\n`).join("");

  test("a server that is away is waited for", async () => {
    file("some.ndjson", rows(100));
    const running = push(["some.ndjson"], { url: await viaProxy(true) });
    await until(() => running.seen().stderr.includes("ECONNREFUSED; again in 1 s"));
    await proxy.open();
    expect((await running).status).toBe(0);
    expect(await onlyBatch()).toMatchObject({ counts: { accepted: 100 } });
  });

  test("cut during the body: it is sent again, and imported once", async () => {
    file("large.ndjson", large());
    const running = push(["large.ndjson"], { url: await viaProxy(false) });
    await until(isReceiving);
    proxy.cut();
    const { status, stderr } = await running;
    expect([status, stderr]).toEqual([0, expect.stringMatching(/(ECONNRESET|EPIPE); again in 1 s/)]);
    expect(await onlyBatch()).toMatchObject({ counts: { accepted: LINES } });
  });

  test("frozen during the body: it counts as lost, is sent again, and imported once", async () => {
    file("frozen.ndjson", large());
    const running = push(["frozen.ndjson", "--timeout", "2"], { url: await viaProxy(false) });
    await until(isReceiving);
    proxy.freeze();
    await until(() => running.seen().stderr.includes("ETIMEDOUT; again in 1 s"));
    proxy.cut();
    proxy.thaw();
    expect((await running).status).toBe(0);
    expect(await onlyBatch()).toMatchObject({ counts: { accepted: LINES } });
  });

  test("after the last try: exit 1 with the reason", async () => {
    file("some.ndjson", rows(1));
    const { status, stdout, stderr } = await push(["some.ndjson", "--retries", "0"], { url: await viaProxy(true) });
    expect([status, stdout, stderr]).toEqual([1, "", expect.stringMatching(/ECONNREFUSED/)]);
  });
});

filesAreChecked();
