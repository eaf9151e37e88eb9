/** The promise: the overview says in one sentence how it is, and what needs somebody can be done there. */
import { admin, newClient, post } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import { startConsole } from "./kit.ts";

const world = startConsole();

test("says how it is, what was imported, and which node runs", async () => {
  const visit = await world.visit({ role: "viewer", path: "#/?range=1h", width: 1440 });
  const { page } = visit;
  expect(await visit.text(".verdict")).toMatch(/^All is well/);
  await page.locator(".plot canvas").waitFor();
  await page.getByRole("button", { name: "As a table" }).click();
  const rows = page.locator(".chart-table tbody tr");
  expect(await rows.allInnerTexts()).toContainEqual(expect.stringMatching(/\t0\.6\t0\.1$/));
  const nodes = await visit.text(".card:has(> header h2:text-is('Nodes')) table");
  expect(nodes).toMatch(/API, worker\s+up\s+0 of 4/);
  expect(await page.getByRole("button", { name: /^Pause / }).count()).toBe(0);
  await visit.shoot("overview");
  await visit.clean();
});

test("a batch that waits for approval is approved there, and goes away", async () => {
  const client = await newClient(world.url, { requiresApproval: true });
  const { id } = (await (await post(world.url, client, '{"a":1}')).json()) as { id: string };
  const visit = await world.visit({ role: "operator", path: "#/" });
  const { page } = visit;
  const row = page.locator(`li:has(a[href="#/batches/${id}"])`);
  await row.waitFor();
  await row.getByRole("button", { name: "Approve" }).click();
  const dialog = page.getByRole("dialog", { name: "Approve batch?" });
  await dialog.waitFor();
  expect(await dialog.innerText()).toContain("Its 1 records are delivered");
  await visit.clean();
  await dialog.getByRole("button", { name: "Approve batch" }).click();
  await dialog.waitFor({ state: "detached" });
  await row.waitFor({ state: "detached" });
  await until(async () => {
    const batch = (await (await admin(world.url, `/batches/${id}`)).json()) as { status: string };
    return batch.status === "completed";
  });
});
