/**
 * The promise: admins create and delete operators. The console shows a token once. The audit tells who has changed what, and the
 * settings can be seen.
 */
import { ADMIN_TOKEN } from "../helpers/system.ts";
import { startConsole } from "./kit.ts";

const world = startConsole();

test("an operator is created, its token is shown once and works, its role is changed, and it is deleted", async () => {
  const visit = await world.visit({ role: "admin", path: "#/operators" });
  const { page } = visit;
  await page.getByRole("button", { name: "New operator" }).first().click();
  await page.getByLabel("Name, for the audit").fill("alice");
  await page.getByLabel("operator also moves").check();
  await page.getByRole("button", { name: "Create operator" }).click();
  const token = await visit.text(".once code");
  expect(token).toMatch(/^dfo_/);
  const close = page.getByRole("button", { name: "Close", exact: true });
  expect(await close.isDisabled()).toBe(true);
  await page.getByLabel("I have stored it").check();
  await close.click();
  expect(await page.content()).not.toContain(token);

  const session = await fetch(`${world.url}/session`, {
    method: "POST",
    headers: { "content-type": "application/json", origin: world.url },
    body: JSON.stringify({ token }),
  });
  expect(await session.json()).toMatchObject({ role: "operator", name: "alice" });

  await page.getByLabel("Actions for alice").click();
  await page.getByRole("button", { name: "Change role or end" }).click();
  await page.getByLabel("viewer sees everything").check();
  await page.getByLabel("The token ends").selectOption("30");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("cell", { name: "viewer" }).waitFor();
  expect(await visit.text("tbody")).toMatch(/ends in (29|30) d/);
  await visit.clean();

  await page.getByLabel("Actions for alice").click();
  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("button", { name: "Delete operator" }).click();
  await page.getByText("No operator has a token of their own yet.").waitFor();
  await visit.clean("main");
});

test("the dialog says that a name is taken, and keeps what was typed", async () => {
  const visit = await world.visit({ role: "admin", path: "#/operators" });
  const { page } = visit;
  await page.getByRole("button", { name: "New operator" }).first().click();
  await page.getByLabel("Name, for the audit").fill("admin");
  await page.getByRole("button", { name: "Create operator" }).click();
  await page.getByText("Choose another name").waitFor();
  expect(await page.getByLabel("Name, for the audit").inputValue()).toBe("admin");
});

test("the audit has its filters in the address, shows what a change has changed, and can be exported", async () => {
  const visit = await world.visit({ role: "admin", path: "#/audit?action=client.create" });
  const { page } = visit;
  expect(await visit.text("tbody")).toContain(world.seed.client.identifier);
  await page.getByLabel("Details").first().click();
  expect(await visit.text(".difference")).toContain("clientIdentifier");
  await visit.clean();
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "CSV" }).click();
  expect((await download).suggestedFilename()).toBe("audit.csv");
  await page.getByRole("button", { name: "Remove the filter What" }).click();
  await page.waitForFunction("location.hash === '#/audit'");
});

test("a viewer sees operators and cannot change them", async () => {
  const visit = await world.visit({ role: "viewer", path: "#/operators" });
  expect(await visit.text("tbody")).toContain("viewer-");
  expect(await visit.page.getByRole("button", { name: /New operator|Actions/ }).count()).toBe(0);
});

test("the system page shows the settings in force and where they come from, but no secret", async () => {
  const visit = await world.visit({ role: "viewer", path: "#/system?set=1" });
  const { page } = visit;
  const settings = page.getByRole("table", { name: "Settings" });
  expect(await settings.textContent()).toMatch(/ADMIN_TOKENset/);
  expect(await page.content()).not.toContain(ADMIN_TOKEN);
  await page.getByLabel("Find a setting").fill("audit_ret");
  await page.getByText("Settings, 0 of").waitFor();
  await page.getByLabel("Only those that are set").click();
  await settings.getByText("AUDIT_RETENTION").waitFor();
  await visit.clean();

  // The keyboard belongs to the first table until another table has had the focus.
  const focused = () =>
    page.evaluate<string | undefined>("document.activeElement.closest('table')?.querySelector('caption').textContent");
  await page.getByRole("heading", { level: 1 }).click();
  await page.keyboard.press("j");
  expect(await focused()).toBe("Versions of the nodes");
  await page.getByRole("group", { name: "Settings" }).focus();
  await page.getByRole("group", { name: "Settings" }).blur();
  await page.keyboard.press("j");
  expect(await focused()).toBe("Settings");
});
