/**
 * The promise: operators edit a dataset or a policy as a form or as JSON. The console checks it and tries it before it is saved.
 * It never overwrites another operator's change.
 */
import { admin } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import { startConsole, type Visit } from "./kit.ts";

const world = startConsole();

const schema = { type: "object", required: ["id"], properties: { id: { type: "string" }, amount: { type: "number" } } };

async function made(name: string, document: object = { schema }): Promise<string> {
  await admin(world.url, `/datasets/${name}`, { method: "PUT", body: JSON.stringify(document) });
  return `#/datasets/${name}`;
}

const stored = async (name: string) =>
  (await (await admin(world.url, `/datasets/${name}`)).json()) as Record<string, unknown>;

const fieldOf = ({ page }: Visit, name: string) => page.locator(`#field-${name}-row`);
const saved = async ({ page }: Visit) => {
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Save", exact: true }).click();
};

test("a field shows whether it has its default, accepts units and can be reset; saving shows what changes", async () => {
  const visit = await world.visit({ role: "admin", path: await made("units") });
  const { page } = visit;
  const maxBytes = fieldOf(visit, "maxBytes");
  expect(await maxBytes.innerText()).toMatch(/default/);
  await maxBytes.getByRole("textbox").fill("64 MiB");
  await maxBytes.getByText("changed").waitFor();
  expect(await maxBytes.innerText()).toContain("64 MiB");
  await maxBytes.getByRole("button", { name: "Reset maxBytes" }).click();
  await maxBytes.getByText("default").waitFor();
  await page.getByRole("heading", { level: 1 }).click();
  await page.keyboard.press("f");
  await page.keyboard.type("unique key");
  await page.keyboard.press("Enter");
  const focused = () => page.evaluate<string | undefined>("document.activeElement.closest('.form-field')?.id");
  expect(await focused()).toBe("field-uniqueKey-row");
  await page.getByLabel("Find a field").fill("");
  await fieldOf(visit, "chunkRecords").getByRole("textbox").fill("0");
  await page.getByText("expected a whole number, 1 to 100,000").waitFor();
  await fieldOf(visit, "chunkRecords").getByRole("textbox").fill("500");
  await fieldOf(visit, "uniqueKey").getByLabel("id").check();
  await fieldOf(visit, "window").getByRole("button", { name: "Set hours" }).click();
  await page.locator("#field-window-from").fill("21:00");
  await page.locator("#field-window-timeZone").fill("Europe/Lisbon");
  await page.getByText("from 21:00 to 06:00 of the next day, 9 h a day").waitFor();
  await page.getByRole("tab", { name: /Difference/ }).click();
  expect(await visit.text(".difference")).toMatch(/chunkRecords\s+5000\s+500/);
  await page.keyboard.press("Control+s");
  await page.getByRole("dialog").getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("Nothing is changed.").waitFor();
  expect(await stored("units")).toMatchObject({
    chunkRecords: 500,
    uniqueKey: "id",
    window: { from: "21:00", to: "06:00", timeZone: "Europe/Lisbon" },
  });
  await page.getByRole("tab", { name: "Versions" }).click();
  await page.getByLabel("Details").first().click();
  expect(await visit.text(".difference")).toContain("chunkRecords");
  await page.getByLabel("Details").nth(1).click();
  await page.getByRole("button", { name: "Put version 1 back" }).click();
  expect(await visit.text(".difference")).toMatch(/chunkRecords\s+500\s+5000/);
});

test("a wrong schema is marked at its field and at its line; the list of faults links to both", async () => {
  const visit = await world.visit({ role: "admin", path: `${await made("wrong")}?view=json` });
  const { page } = visit;
  const text = page.getByRole("textbox", { name: "The whole document, as JSON" });
  await text.press("Control+a");
  await page.keyboard.insertText(
    '{\n  "schema": {\n    "properties": { "a": { "type": "strin" } }\n  },\n  "maxErrors": -1\n}',
  );
  await page.getByRole("button", { name: "Check" }).click();
  await page.getByText(/^Line 3: expected null, boolean/).waitFor();
  await page.getByText(/^Line 5: expected/).waitFor();
  await until(async () => (await page.locator(".cm-lint-marker-error").count()) === 2, "a mark at each line");
  await visit.clean();
  await page.getByRole("tab", { name: "Form" }).click();
  await fieldOf(visit, "schema")
    .getByText(/properties\/a\/type: expected null/)
    .waitFor();
  await page.getByRole("button", { name: "/maxErrors" }).click();
  await until(() => page.evaluate<boolean>("document.activeElement?.id === 'field-maxErrors'"));
  await page.keyboard.insertText("5");
  await until(async () => (await page.getByRole("button", { name: "/maxErrors" }).count()) === 0);
  await page.getByRole("tab", { name: "JSON" }).click();
  await text.press("Control+Home");
  await page.keyboard.insertText("[");
  await page
    .getByText("Line 1: Expected , or ] here.")
    .or(page.getByText(/^Line \d+: Expected/))
    .first()
    .waitFor();
  expect(await page.getByRole("button", { name: "Save", exact: true }).isDisabled()).toBe(true);
  await page.getByRole("tab", { name: "Form" }).click();
  await page.getByText(/The JSON has a fault at line/).waitFor();
});

test("another operator's saved change is shown beside one's own, and is not overwritten", async () => {
  const visit = await world.visit({ role: "admin", path: await made("both") });
  const { page } = visit;
  await fieldOf(visit, "maxErrors").getByRole("textbox").fill("7");
  await fieldOf(visit, "maxAttempts").getByRole("textbox").fill("2");
  await made("both", { schema, maxErrors: 9, retentionDays: 3 });
  await saved(visit);
  await page.getByRole("heading", { name: "Somebody else has changed the dataset both" }).waitFor();
  expect(await stored("both")).toMatchObject({ maxErrors: 9, maxAttempts: 5 });
  expect(await visit.text(".three-way")).toMatch(/\/maxErrors\s+null\s+9\s+7/);
  await visit.clean("main");
  const goOn = page.getByRole("button", { name: "Go on with both" });
  expect(await goOn.isDisabled()).toBe(true);
  await page.getByLabel("yours for /maxErrors").check();
  await goOn.click();
  await saved(visit);
  await page.getByText("Saved", { exact: true }).waitFor();
  expect(await stored("both")).toMatchObject({ maxErrors: 7, maxAttempts: 2, retentionDays: 3 });
});

test("sample rows are checked by the draft, and the page asks before unsaved changes are lost", async () => {
  const visit = await world.visit({ role: "admin", path: await made("tried") });
  const { page } = visit;
  await fieldOf(visit, "description").getByRole("textbox").fill("Not saved");
  await page.getByRole("button", { name: "Try", exact: true }).click();
  await page.getByLabel("Sample rows").fill("id,amount\na,1\nb,x");
  await page.getByRole("button", { name: "Try it" }).click();
  await page.getByText("1 of 2 records would be accepted").waitFor();
  expect(await visit.text(".try")).toMatch(/amount.*must be/s);
  await visit.clean("main");
  await page.getByRole("link", { name: "Audit" }).click();
  await page.getByText("Leave without saving?").waitFor();
  await page.getByRole("button", { name: "Back", exact: true }).click();
  expect(await page.evaluate("location.hash")).toBe("#/datasets/tried");
  expect(await fieldOf(visit, "description").getByRole("textbox").inputValue()).toBe("Not saved");
  await page.getByRole("link", { name: "Audit" }).click();
  await page.getByRole("button", { name: "Leave" }).click();
  await page.getByRole("heading", { name: "Audit" }).waitFor();
});

test("a dataset is created from an example file, granted, and deleted once no client has it", async () => {
  const visit = await world.visit({ role: "admin", path: "#/datasets" });
  const { page } = visit;
  await page.getByRole("button", { name: "New dataset" }).first().click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("from-file");
  await dialog.getByLabel("From an example file").check();
  const buffer = Buffer.from("code,amount,day\n007,1.5,2026-11-30\n008,2,2026-11-29\n");
  await dialog.locator("input[type=file]").setInputFiles({ name: "a.csv", mimeType: "text/csv", buffer });
  await visit.clean();
  await dialog.getByRole("button", { name: "Create dataset" }).click();
  await page.getByRole("heading", { name: "from-file" }).waitFor();
  expect((await stored("from-file")).schema).toEqual({
    type: "object",
    required: ["code", "amount", "day"],
    properties: { code: { type: "string" }, amount: { type: "number" }, day: { type: "string", format: "date" } },
  });
  await page.getByText("none has it yet").waitFor();
  await page.getByRole("button", { name: "Grant to a client" }).click();
  await dialog.getByLabel("Client").fill(world.seed.client.identifier);
  await dialog.getByRole("button", { name: "Grant" }).click();
  await page.getByText("1 client has it").waitFor();
  await admin(world.url, `/clients/${world.seed.client.id}/datasets/from-file`, {
    method: "PUT",
    body: JSON.stringify({ backoff: { maxMs: 2_000 } }),
  });
  await page.getByRole("tab", { name: "JSON" }).click();
  await page.getByRole("textbox", { name: "The whole document, as JSON" }).press("Control+a");
  await page.keyboard.insertText('{"backoff": {"delayMs": 5000, "maxMs": 60000}}');
  await saved(visit);
  await page.getByText("These clients have overrides that would not fit any more.").waitFor();
  await page.getByRole("button", { name: "Discard" }).click();
  await dialog.getByRole("button", { name: "Discard changes" }).click();
  await page.getByRole("button", { name: "Delete" }).click();
  await dialog.getByLabel(/Type from-file/).fill("from-file");
  await dialog.getByRole("button", { name: "Delete dataset" }).click();
  await dialog.getByText("conflict").waitFor();
  await admin(world.url, `/clients/${world.seed.client.id}/datasets/from-file`, { method: "DELETE" });
  await dialog.getByRole("button", { name: "Delete dataset" }).click();
  await page.getByRole("heading", { name: "Datasets" }).waitFor();
});

test("a client's policy is edited on the client's page; without CodeMirror the JSON is in a text area", async () => {
  const { client } = world.seed;
  const visit = await world.visit({ role: "admin", own: true });
  const { page } = visit;
  await page.route("**/json-editor.codemirror.js", (route) => route.abort());
  await visit.open(`#/clients/${client.id}?tab=policy`);
  await fieldOf(visit, "schema").locator("textarea").waitFor();
  await fieldOf(visit, "rate").getByLabel("Requests", { exact: false }).last().fill("700");
  await page.getByRole("button", { name: "Check", exact: true }).click();
  await page.getByText("The API finds nothing wrong.").waitFor();
  await page.getByRole("button", { name: "Try", exact: true }).click();
  await page.getByLabel("Or the rejected records of a batch").selectOption(world.seed.batchId);
  await page.getByRole("button", { name: "Try it" }).click();
  await page.getByText("0 of 4 records would be accepted").waitFor();
  await page.getByRole("tab", { name: "Today" }).click();
  await page.getByText("Leave without saving?").waitFor();
  await page.getByRole("button", { name: "Back", exact: true }).click();
  await page.getByRole("tab", { name: "JSON" }).click();
  const text = page.locator("#whole-json");
  await text.fill((await text.inputValue()).replace('"weight": 1', '"weight": 0'));
  await page.getByRole("button", { name: "Check", exact: true }).click();
  await page.getByText(/^Line \d+: expected an integer from 1 to 1000/).waitFor();
  await visit.clean("main");
  await text.fill((await text.inputValue()).replace('"weight": 0', '"weight": 4'));
  await saved(visit);
  await page.getByText("Saved", { exact: true }).waitFor();
  const policy = await (await admin(world.url, `/clients/${client.id}/policy`)).json();
  expect(policy).toMatchObject({ weight: 4, rate: { requests: 700 } });
});

test("a viewer may look and try, but not change anything", async () => {
  const visit = await world.visit({ role: "viewer", path: await made("seen"), width: 320 });
  const { page } = visit;
  await fieldOf(visit, "maxErrors").waitFor();
  expect(await fieldOf(visit, "maxErrors").getByRole("textbox").isDisabled()).toBe(true);
  expect(await page.getByRole("button", { name: /Save|Delete|Grant|Reset|^Copy$/ }).count()).toBe(0);
  expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(320);
  await visit.clean();
});
