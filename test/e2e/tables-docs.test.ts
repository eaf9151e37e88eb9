/**
 * The promise: the example of docs/tables.md, from examples/tables, works as the page shows, with the rights that the page names.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { QueryTypes } from "sequelize";
import { parse } from "yaml";
import { type Database, openDatabase } from "../../database/database.ts";
import { root } from "../../root.cjs";
import { describePostgres, migratedPostgres } from "../helpers/database.ts";
import { batchWhen, get, lines, type TestClient } from "../helpers/http.ts";
import { type System, startSystem } from "../helpers/system.ts";
import { withSecret } from "./admin.kit.ts";
import { applied } from "./apply.kit.ts";
import { blocksOf, pageOf } from "./docs.kit.ts";

const page = pageOf("docs/tables.md");
const [, example = ""] = /\n## An example\n(.*?)\n## /s.exec(page) ?? [];
const [, rights = ""] = /\n## What a DBA grants\n(.*?)(?:\n## |$)/s.exec(page) ?? [];
const path = (name: string) => join(root, "examples/tables", name);
const file = (name: string) => readFileSync(path(name), "utf8");
const shown = (language: string) => blocksOf(example, language).map(([, text]) => text);
const objects = (text = "") =>
  text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as object);

/** The rows of the page's Markdown table, as texts. */
const shownRows = () =>
  [...example.matchAll(/^\| (SO-.*) \|$/gm)].map(([, cells = ""]) => cells.split(" | ").map((cell) => cell.trim()));

test("the page shows the files of examples/tables", () => {
  expect(file("schema.sql")).toContain(shown("sql")[0]);
  expect(parse(shown("yaml")[0] as string)).toEqual(parse(file("sales.yaml")).datasets.sales);
  expect(shown("csv")).toEqual([file("sales.csv")]);
});

describePostgres("orders into sales.orders, by a login with the page's rights", () => {
  const role = `dataflow_sales_${process.pid}`;
  let owner: Database;
  let system: System;
  let shop: TestClient;
  let batch: string;
  const run = (text: string) => owner.sequelize.query(text);

  beforeAll(async () => {
    const { url } = await migratedPostgres();
    owner = await openDatabase({ url });
    await run(file("schema.sql"));
    const [[, granted]] = blocksOf(rights, "sql") as [[string, string]];
    await run(`CREATE ROLE ${role}; GRANT ALL ON ALL TABLES IN SCHEMA public TO ${role};
      GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO ${role}; ${granted.replaceAll(" TO dataflow", ` TO ${role}`)}`);
    const own = new URL(url);
    own.searchParams.set("options", `${own.searchParams.get("options")} -c role=${role}`);
    system = await startSystem({ env: { DATABASE_URL: own.href, TABLES_ALLOWED: "sales.*" } });
  });
  afterAll(async () => {
    await system?.stop();
    await run(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    await owner.close();
  });

  test("the dataset is applied", async () => {
    const { status, out, err } = await applied([path("sales.yaml")], system.url);
    expect({ status, err }).toEqual({ status: 0, err: "" });
    const secret = /secret: (\S+) \(shown/.exec(out)?.[1] ?? "";
    shop = withSecret({ id: "", identifier: "sales-shop", secret, auth: "" }, secret);
  });

  test("the file's orders are rows, and the others have the errors that the page shows", async () => {
    const response = await fetch(`${system.url}/datasets/sales/imports`, {
      method: "POST",
      body: file("sales.csv"),
      headers: { authorization: shop.auth, "content-type": "text/csv" },
    });
    const { id } = (await response.json()) as { id: string };
    batch = id;
    const [counts, errors] = shown("json") as [string, string];
    expect(await batchWhen(system.url, shop, id)).toMatchObject({ counts: JSON.parse(counts) });
    const told = await lines<object>(get(system.url, shop, `/imports/${id}/errors`));
    expect(told).toEqual(objects(errors).map((one) => ({ ...one, raw: expect.any(String) })));
    const text = `SELECT order_no, customer_no, sku, quantity, amount, city, note,
        to_char(changed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') AS changed, batch = '${id}' AS ours
      FROM sales.orders ORDER BY order_no`;
    const rows = await owner.sequelize.query<Record<string, unknown>>(text, { type: QueryTypes.SELECT });
    expect(rows.map(({ ours, ...row }) => [...Object.values(row).map(String), ours ? "this one" : "older"])).toEqual(
      shownRows(),
    );
  });

  test("what the table lacked is added, and the refused records go again", async () => {
    await run("INSERT INTO sales.customers VALUES (9, 'Müller')");
    const response = await fetch(`${system.url}/imports/${batch}/retry?only=rejected`, {
      method: "POST",
      headers: { authorization: shop.auth },
    });
    const { id } = (await response.json()) as { id: string };
    const counts = { received: 5, accepted: 1, rejected: 4, created: 1, updated: 0 };
    expect(await batchWhen(system.url, shop, id)).toMatchObject({ counts });
    const text = `SELECT order_no FROM sales.orders WHERE batch = '${id}'`;
    expect(await owner.sequelize.query(text, { type: QueryTypes.SELECT })).toEqual([{ order_no: "SO-4" }]);
  });
});
