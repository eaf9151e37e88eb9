/**
 * The promise: admins create clients, see what they use, hand over secrets once, and let them pause, end and be erased. The
 * console tells the consequence first. Other operators may only look.
 */
import { admin, newClient, post, type TestClient } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import { type Receiver, startReceiver } from "../helpers/receiver.ts";
import { startConsole, type Visit } from "./kit.ts";

const world = startConsole({ settings: { webhook: { delaysMs: [20] } } });
let receiver: Receiver;
let status = 200;
let shop: TestClient;

const json = async <T>(answer: Response) => (await answer.json()) as T;

beforeAll(async () => {
  if (!world.url) return;
  receiver = await startReceiver(() => status);
  const put = { method: "PUT", body: JSON.stringify({ description: "Orders of the day." }) };
  await admin(world.url, "/datasets/orders", put);
  shop = await newClient(world.url, {
    webhook: { url: receiver.url, events: ["batch.completed"] },
    recordsPerDay: 100,
    rate: { requests: 200, windowSeconds: 60 },
  });
  await post(world.url, shop, '{"id":"1","email":"ann@b.example"}\n{"id":"2","email":"bob@b.example"}\n');
});
afterAll(() => receiver?.close());

/** Reads the secret that the dialog shows, and closes the dialog. */
async function secretOf(visit: Visit): Promise<string> {
  const secret = await visit.text(".once code");
  await visit.page.getByLabel("I have stored it").check();
  await visit.page.getByRole("dialog").getByRole("button", { name: "Close" }).click();
  await visit.page.getByRole("dialog").waitFor({ state: "detached" });
  expect(await visit.page.content()).not.toContain(secret);
  return secret;
}

const basic = (identifier: string, secret: string) => ({
  headers: { authorization: `Basic ${Buffer.from(`${identifier}:${secret}`).toString("base64")}` },
});

test("a client is created: its identifier is checked while it is typed, faults are named, and its secret is shown once and works", async () => {
  const visit = await world.visit({ role: "admin", path: "#/clients" });
  const { page } = visit;
  await page.getByLabel("Find a client").fill(shop.identifier);
  await page.waitForURL(`**/#/clients?q=${shop.identifier}`);
  await visit.settled();
  await page.locator("tbody tr").nth(1).waitFor({ state: "detached" });
  await page.locator("h1").click();
  await page.keyboard.press("j");
  await visit.clean();
  await page.keyboard.press("Enter");
  await page.waitForURL(`**/#/clients/${shop.id}`);
  await page.goBack();

  await page.getByRole("button", { name: "New client" }).click();
  const identifier = page.getByLabel("Identifier", { exact: true });
  await identifier.fill("A shop");
  await page.getByText('"A" is not allowed').waitFor();
  await identifier.fill(shop.identifier);
  await page.getByText("There is a client with this identifier.").waitFor();
  await identifier.fill("new-shop");
  await page.getByLabel("Name", { exact: true }).fill("New Shop");
  await page.getByLabel("JSON that you have").check();
  await page.getByLabel("Policy as JSON").fill('{"maxErrors": "many"}');
  await page.getByRole("button", { name: "Create client" }).click();
  await page.getByText("/policy/maxErrors").waitFor();
  await visit.clean();
  await page.getByLabel("As another client has it").check();
  await page.getByLabel("Client to copy from").fill(shop.identifier);
  await page.getByRole("button", { name: "Create client" }).click();

  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download new-shop.env" }).click();
  expect((await download).suggestedFilename()).toBe("new-shop.env");
  expect(await visit.text(".hand-over")).toMatch(
    /curl .*new-shop:[\s\S]*DATAFLOW_CLIENT='new-shop'[\s\S]*dataflow-push/,
  );
  await visit.clean();
  const secret = await secretOf(visit);
  const policy = await fetch(`${world.url}/policy`, basic("new-shop", secret));
  expect(await policy.json()).toMatchObject({ recordsPerDay: 100, webhook: null });
  await page.getByRole("heading", { name: "New Shop" }).waitFor();
  expect(await visit.text()).toContain("It has sent nothing yet.");
});

test("a client's page shows today's use against its limits, its last batches, and a pause with its reason; the palette finds the client", async () => {
  const visit = await world.visit({ role: "admin", path: `#/clients/${shop.id}` });
  const { page } = visit;
  await page.locator(".limits").waitFor();
  const use = await visit.text(".limits");
  expect(use).toMatch(/Requests\s+\d+ of 200/);
  expect(use).toMatch(/Records of the day\s+2 of 100/);
  await page.locator("tbody .state", { hasText: "completed" }).waitFor();
  await visit.clean();

  await page.getByRole("button", { name: "Pause" }).click();
  await page.getByLabel("Reason").fill("Its ledger is closed.");
  await page.getByRole("button", { name: "Pause client" }).click();
  await page.getByText("Its batches wait", { exact: true }).waitFor();
  await visit.clean(".page-title");
  await page.getByRole("button", { name: "Resume" }).click();
  await page.getByRole("button", { name: "Resume client" }).click();
  await page.getByRole("button", { name: "Pause", exact: true }).waitFor();
  const { items } = await json<{ items: { action: string; reason: string }[] }>(
    await admin(world.url, `/audit?subject=${shop.id}&action=client.pause`),
  );
  expect(items[0]?.reason).toBe("Its ledger is closed.");

  await page.keyboard.press("/");
  await page.getByRole("combobox").fill("new-sh");
  await page.getByRole("option", { name: "New Shop" }).click();
  await page.getByRole("heading", { name: "New Shop" }).waitFor();
});

test("an admin adds a key that works within its scope, rotates the secret with a grace, and deletes a key", async () => {
  const visit = await world.visit({ role: "admin", path: `#/clients/${shop.id}?tab=keys` });
  const { page } = visit;
  await page.getByRole("button", { name: "New key" }).click();
  await page.getByLabel("Name", { exact: true }).fill("ledger");
  await page.getByLabel("import sends").uncheck();
  await page.getByLabel("Only from these networks").fill("not a network");
  await page.getByRole("button", { name: "Create key" }).click();
  await page.getByText("/allowedCidrs/0").waitFor();
  await page.getByLabel("Only from these networks").fill("127.0.0.1\n::1");
  await page.getByRole("button", { name: "Create key" }).click();
  const key = await secretOf(visit);
  expect((await fetch(`${world.url}/imports`, basic(shop.identifier, key))).status).toBe(200);
  expect((await fetch(`${world.url}/imports`, { method: "POST", ...basic(shop.identifier, key) })).status).toBe(403);
  await page.getByRole("cell", { name: "ledger", exact: true }).waitFor();
  expect(await visit.text("tbody")).toMatch(/read\s+127\.0\.0\.1/);
  await visit.clean("#tab-panel");

  await page.getByRole("button", { name: "New secret" }).click();
  await page.getByLabel("The secret of now").selectOption("3600");
  await page.getByRole("button", { name: "Make a new secret" }).click();
  const secret = await secretOf(visit);
  const both = [shop.secret, secret].map((one) => fetch(`${world.url}/policy`, basic(shop.identifier, one)));
  expect((await Promise.all(both)).map(({ status: code }) => code)).toEqual([200, 200]);

  await page.getByRole("button", { name: "Delete the key ledger" }).click();
  await page.getByRole("button", { name: "Delete key" }).click();
  await page.getByText("The key ledger is deleted.").waitFor();
  expect((await fetch(`${world.url}/imports`, basic(shop.identifier, key))).status).toBe(401);
});

test("a webhook's test shows the receiver's answer, and a webhook that a 410 turned off is turned on again", async () => {
  const visit = await world.visit({ role: "admin", path: `#/clients/${shop.id}?tab=webhook` });
  const { page } = visit;
  status = 500;
  await page.getByRole("button", { name: "Send a test" }).click();
  await page.getByText("The receiver answered 500").waitFor();
  await visit.clean("#tab-panel");

  status = 410;
  await post(world.url, shop, '{"id":"3"}\n');
  await until(async () => {
    const policy = await json<{ webhook: unknown }>(await admin(world.url, `/clients/${shop.id}/policy`));
    return policy.webhook === null;
  });
  await page.keyboard.press("r");
  await page.getByText("The receiver answered 410").waitFor();
  await visit.clean("#tab-panel");
  status = 200;
  await page.getByRole("button", { name: "Turn on again" }).click();
  await page.getByLabel("URL of the receiver").fill(receiver.url);
  await page.getByRole("button", { name: "Turn on", exact: true }).click();
  expect(await secretOf(visit)).toMatch(/^whsec_/);
  await page.getByRole("button", { name: "Turn off" }).waitFor();
});

test("datasets are granted, overridden and revoked; the policy is shown in words, with its differences from the defaults", async () => {
  const visit = await world.visit({ role: "admin", path: `#/clients/${shop.id}?tab=datasets` });
  const { page } = visit;
  await page.getByRole("button", { name: "Grant a dataset" }).first().click();
  await page.getByLabel("What differs").fill('{"maxErrors": 7}');
  await page.getByRole("button", { name: "Grant dataset" }).click();
  await page.getByRole("cell", { name: "maxErrors" }).waitFor();
  await visit.clean("#tab-panel");
  await page.getByRole("button", { name: "Change what differs in orders" }).click();
  await page.getByLabel("What differs for this client").fill("{");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("This is no JSON").waitFor();
  await page.getByRole("button", { name: "Back" }).click();

  await page.getByRole("tab", { name: "Policy" }).click();
  await page.getByText("200 requests in 1 min, 100 records a day").waitFor();
  expect(await visit.text(".policy-fields")).toMatch(/recordsPerDay[\s\S]*100/);
  await visit.clean("#tab-panel");

  await page.getByRole("tab", { name: "Datasets" }).click();
  await page.getByRole("button", { name: "Revoke orders" }).click();
  await page.getByRole("button", { name: "Revoke dataset" }).click();
  await page.getByText("It was granted no dataset.").waitFor();
});

test("a person's records are counted and erased, a legal hold forbids it, and a disabled client is erased", async () => {
  const visit = await world.visit({ role: "admin", path: `#/clients/${shop.id}?tab=data` });
  const { page } = visit;
  await page.getByRole("button", { name: "Erase a person" }).click();
  await page.getByLabel("Field", { exact: true }).fill("email");
  await page.getByLabel("Value", { exact: true }).fill("ann@b.example");
  await page.getByRole("button", { name: "See how much it is" }).click();
  await page.getByText("It would erase 1 record,").waitFor();
  await visit.clean();
  await page.getByLabel(`Type ${shop.identifier}`).fill(shop.identifier);
  await page.getByRole("button", { name: "Erase for ever" }).click();
  await page.getByRole("cell", { name: "a person in default, by email" }).waitFor();
  await page.locator("tbody .state", { hasText: "erased" }).waitFor();
  expect(await page.content()).not.toContain("ann@b.example");

  await page.getByRole("button", { name: "Set a legal hold" }).click();
  await page.getByRole("button", { name: "Set legal hold" }).click();
  await page.locator(".page-title .state", { hasText: "legal hold" }).waitFor();
  expect(await page.getByRole("button", { name: "Erase a person" }).isDisabled()).toBe(true);
  await page.getByRole("button", { name: "End the legal hold" }).click();
  await page.getByRole("button", { name: "End legal hold" }).click();
  await page.getByRole("button", { name: "Set a legal hold" }).waitFor();

  await page.getByLabel("More actions").click();
  await page.getByRole("button", { name: "Disable" }).click();
  await page.getByLabel(`Type ${shop.identifier}`).fill(shop.identifier);
  await page.getByRole("button", { name: "Disable client" }).click();
  await page.getByText("This client is disabled.").waitFor();
  expect((await fetch(`${world.url}/policy`, basic(shop.identifier, shop.secret))).status).toBe(403);
  await visit.clean("main");
  await page.getByRole("button", { name: "Erase the client" }).click();
  await page.getByLabel(`Type ${shop.identifier}`).fill(shop.identifier);
  await page.getByRole("button", { name: "Erase client" }).click();
  await page.getByText("The erasure has begun.").waitFor();
  await until(async () => (await admin(world.url, `/clients/${shop.id}`)).status === 404);
  await page.keyboard.press("r");
  await page.getByRole("heading", { name: "There is no such client" }).waitFor();
  await page.getByRole("cell", { name: "the whole client" }).waitFor();
  await visit.clean("main");
});

test("a viewer sees a client's whole page and can change nothing, also on a narrow screen", async () => {
  const { id } = world.seed.client;
  const visit = await world.visit({ role: "viewer", path: "#/clients", width: 320 });
  const { page } = visit;
  expect(await page.getByRole("button", { name: "New client" }).count()).toBe(0);
  await visit.open(`#/clients/${id}`);
  for (const tab of ["Today", "Secrets and keys", "Webhook", "Datasets", "Policy", "Data protection"]) {
    await page.getByRole("tab", { name: tab }).click();
    await visit.settled();
    expect(await page.evaluate<boolean>("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
  }
  await visit.clean();
  const changing =
    /^(Pause|Rename|New key|New secret|Change|Grant|Revoke|Turn|Send a test|Set a legal|Erase|More actions)/;
  expect(await page.getByRole("button", { name: changing }).count()).toBe(0);
});

test("the list of clients shows their use as bars, and a dataset lists its clients", async () => {
  const full = await newClient(world.url, { recordsPerDay: 10, bytesPerDay: 1_000_000 });
  await post(world.url, full, '{"id":"a"}\n'.repeat(9));
  await admin(world.url, "/datasets/ops-orders", { method: "PUT", body: JSON.stringify({ description: "Orders" }) });
  const visit = await world.visit({ role: "admin", path: "#/clients" });
  const { page } = visit;
  const row = page.locator("tbody tr", { hasText: full.identifier });
  await row.getByText("9 of 10 records today").waitFor();
  await visit.clean();
  await visit.open("#/datasets/ops-orders");
  await page.getByText("No client has it yet.").waitFor();
  await admin(world.url, `/clients/${full.id}/datasets/ops-orders`, { method: "PUT", body: "{}" });
  await page.reload();
  await row.getByText("9 of 10 records today").waitFor();
  await visit.clean();
});
