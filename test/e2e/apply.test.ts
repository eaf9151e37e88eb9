/**
 * The promise: `npm run apply` makes datasets, clients and grants as the files say, and checks everything before the first
 * change.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { get, type TestClient } from "../helpers/http.ts";
import { ADMIN_TOKEN } from "../helpers/system.ts";
import { asked, type Json, startAdmin, url } from "./admin.kit.ts";
import { applied, appliedByProcess } from "./apply.kit.ts";

startAdmin();

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "dataflow-apply-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function file(content: string, ending = "yaml"): string {
  const path = join(folder, `${++files}.${ending}`);
  writeFileSync(path, content);
  return path;
}

const run = (args: string[], env?: Record<string, string>) => applied(args, url, env);

const document = (maxErrors: number) => `
datasets:
  orders:
    description: Orders of the day
    formats: [csv]
    maxErrors: ${maxErrors}
    window: {from: 22:00, to: 06:00, timeZone: Europe/Lisbon}
  customers: {}
clients:
  a-shop:
    name: A shop
    policy: {weight: 5}
    datasets:
      orders: {override: {maxErrors: 7, description: null}}
      customers:
  b-shop:
`;
const idOf = async (identifier: string) => {
  const { body } = await asked("GET", "/clients?limit=200");
  return (body.items as Json[]).find((one) => one.clientIdentifier === identifier)?.id;
};

test("what is not there is made, once; a change is told field by field", async () => {
  const first = file(document(5));
  const dry = await run([first, "--dry-run"]);
  expect(dry).toMatchObject({ status: 0, err: "" });
  expect(dry.out.split("\n")).toEqual([
    "+ dataset orders",
    "+ dataset customers",
    "+ client a-shop",
    "+ dataset orders of client a-shop",
    "+ dataset customers of client a-shop",
    "+ client b-shop",
    "Nothing was changed (--dry-run).",
    "",
  ]);
  expect(await idOf("a-shop")).toBeUndefined();
  expect((await asked("GET", "/datasets/orders")).status).toBe(404);

  const made = await run([first]);
  expect(made).toMatchObject({ status: 0, err: "" });
  const [, secret = ""] = /client a-shop\n {4}secret: (\S+)/.exec(made.out) ?? [];
  const client = { auth: `Basic ${Buffer.from(`a-shop:${secret}`).toString("base64")}` } as TestClient;
  expect(await (await get(url, client, "/datasets/orders")).json()).toMatchObject({ maxErrors: 7, description: null });
  expect(await (await get(url, client, "/policy")).json()).toMatchObject({ weight: 5 });
  const names = (body: Json) => (body.items as Json[]).map(({ name }) => name);
  expect(names((await asked("GET", `/clients/${await idOf("a-shop")}/datasets`)).body)).toEqual([
    "customers",
    "orders",
  ]);

  const etag = (await asked("GET", "/datasets/orders")).headers.get("etag");
  expect(await run([first])).toEqual({ status: 0, err: "", out: "Nothing to change.\n" });
  expect((await asked("GET", "/datasets/orders")).headers.get("etag")).toBe(etag);

  const changed = file(document(6).replace("weight: 5", "weight: 9").replace("maxErrors: 7", "maxErrors: 8"));
  const told = [
    "~ dataset orders",
    "    maxErrors: 5 → 6",
    "~ policy of client a-shop",
    "    weight: 5 → 9",
    "~ dataset orders of client a-shop",
    "    maxErrors: 7 → 8",
  ];
  const dryChange = await run(["--dry-run", changed]);
  expect(dryChange.out.split("\n").slice(0, -2)).toEqual(told);
  expect((await asked("GET", "/datasets/orders")).body.maxErrors).toBe(5);
  const done = await run([changed]);
  expect(done).toMatchObject({ status: 0, out: `${told.join("\n")}\n` });
  expect((await asked("GET", "/datasets/orders")).body.maxErrors).toBe(6);
  expect((await asked("GET", `/clients/${await idOf("a-shop")}/policy`)).body.weight).toBe(9);
});

test("several files are one document, and JSON is taken as well; nothing is deleted", async () => {
  const one = file('{"datasets": {"stock": {"maxErrors": 1}}}', "json");
  const two = file("clients: {c-shop: {datasets: {stock: {}}}}");
  const { status, out } = await run([one, two, "--url", url, "--token", ADMIN_TOKEN], {});
  expect([status, out]).toEqual([
    0,
    expect.stringMatching(/^\+ dataset stock\n\+ client c-shop\n {4}secret: .*\n\+ dataset stock of client c-shop\n$/),
  ]);
  expect(await run([file("clients: {c-shop: {name: C}}")])).toMatchObject({
    status: 0,
    out: '~ client c-shop\n    name: "c-shop" → "C"\n',
  });
  expect((await asked("GET", `/clients/${await idOf("c-shop")}/datasets/stock`)).status).toBe(200);
});

test("a client that is made with a webhook: both secrets are shown", async () => {
  const { out } = await run([file("clients: {d-shop: {policy: {webhook: {url: https://example.com/hook}}}}")]);
  expect(out).toMatch(
    /^\+ client d-shop\n {4}secret: \S+ \(shown this once\)\n {4}secret of the webhook: whsec_\S+ \(shown this once\)\n$/,
  );
});

const wrong: [name: string, content: string, reasons: string[]][] = [
  ["no YAML", "datasets: {a: [", ["1.yaml"]],
  ["a name twice", "datasets: {a: {}, a: {}}", ["unique"]],
  ["a list", "[1]", ["the document: expected an object"]],
  [
    "unknown members",
    "dataset: {}\nclients: {e-shop: {rate: 1, datasets: {a: {overide: {}}}}}",
    [
      "/dataset: unknown field, expected datasets, clients",
      "/clients/e-shop/rate: unknown field",
      "/clients/e-shop/datasets/a/overide: unknown field",
    ],
  ],
  ["no JSON", "datasets: {a: {maxErrors: .inf}}", ["/datasets/a: expected values that JSON has"]],
  [
    "wrong fields",
    "datasets: {a: {maxErrors: -1, rate: {}}, B: {}, default: {}}\nclients: {e-shop: {policy: {weight: 0, handler: nobody}, datasets: {a: {}}}, E: {}}",
    [
      "/datasets/a/maxErrors: expected an integer",
      "/datasets/a/rate: unknown field",
      "/datasets/B/name: expected 1 to 64",
      "/datasets/default: 409 conflict",
      "/clients/e-shop/policy/weight: expected",
      "/clients/e-shop/policy/handler: expected",
      "/clients/E/clientIdentifier: expected",
    ],
  ],
  [
    "wrong grants",
    "datasets: {a: {}}\nclients: {e-shop: {datasets: {a: {override: {maxErrors: -1, x: null}}, never: {}}}}",
    [
      "/clients/e-shop/datasets/a/override/x: unknown field",
      "/clients/e-shop/datasets/a/override/maxErrors: expected",
      '/clients/e-shop/datasets/never: there is no dataset "never"',
    ],
  ],
];
test.each(wrong)("%s: everything is told, and nothing is changed", async (_name, content, reasons) => {
  const good = file("datasets: {never-made: {}}");
  const { status, err, out } = await run([good, file(content)]);
  expect([status, out]).toEqual([1, ""]);
  for (const reason of reasons.filter((one) => one !== "1.yaml")) expect(err).toContain(reason);
  expect(err).not.toBe("");
  expect((await asked("GET", "/datasets/never-made")).status).toBe(404);
  expect(await idOf("e-shop")).toBeUndefined();
});

test("a change that makes an override of another client invalid is told before the first change", async () => {
  await run([
    file(
      "datasets: {tight: {backoff: {delayMs: 1, maxMs: 900}}}\nclients: {f-shop: {datasets: {tight: {override: {backoff: {delayMs: 800}}}}}}",
    ),
  ]);
  const { status, err } = await run([file("datasets: {before: {}, tight: {backoff: {delayMs: 1, maxMs: 9}}}")]);
  expect([status, err]).toEqual([
    1,
    expect.stringMatching(/^\/datasets\/tight: makes the override of client \S+ invalid: \/backoff\/maxMs/),
  ]);
  expect((await asked("GET", "/datasets/before")).status).toBe(404);
});

test("what cannot be done at all is said, with exit 1", async () => {
  const some = file("datasets: {g: {}}");
  expect(await run([])).toMatchObject({ status: 1, err: "No file is named: name at least one.\n" });
  expect(await run([join(folder, "never.yaml")])).toMatchObject({
    status: 1,
    err: expect.stringContaining("never.yaml"),
  });
  expect(await run([some], { DATAFLOW_URL: url })).toMatchObject({
    status: 1,
    err: expect.stringContaining("ADMIN_TOKEN"),
  });
  expect(await run([some, "--token", "wrong-wrong-wrong-wrong-wrong"])).toMatchObject({
    status: 1,
    err: expect.stringContaining("401 unauthenticated"),
  });
  expect(await run([some, "--url", "http://nowhere.invalid"])).toMatchObject({
    status: 1,
    err: expect.stringContaining("nowhere.invalid"),
  });
  expect(await run([some, "--nothing"])).toMatchObject({ status: 1, err: expect.stringContaining("--nothing") });
  expect(await run(["--help"])).toMatchObject({ status: 0, out: expect.stringContaining("--dry-run") });
});

test("the command is a process: exit 0 with its lines on stdout, exit 1 with the faults on stderr", async () => {
  const some = file("datasets: {h: {}}");
  expect(await appliedByProcess([some], url)).toEqual({ status: 0, err: "", out: "+ dataset h\n" });
  expect(await appliedByProcess([], url)).toEqual({
    status: 1,
    err: "No file is named: name at least one.\n",
    out: "",
  });
});
