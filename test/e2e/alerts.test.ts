/** The promise: the operators' chat gets a line for each kind of alert, at most one a minute, and no alert is lost meanwhile. */
import { accepted, admin, type Batch, batchWhen, newClient } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import { startReceiver } from "../helpers/receiver.ts";
import {
  chat,
  chatAnswers,
  counted,
  databaseOf,
  failed,
  looksOn,
  minuteOver,
  open,
  outboxIsEmpty,
  post,
  query,
  queueLooks,
  SECRET_VALUE,
  said,
  strict,
  system,
  texts,
  waiting,
  withChat,
} from "./alerts.kit.ts";

withChat();

test("a batch that fails is one line of plain English: who, which, why, and no value of a record", async () => {
  const client = await newClient(system.url, strict, { identifier: "acme", name: "Acme <!here> & @all" });
  const batch = await failed(client);
  expect(await said(1)).toBe(
    `DataFlow staging: Batch ${batch.id} of client acme (Acme &lt;!here&gt; &amp; @\u200ball), dataset default, failed: too-many-errors.`,
  );
  expect(chat.got[0]?.headers).toMatchObject({
    "content-type": "application/json; charset=utf-8",
    "user-agent": expect.stringMatching(/^DataFlow-Alerts\//),
  });
  expect(chat.got[0]?.body).not.toContain(SECRET_VALUE);
});

test("within a minute there is one line; the next one sums what was held back", async () => {
  const client = await newClient(system.url, strict);
  await failed(client);
  await said(1);
  const batches = await Promise.all(Array.from({ length: 8 }, () => failed(client)));
  await until(async () => (await waiting()) === 8, "all are noted");
  await looksOn();
  expect(chat.got).toHaveLength(1);
  await minuteOver();
  const line = await said(2);
  expect(line).toMatch(/ … and 7 more batches failed in the last minute\.$/);
  expect(batches.map(({ id }) => id)).toContain(/Batch (\S+) of/.exec(line)?.[1]);
  expect(await waiting()).toBe(0);
  await minuteOver();
  await looksOn();
  expect(chat.got).toHaveLength(2);
});

test.each([true, "afterValidation"])("a batch that is held for approval (%s) is told of", async (requiresApproval) => {
  const client = await newClient(system.url, { requiresApproval });
  const { id } = await accepted(system.url, client, '{"n":1}');
  expect(await said(1)).toBe(
    `DataFlow staging: Batch ${id} of client ${client.identifier}, dataset default, waits for approval.`,
  );
  await post(`/batches/${id}/approve`);
  await batchWhen(system.url, client, id, ({ status }) => status === "completed");
  await until(outboxIsEmpty);
  await minuteOver();
  await looksOn();
  expect(chat.got).toHaveLength(1);
});

test("neither a batch that is held for its window nor one that an operator ends is told of", async () => {
  const far = new Date(Date.now() + 12 * 3_600_000).toISOString();
  const to = new Date(Date.now() + 13 * 3_600_000).toISOString();
  const window = { from: far.slice(11, 16), to: to.slice(11, 16), timeZone: "UTC" };
  const client = await newClient(system.url, { window });
  const { id } = await accepted(system.url, client, '{"n":1}');
  await batchWhen(system.url, client, id, ({ status }) => status === "held");
  await post(`/batches/${id}/cancel`);
  await until(outboxIsEmpty);
  await minuteOver();
  await looksOn();
  expect(chat.got).toHaveLength(0);
});

test("a delivery that is given up is told of, with the status of the last answer", async () => {
  const partner = await startReceiver(() => 503);
  open.push(partner);
  const client = await newClient(system.url, { webhook: { url: partner.url, events: ["batch.completed"] } });
  const { id } = await accepted(system.url, client, '{"n":1}');
  const line = await said(1);
  expect(line).toMatch(
    new RegExp(
      `^DataFlow staging: The webhook delivery \\S+ of client ${client.identifier} was given up: batch.completed of batch ${id}, last answer 503\\.$`,
    ),
  );
  expect(partner.got).toHaveLength(3);
  expect(line).toContain(partner.got[0]?.headers["webhook-id"] ? "delivery" : "");
});

test("a webhook that is turned off by 410 is told of, and how many deliveries are lost with it", async () => {
  const partner = await startReceiver((_number, res, { event }) => {
    res.setHeader("retry-after", "3600");
    return event.type === "batch.completed" ? 410 : 503;
  });
  open.push(partner);
  const webhook = { url: partner.url, events: ["batch.created", "batch.completed"] };
  const client = await newClient(system.url, { requiresApproval: true, webhook });
  const ids = await Promise.all([1, 2].map(async (n) => (await accepted(system.url, client, `{"n":${n}}`)).id));
  await until(() => partner.got.length >= 2, "both wait for an hour");
  await post(`/batches/${ids[0]}/approve`);
  const sum = async () => {
    await minuteOver();
    return texts().find((text) => text.includes("webhook deliveries")) ?? false;
  };
  expect(await until(sum, "the sum is told")).toMatch(/2 (more webhook deliveries|webhook deliveries of client)/);
  expect(texts().join()).toContain("batch.completed of batch ");
  expect(texts().join()).toContain("the receiver is gone (410) and the webhook is off.");
});

test("a check is told of when its commit waits for an operator, and not before", async () => {
  const client = await newClient(system.url, { requiresApproval: true });
  const ask = (path: string, body?: string) =>
    fetch(`${system.url}${path}`, {
      method: "POST",
      headers: { authorization: client.auth, "content-type": "application/x-ndjson" },
      ...(body && { body }),
    });
  const { id } = (await (await ask("/imports?validateOnly=true", '{"n":1}')).json()) as Batch;
  await batchWhen(system.url, client, id, ({ status }) => status === "validated");
  await until(outboxIsEmpty);
  await looksOn();
  expect(chat.got).toHaveLength(0);
  await ask(`/imports/${id}/commit`);
  expect(await said(1)).toContain(`Batch ${id} of client ${client.identifier}, dataset default, waits for approval.`);
});

test("a batch whose policy nobody could ask at first is told of once it is held", async () => {
  const client = await newClient(system.url, { requiresApproval: true });
  const { id } = await accepted(system.url, client, '{"n":1}');
  await said(1);
  // An upload leaves this state if `policy` does not answer.
  await query(`UPDATE "batch" SET "state" = 'received', "reason" = NULL, "due_at" = 1 WHERE "public_id" = '${id}'`);
  await minuteOver();
  expect(await said(2)).toContain(`Batch ${id} of client ${client.identifier}, dataset default, waits for approval.`);
});

test("a queue that is late is told of once, and once more when it is on time again", async () => {
  const client = await newClient(system.url);
  const node = system.broker.nodeID;
  await post(`/nodes/${node}/pause`);
  const { id } = await accepted(system.url, client, '{"n":1}');
  await queueLooks();
  const bound = "The bound is 1 s.";
  expect(await said(1)).toMatch(
    new RegExp(
      `^DataFlow staging: The queue is late: batch ${id} of client ${client.identifier} could be claimed for .* ${bound}$`,
    ),
  );
  await queueLooks();
  await looksOn();
  await queueLooks();
  await looksOn();
  expect(chat.got).toHaveLength(1);
  await post(`/nodes/${node}/resume`);
  await batchWhen(system.url, client, id, ({ status }) => status === "completed");
  await queueLooks();
  expect(await said(2)).toMatch(/The queue is on time again: no batch waits longer than 1 s/);
});

test("a batch whose client is paused makes no queue late, however long it waits", async () => {
  const client = await newClient(system.url, { maxConcurrentBatches: 1 });
  const node = system.broker.nodeID;
  await post(`/nodes/${node}/pause`);
  await accepted(system.url, client, '{"n":1}');
  // No worker may claim a batch of a paused client, so it does not make the queue late.
  await post(`/clients/${client.id}/pause`);
  await query('UPDATE "batch" SET "due_at" = 1 WHERE "state" = \'ready\'');
  await queueLooks();
  await looksOn();
  expect(chat.got).toHaveLength(0);
  await post(`/clients/${client.id}/resume`);
  await post(`/nodes/${node}/resume`);
  await until(async () => (await query('SELECT "id" FROM "batch" WHERE "state" = \'ready\'')).length === 0);
});

test("a line that the chat does not take is sent again, with what has come meanwhile", async () => {
  chatAnswers(500);
  const [sent, retried] = [await counted("sent"), await counted("retried")];
  const client = await newClient(system.url, strict);
  await failed(client);
  await said(1);
  await until(async () => (await counted("retried")) === retried + 1, "the try is counted");
  const [row] = await query<{ tries: number; due_at: number }>('SELECT * FROM "alert" WHERE "kind" = \'batch_failed\'');
  // The same waits as for webhooks: 5 s and up to a fifth more.
  const waitMs = Number(row?.due_at) - (await databaseOf(system).now());
  expect([Number(row?.tries), waitMs > 0, waitMs <= 6_000]).toEqual([1, true, true]);
  await failed(client);
  await until(async () => (await waiting()) === 1, "it is noted");
  await minuteOver();
  expect(await said(2)).toMatch(/ … and 1 more batch failed in the last minute\.$/);
  expect(texts()[0]).toBe(texts()[1]?.replace(/ … .*/, ""));
  await until(async () => (await counted("sent")) === sent + 1, "the line is counted");
  const [after] = await query<{ tries: number; pending: string | null }>(
    'SELECT * FROM "alert" WHERE "kind" = \'batch_failed\'',
  );
  expect([Number(after?.tries), after?.pending]).toEqual([0, null]);
});

test("an alert that cannot be told delays no batch", async () => {
  const store = databaseOf(system).store;
  const broken = jest.spyOn(store, "dueAlerts").mockRejectedValue(new Error("no"));
  const client = await newClient(system.url, { ...strict, maxErrors: null });
  const { id } = await accepted(system.url, client, '{"n":1}');
  expect(await batchWhen(system.url, client, id)).toMatchObject({ status: "completed" });
  broken.mockRestore();
});

test("operators try it: what the chat says is told, and of its URL the host alone", async () => {
  chatAnswers(204, 404);
  const host = new URL(chat.url).host;
  expect(await post("/alerts/test")).toEqual({
    host,
    at: expect.stringMatching(/Z$/),
    status: 204,
    error: null,
    ms: expect.any(Number),
  });
  expect(texts()).toEqual(["DataFlow staging: A test, which an operator has sent. It tells of no batch."]);
  expect(await post("/alerts/test")).toMatchObject({ status: 404, error: "answered 404" });
  await until(async () => (await post("/alerts/test")).code === "quota-exceeded", "it is enough");
  const { items } = (await (await admin(system.url, "/audit?action=alerts.test")).json()) as { items: object[] };
  expect(items.at(-1)).toMatchObject({ change: { "/status": [null, 204] } });
  expect(items.at(-2)).toMatchObject({ change: { "/status": [null, 404], "/error": [null, "answered 404"] } });
  const known = await Promise.all(
    ["/system", "/audit", "/stats"].map(async (path) => (await admin(system.url, path)).text()),
  );
  expect(known.join()).not.toContain("secret-of-the-chat");
  expect(known[0]).toContain(`http://${host}/…`);
});
