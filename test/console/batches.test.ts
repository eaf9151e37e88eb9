/**
 * The promise: operators find any batch, see what is wrong in it down to the cell, and move one or many batches. The console
 * tells the consequence first.
 */
import { admin, newClient, post, type TestClient } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import { startConsole } from "./kit.ts";

const world = startConsole();

/** Creates a client, and batches of it that wait for an approval. */
async function heldBatches(count: number): Promise<{ identifier: string; ids: string[] }> {
  const client = await newClient(world.url, { requiresApproval: true });
  const ids: string[] = [];
  for (let n = 0; n < count; n++) {
    const response = await post(world.url, client, `{"id":"h-${n}"}\n`);
    ids.push(((await response.json()) as { id: string }).id);
  }
  return { identifier: client.identifier, ids };
}

const statusOf = async (id: string) =>
  ((await (await admin(world.url, `/batches/${id}`)).json()) as { status: string }).status;

test("errors are grouped, and the wrong cell of a record is marked", async () => {
  const { batchId } = world.seed;
  const visit = await world.visit({ role: "viewer", path: `#/batches/${batchId}` });
  const { page } = visit;
  expect(await visit.text(".equation")).toMatch(
    /40\s+received\s+=\s+36\s+stored\s+\+\s+4\s+rejected\s+\+\s+0\s+duplicates/,
  );
  await page.locator(".samples mark").first().waitFor();
  expect(await visit.text("#tab-panel tbody")).toMatch(/4\s+100 %\s+amount\s+exclusiveMinimum\s+must be > 0\s+-3\s+11/);
  const marked = await page.locator(".samples tbody tr").first().locator("td").allInnerTexts();
  expect(marked).toEqual(["11", "10", expect.stringContaining("must be > 0"), "a-9", "-3"]);
  expect(await page.locator(".samples tbody tr").first().locator("td mark").allInnerTexts()).toEqual(["-3", "-3"]);
  expect(await visit.text(".timeline")).toMatch(/Received[\s\S]+Work began[\s\S]+Completed with errors/);
  // A viewer gets no buttons that change anything.
  expect(await page.getByRole("button", { name: /Take back|Cancel/ }).count()).toBe(0);
  await visit.shoot("batch");
  await visit.clean();

  const file = page.waitForEvent("download");
  await page.getByRole("button", { name: "CSV of this group" }).click();
  expect((await file).suggestedFilename()).toBe(`${batchId}-amount-exclusiveMinimum.csv`);

  await page.getByRole("tab", { name: "Errors" }).press("ArrowRight");
  await page.waitForFunction("location.hash.endsWith('tab=records')");
  await page.getByLabel("From record").fill("40");
  await page.keyboard.press("Enter");
  await page.getByText("No record from 40 on is stored.").waitFor();
  await page.getByRole("button", { name: "Show the first ones" }).click();
  await page.getByRole("cell", { name: "a-0" }).waitFor();
  await visit.clean("#tab-panel");
  for (const [tab, words] of [
    ["Preview", "file is not kept"],
    ["Deliveries", "No webhook was sent"],
    ["Audit", "Nobody has changed it"],
    ["Raw JSON", `"id": "${batchId}"`],
  ] as const) {
    await page.getByRole("tab", { name: tab }).click();
    await page.getByText(words).waitFor();
  }
  await visit.clean("#tab-panel");
});

test("an operator finds, selects and moves one batch; its history shows the reason", async () => {
  const { identifier, ids } = await heldBatches(1);
  const [id = ""] = ids;
  const visit = await world.visit({ role: "operator", path: `#/batches?client=${identifier}` });
  const { page } = visit;
  expect(await visit.text("tbody")).toContain("an operator has to approve it");
  await page.keyboard.press("j");
  await page.keyboard.press("x");
  await page.getByText("1 selected").waitFor();
  await visit.clean();
  await page.locator("tbody tr").first().focus();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: `Batch ${id.slice(0, 8)}…${id.slice(-4)}` }).waitFor();
  await page.getByRole("button", { name: "Reject" }).click();
  const dialog = page.getByRole("dialog", { name: "Reject this batch?" });
  expect(await dialog.innerText()).toContain("none of its records is stored");
  await visit.clean();
  await dialog.getByLabel(/Reason/).fill("Of last year");
  await dialog.getByRole("button", { name: "Reject batch" }).click();
  await page.locator("h1 ~ .state", { hasText: "rejected" }).waitFor();
  await page.locator(".timeline", { hasText: "Of last year" }).waitFor();
  expect(await visit.text(".timeline")).toMatch(/Rejected by operator-\d/);
  expect(await statusOf(id)).toBe("rejected");
});

test("a batch that waits for the one in front says why it cannot be approved", async () => {
  const client = await newClient(world.url, { requiresApproval: true, order: "fifo" });
  for (const n of [1, 2]) await post(world.url, client, `{"id":"o-${n}"}\n`);
  const found = await admin(world.url, `/batches?client=${client.identifier}`);
  const [behind] = ((await found.json()) as { items: { id: string; hold: { reason: string } }[] }).items;
  await admin(world.url, `/batches/${behind?.id}/approve`, { method: "POST", body: "{}" });
  const visit = await world.visit({ role: "operator", path: `#/batches/${behind?.id}` });
  await visit.page.getByText("There is nothing to approve").waitFor();
  expect(await visit.page.getByRole("button", { name: "Approve" }).count()).toBe(0);
  await visit.clean("main");
});

test("a retry of rejected records links both batches, and the history names who asked for it", async () => {
  const { batchId } = world.seed;
  const visit = await world.visit({ role: "operator", path: "#/" });
  const { page } = visit;
  await page.keyboard.press("/");
  await page.getByRole("combobox").fill(batchId.slice(0, 13));
  await page
    .getByRole("option", { name: /Batch .* completed with errors/ })
    .first()
    .waitFor();
  await page.getByRole("combobox").fill(batchId);
  await page.getByRole("option", { name: /Batch / }).waitFor();
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Retry rejected" }).click();
  await page.getByText("None of 4 rejected records would pass now.").waitFor();
  await page.getByText(/The rules are the same \(policy v\d+\)/).waitFor();
  await page
    .getByRole("dialog")
    .getByLabel(/Reason/)
    .fill("The rules were wrong");
  await page.getByRole("button", { name: "Send again" }).click();
  await page.locator(".chain .here", { hasText: "sent again as" }).waitFor();
  expect(page.url()).not.toContain(batchId);
  await page.locator(".chain a").click();
  await page.locator(".timeline", { hasText: "The rules were wrong" }).waitFor();
  expect(await visit.text(".timeline")).toMatch(/Rejected records sent again by operator-\d/);
  expect(await page.getByRole("button", { name: "Retry rejected" }).count()).toBe(0);
});

test("all batches of a filter are moved: after a dry run and a typed number, and refused moves are listed", async () => {
  const { identifier, ids } = await heldBatches(52);
  await admin(world.url, `/batches/${ids[0]}/reject`, { method: "POST", body: "{}" });
  const visit = await world.visit({ role: "operator", path: `#/batches?client=${identifier}` });
  const { page } = visit;
  await page.locator(".counts", { hasText: "held" }).waitFor();
  expect(await visit.text(".counts")).toMatch(/held\s*51/);
  const refusal = { code: "unavailable", detail: "The database is away." };
  const actions = "**/admin/batches/actions";
  await page.route(actions, (route) =>
    route.fulfill({ status: 503, headers: { "x-request-id": "r-51" }, json: refusal }),
  );
  await page.locator(".bulk").getByRole("button", { name: "Cancel" }).click();
  const bad = page.locator(".toast.bad");
  await bad.waitFor();
  expect(await bad.innerText()).toMatch(/nothing was done: The database is away\.\s*Code unavailable\s*Request r-51/);
  expect(await bad.getByRole("link").getAttribute("href")).toBe("#/errors?code=unavailable");
  await visit.clean(".toasts");
  await page.unroute(actions);
  await bad.getByRole("button", { name: "Close" }).click();
  await page.locator(".bulk").getByRole("button", { name: "Cancel" }).click();
  const dialog = page.getByRole("dialog", { name: "Cancel 51 batches?" });
  await dialog.waitFor();
  expect(await dialog.innerText()).toMatch(/51 batches of 52 will be cancelled; 1 cannot be, by their state/);
  const go = dialog.getByRole("button", { name: "Cancel 51 batches" });
  expect(await go.isDisabled()).toBe(true);
  await dialog.getByRole("textbox").last().fill("51");
  await visit.clean();
  await go.click();
  const told = page.getByRole("dialog", { name: "51 batches cancelled" });
  await told.waitFor();
  expect(await told.innerText()).toMatch(/1 batch was refused[\s\S]+illegal-state/);
  await told.getByRole("button", { name: "Close" }).last().click();
  await until(async () => (await visit.text(".counts")).includes("51"));
  expect(await statusOf(ids.at(-1) ?? "")).toBe("cancelled");
});

test("a row that no longer matches the filter says so, keeps its place, and goes when the list is shown anew", async () => {
  const { identifier, ids } = await heldBatches(2);
  const visit = await world.visit({ role: "viewer", path: `#/batches?client=${identifier}&status=held` });
  const { page } = visit;
  const rows = page.locator("tbody tr");
  await rows.nth(1).waitFor();
  // What happens before the stream is there is not told by it.
  await page.locator("button.age.live").waitFor();
  await admin(world.url, `/batches/${ids[1]}/reject`, { method: "POST", body: "{}" });
  await page.getByRole("button", { name: "1 no longer in this list – show" }).waitFor();
  expect(await rows.allInnerTexts()).toEqual([
    expect.stringContaining("no longer in this list"),
    expect.not.stringContaining("no longer in this list"),
  ]);
  await visit.clean("main");
  await page.keyboard.press(".");
  await until(async () => (await rows.count()) === 1, "the row to go");
  expect(await rows.first().innerText()).not.toContain("no longer");
});

test("rows beyond the first page change in place, too", async () => {
  const { identifier, ids } = await heldBatches(52);
  const visit = await world.visit({ role: "viewer", path: `#/batches?client=${identifier}` });
  const { page } = visit;
  const rows = page.locator("tbody tr");
  await page.getByRole("button", { name: "Show more" }).click();
  await until(async () => (await rows.count()) === 52, "all rows");
  expect(await rows.last().innerText()).toContain("held");
  // The newest is first.
  await admin(world.url, `/batches/${ids[0]}/reject`, { method: "POST", body: "{}" });
  await rows.last().getByText("rejected", { exact: true }).waitFor();
  expect(await rows.count()).toBe(52);
  await visit.unharmed();
});

test("a change before the page hears of changes is shown, too", async () => {
  const { identifier, ids } = await heldBatches(1);
  const visit = await world.visit({ role: "viewer", own: true });
  const { promise: mayHear, resolve: hear } = Promise.withResolvers<void>();
  await visit.page.route("**/admin/events?*", (route) => mayHear.then(() => route.continue()));
  await visit.open(`#/batches?client=${identifier}`);
  const row = visit.page.locator("tbody tr");
  expect(await row.innerText()).toContain("held");
  await admin(world.url, `/batches/${ids[0]}/reject`, { method: "POST", body: "{}" });
  hear();
  await row.getByText("rejected", { exact: true }).waitFor();
});

test("filters are in the address and can be removed by keyboard; an empty list says what to do next", async () => {
  const visit = await world.visit({ role: "viewer", path: "#/batches?status=failed,rejected&format=xlsx", own: true });
  const { page } = visit;
  await page.getByText("No batch is like that.").waitFor();
  await visit.clean("main");
  await page.getByRole("button", { name: "Format: xlsx" }).press("Delete");
  await page.waitForFunction("location.hash === '#/batches?status=failed%2Crejected'");
  expect(await page.locator("tbody input").count()).toBe(0);
  await page.getByRole("button", { name: "Columns" }).or(page.getByText("Columns")).first().click();
  await page.getByLabel("Format").check();
  await page.locator("th", { hasText: "Format" }).waitFor();
});

/** Uploads a batch that is only checked. */
async function checkedBatch(client: TestClient): Promise<string> {
  const headers = { authorization: client.auth, "content-type": "application/x-ndjson" };
  const request = { method: "POST", headers, body: '{"id":"a"}\n' };
  const { id } = (await (await fetch(`${world.url}/imports?validateOnly=true`, request)).json()) as { id: string };
  await until(async () => (await statusOf(id)) === "validated");
  return id;
}

test("a batch that was only checked is committed, and the history names the operator", async () => {
  const id = await checkedBatch(await newClient(world.url));
  const visit = await world.visit({ role: "operator", path: `#/batches/${id}` });
  const { page } = visit;
  await page.getByRole("button", { name: "Commit" }).click();
  const dialog = page.getByRole("dialog", { name: "Commit this batch?" });
  expect(await dialog.innerText()).toContain("Its file was only checked.");
  await dialog.getByLabel(/Reason/).fill("They called");
  await visit.clean();
  await dialog.getByRole("button", { name: "Commit batch" }).click();
  await page.locator(".timeline", { hasText: "They called" }).waitFor();
  expect(await visit.text(".timeline")).toMatch(/Committed by operator-\d/);
  await until(async () => (await statusOf(id)) === "completed");
  expect(await page.getByRole("button", { name: "Commit" }).count()).toBe(0);
});

test("many batches are moved in pieces, with a progress bar", async () => {
  const client = await newClient(world.url, { requiresApproval: true });
  for (let n = 0; n < 103; n++) await post(world.url, client, `{"id":"h-${n}"}\n`);
  const visit = await world.visit({ role: "operator", path: `#/batches?client=${client.identifier}`, own: true });
  const { page } = visit;
  let go = () => {};
  const may = new Promise<void>((resolve) => {
    go = resolve;
  });
  let pieces = 0;
  await page.route("**/admin/batches/actions", async (route) => {
    if (!route.request().postDataJSON().dryRun && ++pieces === 2) await may;
    await route.continue();
  });
  await page.locator(".bulk").getByRole("button", { name: "Cancel" }).click();
  const dialog = page.getByRole("dialog", { name: "Cancel 103 batches?" });
  await dialog.getByRole("textbox").last().fill("103");
  await dialog.getByRole("button", { name: "Cancel 103 batches" }).click();
  await dialog.getByText("100 of 103").waitFor();
  await visit.clean();
  go();
  const told = page.getByRole("dialog", { name: "103 batches cancelled" });
  await told.waitFor();
  expect([pieces, await told.innerText()]).toEqual([2, expect.stringContaining("None was refused.")]);
});
