/** The promise: the overview says in one sentence how the system is. An operator can do there what has to be done. */
import type { WithDatabase } from "../../mixins/database.ts";
import { admin, newClient, post } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import { startConsole } from "./kit.ts";

/** The names of the actions that this node has called. */
const calls: string[] = [];
const world = startConsole({
  // The history's own look at the queue, once a minute, would be counted as a call of a page.
  settings: { stats: { writeEveryMs: 100, lookEveryMs: 3_600_000 } },
  watch: {
    localAction:
      (next: (ctx: unknown) => unknown, { name }: { name: string }) =>
      (ctx: unknown) => {
        calls.push(name);
        return next(ctx);
      },
  } as never,
});

const seen = (state: string) =>
  `Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => '${state}' }); document.dispatchEvent(new Event('visibilitychange'))`;
const HIDE = seen("hidden");
const SHOW = seen("visible");

/**
 * Shortens a page's timers: the time after which a hidden page counts as unused, the pause before it asks for the API again, and
 * the pause between readings.
 */
const SOON = `{
  const shorter = { 30000: 0, 4000: 20, 5000: 20 };
  for (const name of ["setTimeout", "setInterval"]) {
    const later = window[name];
    window[name] = (run, ms, ...more) => later(run, shorter[ms] ?? ms, ...more);
  }
}`;

/** Whether the history has the seed's records. */
const isInHistory = async () => {
  const from = new Date(Date.now() - 3_600_000).toISOString();
  const answer = await admin(world.url, `/stats/history?step=1m&series=records&from=${from}`);
  const { series } = (await answer.json()) as { series: { accepted: (number | null)[] } };
  return series.accepted.some((n) => n !== null && n > 0);
};

test("the overview says how the system is, what was imported, and which node runs", async () => {
  await until(isInHistory);
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

test("after a start the chart of seconds says from which moment on it has figures", async () => {
  const visit = await world.visit({ role: "viewer", path: "#/?range=1h", own: true });
  const { page } = visit;
  // The process of the tests has run for longer and has imported records, so the answer's start time is replaced.
  const startedAt = new Date(Date.now() - 60_000).toISOString();
  await page.route("**/admin/events*", (route) => route.abort());
  await page.route("**/admin/stats", async (route) => {
    const response = await route.fetch();
    const stats = (await response.json()) as { nodes: object[] };
    const nodes = stats.nodes.map((node) => ({ ...node, startedAt }));
    await route.fulfill({ response, json: { ...stats, nodes } });
  });
  await page.route("**/admin/stats/history*", async (route) => {
    const response = await route.fetch();
    const history = (await response.json()) as { series: Record<string, (number | null)[]> };
    const series = Object.fromEntries(Object.entries(history.series).map(([name, all]) => [name, all.map(() => 0)]));
    await route.fulfill({ response, json: { ...history, series } });
  });
  await page.reload();
  await page.getByText("Nothing was imported in this time.").waitFor();
  await page.getByRole("button", { name: "5 min" }).click();
  await page.getByText(/^No figures yet since the start at \d\d:\d\d:\d\d\.$/).waitFor();
});

test("a batch that waits for approval is approved on the overview, and leaves its list", async () => {
  const client = await newClient(world.url, { requiresApproval: true });
  const { id } = (await (await post(world.url, client, '{"a":1}')).json()) as { id: string };
  const visit = await world.visit({ role: "operator", path: "#/" });
  const { page } = visit;
  const row = page.locator(`li:has(a[href="#/batches/${id}"])`);
  await row.waitFor();
  await page.locator(".verdict .first", { hasText: /^1 batch waits for approval\. Show them What to do$/ }).waitFor();
  await row.getByRole("button", { name: "Approve" }).click();
  const dialog = page.getByRole("dialog", { name: "Approve batch?" });
  await dialog.waitFor();
  expect(await dialog.innerText()).toContain("1 record is delivered");
  await visit.clean();
  await dialog.getByRole("button", { name: "Approve batch" }).click();
  await dialog.waitFor({ state: "detached" });
  await row.waitFor({ state: "detached" });
  await until(async () => {
    const batch = (await (await admin(world.url, `/batches/${id}`)).json()) as { status: string };
    return batch.status === "completed";
  });
});

test("on the page of nodes a worker is paused and resumed, and caches are emptied", async () => {
  const visit = await world.visit({ role: "operator", path: "#/nodes", width: 1440 });
  const { page } = visit;
  await page.getByRole("button", { name: /^Pause / }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Pause worker" }).click();
  await page.getByText("paused", { exact: true }).waitFor();
  await page.goto("/#/");
  await page.getByText("All workers are paused.").waitFor();
  await page.goto("/#/nodes");
  await page.getByRole("button", { name: /^Go on / }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Go on" }).click();
  await page.getByText("up", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Empty caches" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Empty caches" }).click();
  await page.getByText("The caches of all nodes are empty.").waitFor();
  await visit.shoot("nodes");
  await visit.clean();
});

test("the page follows the event stream, and a pause stops that", async () => {
  const visit = await world.visit({ role: "operator", path: "#/nodes", own: true });
  const { page } = visit;
  const age = page.locator("button.age");
  await page.locator("button.age.live").waitFor();
  await page.keyboard.press("p");
  await page.locator("button.age.paused").waitFor();
  const requests: string[] = [];
  page.on("request", (request) => requests.push(new URL(request.url()).pathname));
  await page.getByText("2 s", { exact: true }).waitFor();
  expect([requests, await age.getAttribute("aria-pressed")]).toEqual([[], "true"]);
  await visit.clean("button.age");
  await page.keyboard.press("p");
  await page.locator("button.age.live").waitFor();
  expect(new Set(requests)).toEqual(new Set(["/admin/stats", "/admin/events"]));
});

test("an open page costs its node one query a second, and a hidden page costs nothing", async () => {
  const visit = await world.visit({ role: "viewer", own: true });
  const { page, context } = visit;
  await context.addInitScript(SOON);
  // The count of failed deliveries is cached for a while.
  const asked = () => calls.filter((name) => /^(batch|webhook|policy|audit|stats\.history)\b/.test(name));
  const looks = async (n: number) => {
    calls.length = 0;
    await until(() => calls.filter((name) => name === "batch.stats").length >= n, "the figures");
    return asked();
  };
  for (const path of ["#/", "#/nodes"]) {
    await visit.open(path);
    await page.locator("button.age.live").waitFor();
    await until(async () => (await looks(1)).length <= 2, "the end of what the page reads at first");
    const found = await looks(3);
    // Now and then the page also lists the deliveries, and the node writes to the database.
    expect(found.length <= 5 ? path : [path, found]).toBe(path);
  }
  // Waits for longer than the pause between two readings, and answers the calls of that time.
  const rest = async () => {
    calls.length = 0;
    const beganAt = performance.now();
    await until(() => performance.now() > beganAt + 1_500, "a while");
    return asked();
  };
  calls.length = 0;
  await visit.open("#/batches");
  await page.locator("button.age.live").waitFor();
  // The list is read again once it hears of changes.
  await until(() => calls.filter((name) => name === "batch.find").length >= 2, "the second reading");
  await until(async () => (await rest()).length === 0, "the end of what the list reads at first");
  expect(await rest()).toEqual([]);
  const { feed } = world.system.broker.getLocalService("api") as unknown as { feed: { size: number } };
  const asleep = () => until(() => feed.size === 0, "the stream to close");
  await page.evaluate(HIDE);
  await asleep();
  expect(await rest()).toEqual([]);
  // A page that is opened in a background tab is hidden from the start.
  await page.addInitScript(HIDE);
  await page.reload();
  await page.getByRole("heading", { name: "Batches" }).waitFor();
  await page.locator("button.age.off").waitFor();
  await asleep();
});

test("a paused page does not read a running batch, and a hidden page does not ask for an API that is away", async () => {
  const visit = await world.visit({ role: "viewer", own: true });
  const { page, context } = visit;
  await context.addInitScript(SOON);
  const requests: string[] = [];
  page.on("request", (request) => requests.push(new URL(request.url()).pathname));
  const asked = (path: string, times: number) =>
    until(() => requests.filter((one) => one === path).length >= times, `${times} requests for ${path}`);
  const rest = async () => {
    requests.length = 0;
    const beganAt = performance.now();
    await until(() => performance.now() > beganAt + 500, "a while");
    return requests;
  };
  const path = `/admin/batches/${world.seed.batchId}`;
  await page.route(`**${path}`, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...(await response.json()), status: "processing" } });
  });
  await visit.open(`#/batches/${world.seed.batchId}`);
  await asked(path, 4);
  await page.keyboard.press("p");
  await page.locator("button.age.paused").waitFor();
  // A reading that began before the pause may tell another status than the stream did, and so lead to two more.
  await until(async () => (await rest()).length === 0, "the end of what the page read before the pause");
  await page.unrouteAll({ behavior: "wait" });
  await context.setOffline(true);
  await page.keyboard.press("r");
  await asked("/health/live", 3);
  await page.evaluate(HIDE);
  await until(async () => (await rest()).length === 0, "the end of asking");
  await context.setOffline(false);
  requests.length = 0;
  await page.evaluate(SHOW);
  await page.locator("main:not(.stale)").waitFor();
  // The page is still paused, so it asks only whether the API is back.
  expect(requests).toEqual(["/health/live"]);
});

test("without the event stream the page polls", async () => {
  const visit = await world.visit({ role: "viewer", own: true });
  const { page } = visit;
  await page.route("**/admin/events*", (route) => route.fulfill({ status: 503, body: "{}" }));
  await visit.open("#/nodes");
  const again = page.waitForResponse((answer) => answer.url().endsWith("/admin/stats"));
  await page.locator("button.age.polling").waitFor();
  expect((await again).status()).toBe(200);
});

test("the guide of the running version explains an error code", async () => {
  const visit = await world.visit({ role: "partner", path: "#/errors?code=quota-exceeded" });
  const rows = visit.page.locator("tbody tr");
  await rows.first().waitFor();
  expect(await rows.allInnerTexts()).toEqual([
    expect.stringMatching(/^quota-exceeded\s+429\s+requests, bytes or records/),
  ]);
  // The document has loaded its style sheet too.
  expect(await visit.page.evaluate("getComputedStyle(document.querySelector('tbody td')).verticalAlign")).toBe("top");
  await visit.page.getByLabel("Code").fill("nobody-knows");
  await visit.page.getByText("No code is called that.").waitFor();
  await visit.clean();
});

test("the overview names clients at a limit and a webhook that is turned off, with links to where they are mended", async () => {
  const full = await newClient(world.url, { recordsPerDay: 10 });
  await post(world.url, full, '{"id":"a"}\n'.repeat(10));
  const gone = await newClient(world.url);
  const { models } = (world.system.broker.getLocalService("clientCache") as unknown as WithDatabase).database;
  await models.Client.update({ webhookOffAt: Date.now() }, { where: { publicId: gone.id } });
  const visit = await world.visit({ role: "admin", path: "#/" });
  const { page } = visit;
  const row = (who: string) => page.locator(".matters li", { has: page.getByRole("link", { name: who, exact: true }) });
  await row(full.identifier).getByText("10 of the day's 10 records are used.").waitFor();
  await row(`Webhook of ${gone.identifier}`).getByText("answered 410").waitFor();
  // The sentence at the top names them too.
  expect(await page.locator(".verdict li").allInnerTexts()).toEqual([
    "1 webhook is off: the receiver answered 410 (gone).",
    "1 client is at a limit.",
  ]);
  await visit.clean();
  await row(full.identifier).getByRole("link", { name: "See its use" }).click();
  await page.getByText("Use of its limits now").waitFor();
  await page.goBack();
  await row(`Webhook of ${gone.identifier}`).getByRole("link", { name: "Turn on again" }).click();
  await page.getByRole("button", { name: /Turn on/ }).waitFor();
});
