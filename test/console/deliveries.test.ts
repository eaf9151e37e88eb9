/**
 * The promise: operators see what was sent to a webhook and what its receiver answered. They can send one delivery again, or all
 * failed ones.
 */
import { admin, batchWhen, newClient, post } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import { type Receiver, startReceiver } from "../helpers/receiver.ts";
import { startConsole } from "./kit.ts";

const world = startConsole({ settings: { webhook: { delaysMs: [20] } } });
let receiver: Receiver;
let status = 500;
let identifier: string;

beforeAll(async () => {
  receiver = await startReceiver(() => status);
  const client = await newClient(world.url, { webhook: { url: receiver.url, events: ["batch.completed"] } });
  ({ identifier } = client);
  const { id } = (await (await post(world.url, client, '{"id":1}\n')).json()) as { id: string };
  await batchWhen(world.url, client, id);
  await until(async () => {
    const answer = await admin(world.url, `/deliveries?client=${identifier}&status=failed`);
    return ((await answer.json()) as { items: unknown[] }).items.length === 1;
  });
});
afterAll(() => receiver?.close());

test("a failed delivery shows its reason and its body, and can be sent again until the receiver accepts it", async () => {
  const visit = await world.visit({ role: "operator", path: "#/deliveries?status=failed" });
  const { page } = visit;
  expect(await visit.text("tbody")).toContain(identifier);
  await page.getByRole("link", { name: "batch ended" }).click();
  await page.getByRole("heading", { name: "Delivery: batch ended" }).waitFor();
  expect(await visit.text()).toContain("500");
  expect(await visit.text(".document")).toContain('"type": "batch.completed"');
  await visit.clean();

  status = 204;
  const before = receiver.got.length;
  await page.getByRole("button", { name: "Send again" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Send again" }).click();
  await page.getByText("It is on its way.").waitFor();
  await until(() => receiver.got.length > before);
  await page.locator(".page-title .state", { hasText: "delivered" }).waitFor();
});

test("all failed deliveries of a client are sent again, after the console has told their number", async () => {
  const visit = await world.visit({ role: "operator", path: `#/deliveries?client=${identifier}` });
  const { page } = visit;
  await page.getByRole("button", { name: "Send failed ones again" }).click();
  expect(await page.getByLabel("Client", { exact: false }).last().inputValue()).toBe(identifier);
  await visit.clean();
  await page.getByRole("button", { name: "Look" }).click();
  await page.getByText(`No webhook of ${identifier} has failed then.`).waitFor();
});

test("a viewer cannot send deliveries", async () => {
  const visit = await world.visit({ role: "viewer", path: "#/deliveries" });
  expect(await visit.text("tbody")).toContain(identifier);
  expect(await visit.page.getByRole("button", { name: /again/ }).count()).toBe(0);
});
