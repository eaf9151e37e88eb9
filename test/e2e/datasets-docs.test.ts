/** The promise: the examples of docs/datasets.md, and the files of examples/datasets, do what the page says. */
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { extname, join } from "node:path";
import { parse } from "yaml";
import { type Format, knownFormats } from "../../formats/formats.ts";
import { root } from "../../root.cjs";
import { batchWhen, get, lines, type TestClient } from "../helpers/http.ts";
import { asked, type Json, startAdmin, system, url, withSecret } from "./admin.kit.ts";
import { applied } from "./apply.kit.ts";
import { granted, made, send } from "./datasets.kit.ts";
import { blocksOf, pageOf } from "./docs.kit.ts";

startAdmin();

const [before = "", after = ""] = pageOf("docs/datasets.md").split("\n## Examples\n");
const folder = join(root, "examples/datasets");
const configuration = globSync("*.yaml", { cwd: folder });
/** The client that examples/datasets/shop.yaml creates. */
let shop: TestClient;

beforeAll(async () => {
  const { status, out, err } = await applied(
    configuration.map((name) => join(folder, name)),
    url,
  );
  expect({ status, err }).toEqual({ status: 0, err: "" });
  const secret = /secret: (\S+) \(shown/.exec(out)?.[1] ?? "";
  shop = withSecret({ id: "", identifier: "a-shop", secret, auth: "" }, secret);
});

interface Example {
  /** The dataset that the page shows. */
  dataset: Json;
  /** The file that the page shows. A workbook is not shown. */
  shown: string | null;
  format: Format;
  stored: Json[];
  /** The name of the dataset, and of its file without the ending, in examples/datasets. */
  name: string | undefined;
}

function exampleOf(section: string): Example {
  const blocks = new Map(blocksOf(section, "yaml|csv|ndjson|json"));
  const [, name, linked = ""] = /\(\.\.\/examples\/datasets\/([\w-]+)\.(?!yaml)(\w+)\)/.exec(section) ?? [];
  const format = blocks.has("csv") ? "csv" : blocks.has("ndjson") ? "ndjson" : linked;
  return {
    dataset: parse(blocks.get("yaml") ?? ""),
    shown: blocks.get(format) ?? null,
    format: format as Format,
    stored: (blocks.get("json") ?? "")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line)),
    name,
  };
}

const examples = after
  .split("\n### ")
  .slice(1)
  .map((section) => [section.split("\n", 1)[0] as string, exampleOf(section)] as const);

test("there are ten of them, and one for each file of examples/datasets", () => {
  expect(examples.length).toBeGreaterThanOrEqual(10);
  const files = globSync("*", { cwd: folder }).filter((name) => extname(name) !== ".yaml");
  const linked = examples.flatMap(([, { name, format }]) => (name === undefined ? [] : [`${name}.${format}`]));
  expect(linked.toSorted()).toEqual(files.toSorted());
});

test.each(examples)("%s", async (_title, { dataset, shown, format, stored, name }) => {
  let file = Buffer.from(shown ?? "");
  if (name !== undefined) {
    expect(dataset).toEqual(parse(readFileSync(join(folder, `${name}.yaml`), "utf8")).datasets[name]);
    file = readFileSync(join(folder, `${name}.${format}`));
    if (shown !== null) expect(file.toString()).toBe(shown);
  }
  const own = name ?? (await made(dataset));
  const client = name === undefined ? await granted(own) : shop;
  const response = await send(client, own, file, { "content-type": knownFormats[format].mediaTypes[0] });
  expect([response.status, await response.clone().json()]).toMatchObject([202, {}]);
  const { id } = (await response.json()) as { id: string };
  await batchWhen(url, client, id);
  const records = await lines<{ data: Json }>(get(url, client, `/imports/${id}/records`));
  expect(records.map(({ data }) => data)).toEqual(stored);
});

test("the file of configuration is applied", async () => {
  const [[, yaml]] = blocksOf(before, "yaml") as [[string, string]];
  const path = join(system.folder, "config.yaml");
  writeFileSync(path, yaml);
  expect(await applied([path], url)).toMatchObject({ status: 0, err: "" });
  expect((await asked("GET", "/datasets/orders")).body).toMatchObject({ description: "Orders of the day" });
});
