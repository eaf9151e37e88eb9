/**
 * The promise: in the console a partner's clerk sees how a file will be read, imports it once, and corrects the rejected rows.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { accepted, admin, type Batch, get, newClient, type TestClient } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { startConsole, type Visit } from "./kit.ts";

const world = startConsole({ env: { PARTNERS_ROTATE: "true" } });

const schema = {
  type: "object",
  required: ["order_id", "quantity", "unit_price"],
  additionalProperties: false,
  properties: {
    order_id: { type: "string", description: "Your number of the order." },
    quantity: { type: "integer", minimum: 1 },
    unit_price: { type: "number", exclusiveMinimum: 0 },
    currency: { enum: ["EUR", "JPY"] },
    email: { type: "string", format: "email" },
  },
};

const put = (path: string, body: unknown) => admin(world.url, path, { method: "PUT", body: JSON.stringify(body) });

let client: TestClient;

beforeAll(async () => {
  if (!world.url) return;
  client = await newClient(world.url, { schema });
  const read = { fields: { unit_price: { titles: ["Price"] } } };
  await put("/datasets/orders", { description: "Orders of the day.", formats: ["csv"], schema, read, dedup: "allow" });
  await put("/datasets/reviewed", { formats: ["csv"], schema, requiresApproval: true });
  for (const name of ["orders", "reviewed"]) await put(`/clients/${client.id}/datasets/${name}`, {});
});

const HEAD = "order_id;quantity;Price;currency;email";
/** Of 20 rows 3 are wrong, two of them in the same way. */
const rows = Array.from({ length: 20 }, (_, i) => {
  const isEuro = i === 4 || i === 9;
  return `SO-${i};${i === 6 ? 0 : 2};12.90;${isEuro ? "EURO" : "EUR"};anna${i}@example.com`;
});
const FILE = [HEAD, ...rows].join("\n");

const button = ({ page }: Visit, name: string | RegExp) => page.getByRole("button", { name, exact: true });
const batches = async () => {
  const response = await get(world.url, client, "/imports?limit=100");
  return ((await response.json()) as { items: Batch[] }).items;
};
const batchIn = async (visit: Visit) => {
  await until(() => visit.page.url().includes("batch="));
  return new URLSearchParams(visit.page.url().split("?")[1]).get("batch") as string;
};
const countsOf = async (id: string) =>
  ((await (await get(world.url, client, `/imports/${id}`)).json()) as Batch).counts as Record<string, number>;

test("a file is shown as it will be read, checked and imported once; its rejected rows are corrected in the grid", async () => {
  const visit = await world.visit({ role: "partner", client, path: "#/import?dataset=orders" });
  const { page } = visit;
  await visit.shoot("partner-import");
  await visit.drop("wrong.csv", "order_id,quantty,unit_price\nSO-1,1,1\n");
  await page.getByText("Rename quantty to quantity").waitFor();
  expect(await button(visit, "Import").isDisabled()).toBe(true);
  await visit.clean();
  await visit.drop("orders.csv.gz", "no gzip");
  await page.getByText("The gzip stream is broken or cut off.").waitFor();
  const saved = join(mkdtempSync(join(tmpdir(), "dataflow-console-")), "saved.csv");
  writeFileSync(saved, FILE);
  await page.locator("input[type=file]").setInputFiles(saved);
  await page.getByText("3 of 20 rows would be rejected.").waitFor();
  rmSync(dirname(saved), { recursive: true });
  await button(visit, "Import").click();
  await page.getByText("The file was changed, moved or deleted since you chose it. Choose it again.").waitFor();

  await visit.drop("orders.csv", FILE);
  await page.getByText("3 of 20 rows would be rejected.").waitFor();
  expect(await visit.text(".mapped")).toMatch(/Price\s+unit_price/);
  expect(await visit.text(".reading")).toContain("semicolon");
  expect(await page.getByRole("table", { name: "First rows" }).innerText()).toContain("EURO");
  await visit.shoot("partner-preview");
  await visit.clean("main");

  await button(visit, "Check first").click();
  const id = await batchIn(visit);
  await page.getByText("Checked: 17 rows can be imported, 3 would be rejected.").waitFor();
  expect(await countsOf(id)).toMatchObject({ received: 20, accepted: 17, rejected: 3 });
  await button(visit, "Import the good rows").click();
  await page.getByRole("dialog").getByRole("button", { name: "Import", exact: true }).click();
  await page.getByText("17 rows are imported, 3 are rejected.").waitFor();
  await visit.shoot("partner-result");
  await visit.clean("main");

  await page.getByRole("link", { name: "Mend them here" }).click();
  await page.getByLabel("quantity, line 8").waitFor();
  expect(await page.locator("[aria-invalid]").count()).toBe(3);
  await visit.clean("main");
  await page.getByLabel("quantity, line 8").fill("many");
  await page.getByText("1 cell still wrong").waitFor();
  const asked = page.waitForEvent("dialog");
  await page.evaluate("setTimeout(() => location.reload())");
  await (await asked).dismiss();
  await page.keyboard.press("Escape");
  expect(await page.getByLabel("quantity, line 8").inputValue()).toBe("0");
  await page.keyboard.press("ArrowUp");
  expect(await page.evaluate("document.activeElement.getAttribute('aria-label')")).toBe("quantity, line 6");
  await page.getByLabel("quantity, line 8").fill("7");
  await page.getByLabel("currency, line 6").selectOption("EUR");
  await page.getByLabel("currency, line 6").focus();
  await page.keyboard.press("Control+d");
  expect(await page.getByLabel("currency, line 11").inputValue()).toBe("EUR");
  await visit.shoot("partner-mend");
  await visit.clean("main");
  await button(visit, "Send 3 mended rows").click();
  await page.getByText("Done. 3 rows are imported.").waitFor();
  expect(await countsOf(id)).toMatchObject({ received: 20, accepted: 17, rejected: 3, corrected: 3 });
  const [made] = await batches();
  const records = await (await get(world.url, client, `/imports/${made?.id}/records`)).text();
  expect(records).toMatch(/"quantity":7,"unit_price":12\.90?,"currency":"EUR"/);
  await page.getByRole("link", { name: `${id.slice(0, 8)}…${id.slice(-4)}` }).click();
  await page.getByText("All rejected rows are mended by now.").waitFor();
  await visit.clean();
});

/** Makes the second click of a double click hit the button that takes the place of the first one. */
const secondClick = `new Promise((done) => {
  const named = (name) => [...document.querySelectorAll("button")].find(({ textContent }) => textContent === name);
  new MutationObserver((_, observer) => {
    if (named("Cancel")) done(named("Cancel").click(), observer.disconnect());
  }).observe(document.body, { childList: true, subtree: true });
  named("Import").click();
})`;

test("a reload finds the batch again, a double click imports once, and only a confirmed repetition imports the file again", async () => {
  const visit = await world.visit({ role: "partner", client, path: "#/import?dataset=reviewed" });
  const { page } = visit;
  const file = [HEAD.replace("Price", "unit_price"), ...rows.slice(0, 3)].join("\n");
  const before = (await batches()).length;
  await visit.drop("orders.csv.gz", gzipSync(file));
  await page.getByText("All 3 rows can be imported.").waitFor();
  await page.evaluate(secondClick);
  const id = await batchIn(visit);
  await page.getByText("It waits until somebody has looked at it").waitFor();
  expect(await page.getByRole("progressbar").count()).toBe(2);
  await page.reload();
  await page.getByText("It waits until somebody has looked at it").waitFor();
  await visit.clean("main");
  await admin(world.url, `/batches/${id}/approve`, { method: "POST" });
  await page.getByText("Done. 3 rows are imported.").waitFor();

  await visit.open("#/import?dataset=reviewed");
  await visit.drop("orders.csv.gz", gzipSync(file));
  await button(visit, "Import").click();
  await page.getByText("This file was sent before: nothing was imported twice.").waitFor();
  expect([await batchIn(visit), (await batches()).length]).toEqual([id, before + 1]);
  await visit.clean("main");
  await button(visit, "Import it again, really").click();
  await button(visit, "Import").click();
  await until(async () => (await batches()).length === before + 2);
  expect((await batchIn(visit)) === id).toBe(false);
  await button(visit, "Stop import").click();
  await page.getByRole("dialog").getByRole("button", { name: "Stop import" }).click();
  await page.getByText("The import was stopped. Nothing was imported.").waitFor();
});

test("a corrected file is shown before it is sent, and a retry tells what has changed in the rules", async () => {
  const row = (n: number, currency: string) => `SO-${n};2;12.90;${currency};anna@example.com`;
  const file = [HEAD, row(1, "EURO"), row(2, "EUR"), row(3, "EURO"), row(4, "YEN")].join("\n");
  const path = "/datasets/orders/imports";
  const headers = { authorization: client.auth, "content-type": "text/csv" };
  const { id } = (await (await fetch(`${world.url}${path}`, { method: "POST", headers, body: file })).json()) as Batch;
  await until(async () => (await countsOf(id)).rejected === 3);
  const visit = await world.visit({ role: "partner", client, path: `#/import?dataset=orders&corrects=${id}` });
  const { page } = visit;
  const sent = await (await get(world.url, client, `/imports/${id}/rejected`)).text();
  const fixed = sent.replace("SO-1;2;12.90;EURO", "SO-1;2;12.90;EUR");
  const again = `${fixed.trimEnd()}\n99;;SO-9;2;12.90;EUR;anna@example.com\n`;
  await visit.drop("rejected.csv", again);
  await page.getByText("3 of 4 rows match rejected rows.").waitFor();
  expect(await visit.text(".bar >> nth=0")).toMatch(/1 has a number in _record that is not one of a rejected row/);
  await page.getByText("2 of 4 rows would be rejected.").waitFor();
  expect(await page.getByRole("table", { name: "First rows" }).innerText()).not.toContain("_errors");
  await visit.shoot("partner-corrected");
  await visit.clean();
  await button(visit, "Import").click();
  await until(async () => (await countsOf(id)).corrected === 1);
  // The page goes to the new batch once it has the answer. It must not do so after the next page is open.
  await batchIn(visit);
  await visit.open(`#/import?dataset=orders&corrects=${id}`);
  await visit.drop("rejected.csv", again);
  await button(visit, "Import").click();
  await button(visit, "Import it again, really").click();
  await page.getByText("Send the mended rows of batch").waitFor();

  await page.keyboard.press("/");
  await page.getByRole("combobox", { name: "Search" }).fill(id);
  await page.getByRole("option", { name: /orders · completed with errors/ }).waitFor();
  await page.keyboard.press("Enter");
  await page.getByText("not yet corrected").first().waitFor();
  expect(await page.locator(".samples tbody tr").first().innerText()).toMatch(/corrected/);
  const currency = { enum: ["EUR", "JPY", "YEN"] };
  const changed = { ...schema, properties: { ...schema.properties, currency } };
  await admin(world.url, "/datasets/orders", { method: "PATCH", body: JSON.stringify({ schema: changed }) });
  await button(visit, "Try rejected again").click();
  await page.getByText("1 of 3 rejected records would pass now.").waitFor();
  expect(await visit.text(".changed-rules")).toBe('currency: enum ["EUR","JPY"] → ["EUR","JPY","YEN"]');
  await page.getByText(/dataset orders v\d+ → v\d+/).waitFor();
  await page.getByText("1 row is mended already: it goes along and is refused").waitFor();
  await visit.shoot("partner-retry");
  await visit.clean();
  await page.keyboard.press("Escape");
});

test("the pages home, datasets, deliveries, developers and account tell a new partner what to do", async () => {
  const receiver = await startReceiver(() => 500);
  const policy = { schema, webhook: { url: receiver.url, events: ["batch.completed"] } };
  const fresh = await newClient(world.url, policy, { identifier: "fresh-foods", name: "Fresh Foods" });
  await put(`/clients/${fresh.id}/datasets/orders`, {});
  const visit = await world.visit({ role: "partner", client: fresh, path: "#/" });
  const { page } = visit;
  await page.getByText("Welcome. You have sent nothing yet.").waitFor();
  await page.getByText("Nothing was sent to it yet.").waitFor();
  await visit.shoot("partner-first");
  await visit.clean();

  await page.getByRole("link", { name: "Datasets" }).first().click();
  await page.getByText("a whole number, 1 or more").waitFor();
  expect(await visit.text(".words")).toContain("Rows that are wrong are rejected; the others are imported.");
  expect(await visit.text("tbody")).toMatch(/unit_price\s+yes\s+a number, such as 1234\.5, more than 0\s+Price/);
  const download = page.waitForEvent("download");
  await page.getByRole("link", { name: "Template (CSV)" }).click();
  expect((await download).suggestedFilename()).toBe("orders-template.csv");
  await visit.clean("main");

  await visit.open("#/developers?dataset=orders");
  expect(await visit.text("pre >> nth=0")).toContain(`"fresh-foods:$DATAFLOW_SECRET"`);
  expect(await visit.text("pre >> nth=0")).toContain(`"${world.url}/datasets/orders/imports"`);
  expect(await visit.text()).toContain(receiver.url);
  await visit.clean("main");

  await visit.open("#/account");
  await page.getByText(/^It was made (now|\d+ (s|min) ago)\.$/).waitFor();
  await button(visit, "Make a new secret").click();
  await page.getByRole("dialog").getByRole("button", { name: "Make a new secret" }).click();
  const secret = await visit.text(".once code");
  await page.getByLabel("I have stored it").check();
  await button(visit, "Close").click();
  const auth = `Basic ${Buffer.from(`fresh-foods:${secret}`).toString("base64")}`;
  await accepted(world.url, { ...fresh, auth }, `${JSON.stringify({ order_id: "1", quantity: 1, unit_price: 0 })}\n`);
  await page.getByText("The one before is valid too").waitFor();
  await visit.clean("main");

  await page.route("**/imports?*", (route) => route.fulfill({ status: 503 }));
  await visit.open("#/");
  await page.getByText("http-503").waitFor();
  expect(await visit.text()).not.toContain("0 of 0 rows");
  await page.unroute("**/imports?*");
  await button(visit, "Try again").click();
  await page.getByText("1 batch has rejected rows that nobody has mended.").waitFor();
  await page.getByText("does not receive all").waitFor();
  await visit.shoot("partner-home");
  await visit.clean("main");
  await visit.open("#/deliveries");
  await page.getByRole("link", { name: "batch ended" }).click();
  await page.getByRole("heading", { name: "Delivery: batch ended" }).waitFor();
  await visit.clean("main");
  await receiver.close();
});
