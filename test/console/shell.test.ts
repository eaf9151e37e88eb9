/** The promise: people log in and see what their role may see. The page always says how old its data is and what went wrong. */
import { admin, newClient, post } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import { ADMIN_TOKEN } from "../helpers/system.ts";
import { startConsole, type Visit } from "./kit.ts";

// The chart of the overview has figures soon.
const world = startConsole({ env: { CONSOLE_LABEL: "staging" }, settings: { stats: { writeEveryMs: 100 } } });

const button = ({ page }: Visit, name: string | RegExp) => page.getByRole("button", { name });
const titleOf = ({ page }: Visit) => page.locator("h1").first().innerText();

describe("login", () => {
  test("of an operator works by keyboard alone; a wrong token is refused with its code", async () => {
    const visit = await world.visit({ path: "/" });
    const { page } = visit;
    await visit.shoot("login");
    await visit.clean();
    expect(await page.title()).toBe("Log in · DataFlow · staging");
    await page.keyboard.type("wrong");
    await page.keyboard.press("Enter");
    const refusal = page.getByRole("alert");
    await refusal.waitFor();
    expect(await refusal.innerText()).toMatch(/unauthenticated/);
    await visit.clean();
    await page.locator("input[type=password]").fill(ADMIN_TOKEN);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    expect(await page.title()).toBe("Overview · DataFlow · staging");
    expect(page.url()).not.toContain(ADMIN_TOKEN);
    expect(await page.evaluate("JSON.stringify({ ...localStorage, ...sessionStorage })")).not.toContain(ADMIN_TOKEN);
  });

  test("of a partner outlives a reload and ends with the logout", async () => {
    const { client } = world.seed;
    const visit = await world.visit({ path: "/" });
    const { page } = visit;
    await page.keyboard.press("Shift+Tab");
    await page.keyboard.press("ArrowRight");
    await page.getByLabel("Client identifier").fill(client.identifier);
    await page.getByLabel("Secret").fill(client.secret);
    await visit.clean();
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Home" }).waitFor();
    await page.reload();
    await page.getByRole("heading", { name: "Home" }).waitFor();
    await visit.settled();
    expect(await visit.text("table")).toContain("completed with errors");
    await visit.shoot("home");
    await visit.unharmed();
    await visit.open("#/import");
    const buffer = Buffer.from("id\n1\n");
    await page.locator("input[type=file]").setInputFiles({ name: "mine.csv", mimeType: "text/csv", buffer });
    await page.getByText("mine.csv").waitFor();
    await page.locator(".user summary").click();
    await button(visit, "Log out").click();
    await page.getByLabel("Token").waitFor();
    expect((await visit.context.cookies()).map(({ value }) => value)).toEqual([]);
    // The next person starts without the choices of the last one.
    await page.getByRole("tab", { name: "Partner" }).click();
    await page.getByLabel("Client identifier").fill(client.identifier);
    await page.getByLabel("Secret").fill(client.secret);
    await page.keyboard.press("Enter");
    await page.getByText("Drop a file here").waitFor();
  });

  test("that has to wait counts down, and offers the button again", async () => {
    const visit = await world.visit({ path: "/" });
    const { page } = visit;
    const detail = "More than 100 logins have failed.";
    await page.route("**/session", (route) =>
      route.fulfill({
        status: 429,
        headers: { "Retry-After": "2", "Content-Type": "application/problem+json" },
        body: JSON.stringify({ code: "too-many-failed-logins", detail }),
      }),
    );
    await page.keyboard.type("something");
    await page.keyboard.press("Enter");
    await page.getByText(/Try again in \d s/).waitFor();
    expect([await page.getByRole("alert").innerText(), await button(visit, "Log in").isDisabled()]).toEqual([
      expect.stringContaining(detail),
      true,
    ]);
    await page.getByText("Try again now.").waitFor();
    expect(await button(visit, "Log in").isDisabled()).toBe(false);
    expect(await page.locator("input[type=password]").inputValue()).toBe("something");
  });

  test("is asked for again over the page when the session has ended, and then the page goes on", async () => {
    const visit = await world.visit({ role: "admin", path: "#/", own: true });
    const { page, context } = visit;
    await context.clearCookies();
    await page.keyboard.press("r");
    const dialog = page.getByRole("dialog", { name: "Your session has ended" });
    await dialog.waitFor();
    expect(await titleOf(visit)).toBe("Overview");
    await visit.clean();
    await dialog.getByLabel("Token").fill(ADMIN_TOKEN);
    const again = page.waitForResponse((answer) => answer.url().endsWith("/admin/stats") && answer.ok());
    await page.keyboard.press("Enter");
    await dialog.waitFor({ state: "detached" });
    await again;
  });
});

describe("the frame", () => {
  test("can be used by keyboard, says which page is open, and gives the focus to its title", async () => {
    const visit = await world.visit({ role: "viewer", path: "#/nowhere" });
    const { page } = visit;
    expect([await titleOf(visit), await page.title()]).toEqual([
      "There is no such page",
      "There is no such page · DataFlow · staging",
    ]);
    await visit.clean();
    await page.keyboard.press("g");
    await page.keyboard.press("o");
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    const focused = () => page.evaluate<string>("document.activeElement.innerText");
    await until(async () => (await focused()) === "Overview");
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keys" }).waitFor();
    expect(await visit.text("dialog")).toContain("Pause or go on with new data");
    await visit.clean();
    await page.keyboard.press("Escape");
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox").fill("over");
    await page.getByRole("option", { name: "Overview" }).waitFor();
    await visit.clean();
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor({ state: "detached" });
  });

  test("keeps the chosen theme after a reload", async () => {
    const visit = await world.visit({ role: "viewer", path: "#/", own: true });
    const { page } = visit;
    await page.locator(".user summary").click();
    await visit.clean();
    const opened = page.waitForEvent("popup");
    await page.getByRole("link", { name: "Runbook" }).click();
    const guide = await opened;
    await guide.getByRole("heading", { name: "Runbook" }).waitFor();
    await guide.close();
    await page.getByRole("radio", { name: "Dark" }).check();
    const ground = () => page.evaluate("getComputedStyle(document.body).backgroundColor");
    await page.emulateMedia({ colorScheme: "light" });
    expect(await ground()).toBe("rgb(15, 18, 23)");
    await page.reload();
    await page.locator("h1").waitFor();
    expect(await ground()).toBe("rgb(15, 18, 23)");
  });

  test("keeps its data while the API is away, allows no change, and reads again when the API is back", async () => {
    const visit = await world.visit({ role: "admin", path: "#/", own: true });
    const { page, context } = visit;
    await context.setOffline(true);
    await page.keyboard.press("r");
    await page.getByText("The API does not answer.").first().waitFor();
    expect(await titleOf(visit)).toBe("Overview");
    expect(await page.locator("main.stale").count()).toBe(1);
    await visit.shoot("away");
    const pause = button(visit, /^Pause /).last();
    expect(await pause.getAttribute("aria-disabled")).toBe("true");
    await pause.click({ force: true });
    await page.getByText("This can be done when it is back.").waitFor();
    expect(await page.getByRole("dialog").count()).toBe(0);
    await visit.clean("main");
    const again = page.waitForResponse((answer) => answer.url().endsWith("/admin/stats") && answer.ok());
    await context.setOffline(false);
    await again;
    await page.locator("main:not(.stale)").waitFor();
    await page.waitForFunction("document.querySelector('main [aria-disabled=true]') === null");
    await page.getByText("The API does not answer.").waitFor({ state: "detached" });
    // A page whose file could not be loaded is loaded once the API is back.
    await context.setOffline(true);
    await page.keyboard.press("g");
    await page.keyboard.press("a");
    await page.getByText("The API does not answer.").waitFor();
    await context.setOffline(false);
    await page.getByRole("heading", { name: "Audit" }).waitFor();
  });

  test("offers to load the new version when a file of the page is gone", async () => {
    const visit = await world.visit({ role: "viewer", own: true });
    await visit.page.route("**/pages/overview.js", (route) => route.fulfill({ status: 404, body: "{}" }));
    await visit.page.goto("/");
    await button(visit, "Load the new version").waitFor();
    await visit.page.unroute("**/pages/overview.js");
    await button(visit, "Load the new version").click();
    await visit.page.getByRole("heading", { name: "Overview" }).waitFor();
  });

  test.each(["viewer", "partner"] as const)("fits 320 pixels for a %s", async (role) => {
    const visit = await world.visit({ role, path: "#/", width: 320 });
    expect(await visit.page.evaluate("document.documentElement.scrollWidth")).toBe(320);
    await visit.shoot(`narrow-${role}`);
    await visit.clean();
  });
});

test("a pause ends both streams while a new one replaces the old one", async () => {
  const { feed } = world.system.broker.getLocalService("api") as unknown as { feed: { size: number } };
  const visit = await world.visit({ role: "viewer", own: true });
  const { page } = visit;
  const paths = ["#/batches", `#/batches/${world.seed.batchId}`];
  // A page that has to be loaded first has no stream meanwhile.
  for (const path of [...paths, "#/nodes"]) await visit.open(path);
  await page.locator("button.age.live").waitFor();
  await until(() => feed.size === 1, "one stream");
  // The streams of the next pages do not open.
  await page.route("**/admin/events*", () => {});
  for (const path of paths) {
    const asked = page.waitForRequest("**/admin/events*");
    await visit.open(path);
    await asked;
  }
  expect(feed.size).toBe(1);
  await page.keyboard.press("p");
  await until(() => feed.size === 0, "the streams to close");
});

test("the dataset that was sent last is preselected for a file; before the first one none is", async () => {
  const other = await newClient(world.url);
  const put = (path: string) => admin(world.url, path, { method: "PUT", body: "{}" });
  for (const name of ["orders", "reviewed"]) {
    await put(`/datasets/${name}`);
    await put(`/clients/${other.id}/datasets/${name}`);
  }
  const { page } = await world.visit({ role: "partner", client: other, path: "#/import" });
  const kind = page.getByLabel("What is it?");
  expect(await kind.inputValue()).toBe("default");
  const headers = { authorization: other.auth, "content-type": "text/csv" };
  const request = { method: "POST", headers, body: "id\n1\n" };
  expect((await fetch(`${world.url}/datasets/reviewed/imports`, request)).status).toBe(202);
  await page.reload();
  await until(async () => (await kind.inputValue()) === "reviewed", "the dataset of the last batch");
});

test("the first load is below 100 kB, compressed, with the chart of the overview", async () => {
  const visit = await world.visit({ role: "admin", own: true });
  const sizes = new Map<string, number>();
  visit.page.on("response", (answer) => {
    const { pathname } = new URL(answer.url());
    const size = Number(answer.headers()["content-length"] ?? 0);
    if (pathname === "/" || pathname.startsWith("/console/")) sizes.set(pathname.replace(/\/console\/[^/]+/, ""), size);
  });
  await visit.open("#/?range=1h");
  await visit.page.locator(".plot canvas").waitFor();
  expect([...sizes.keys()]).toEqual(expect.arrayContaining(["/", "/main.js", "/console.css", "/lib/uplot.js"]));
  const total = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  expect(total < 100_000 ? total : [...sizes]).toBe(total);
});

test("the first load of a partner's home with 13 batches, with all that it reads, is below 100 kB, too", async () => {
  const client = await newClient(world.url);
  for (let n = 0; n < 13; n++) await post(world.url, client, `{"id":"p-${n}"}\n`);
  const visit = await world.visit({ role: "partner", client, own: true });
  const sizes = new Map<string, number>();
  visit.page.on("response", (answer) => {
    const { pathname } = new URL(answer.url());
    const size = Number(answer.headers()["content-length"] ?? 0);
    sizes.set(pathname.replace(/\/console\/[^/]+/, ""), size);
  });
  await visit.open("#/");
  await until(async () => (await visit.page.locator("tbody tr").count()) >= 10, "the batches");
  expect(sizes.get("/imports")).toBeLessThan(3_000);
  const total = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  expect(total < 100_000 ? total : [...sizes]).toBe(total);
});

test("a partner cannot open other clients' batches, and a partner's pages fit 320 pixels", async () => {
  const client = await newClient(world.url, {});
  const visit = await world.visit({ role: "partner", client, path: `#/batches/${world.seed.batchId}`, width: 320 });
  const { page } = visit;
  await page.getByText("not-found").waitFor();
  for (const path of ["#/", "#/import", "#/batches", "#/datasets", "#/developers", "#/account"]) {
    await visit.open(path);
    expect([path, await page.evaluate("document.documentElement.scrollWidth")]).toEqual([path, 320]);
  }
});
