/**
 * `requiresApproval: "afterValidation"`: an operator, or `approveWhen`, decides by the result of the check. Then the whole batch
 * is delivered from its beginning.
 */
import { DatabaseUnavailable } from "../../../database/errors.ts";
import { accepted, admin, type Batch, batchWhen, get, lines, newClient, type TestClient } from "../../helpers/http.ts";
import { metrics } from "../../helpers/metrics.ts";
import { quick, type System, startSystem } from "../../helpers/system.ts";
import { ended, handler, hasStatus, row, rows, select, storeOf } from "./kit.ts";

let system: System;
const own = handler("own", () => null);
const told = handler("told", () => null);
const schema = { properties: { n: { type: "integer" } } };
const webhook = { url: "http://127.0.0.1:9/hook", events: ["batch.created", "batch.ready", "batch.held"] };

beforeAll(async () => {
  const env = {
    ...quick,
    TABLES_ALLOWED: "*",
    WEBHOOK_ALLOWED_HOSTS: "127.0.0.0/8",
  };
  system = await startSystem({ env, extra: [own.schema, told.schema] });
});
afterAll(() => system.stop());

const reviewing = (policy: object = {}) =>
  newClient(system.url, { schema, requiresApproval: "afterValidation", chunkRecords: 2, ...policy });
const held = (client: TestClient, { id }: Batch) => batchWhen(system.url, client, id, hasStatus("held", "failed"));
const asked = async ({ id }: Batch, action: string) =>
  (await (await admin(system.url, `/batches/${id}/${action}`, { method: "POST", body: "{}" })).json()) as Batch;
const errors = (client: TestClient, { id }: Batch) =>
  lines<{ record: number }>(get(system.url, client, `/imports/${id}/errors`));
const records = (client: TestClient, { id }: Batch) => lines(get(system.url, client, `/imports/${id}/records`));
const eventsOf = async ({ id }: Batch) => {
  const { items } = (await (await admin(system.url, `/deliveries?batch=${id}`)).json()) as {
    items: { event: string }[];
  };
  return items.map(({ event }) => event).sort();
};
const acceptedCount = async () =>
  (await metrics(system.url)).get('dataflow_records_total{outcome="accepted",dataset="default"}') ?? 0;

const body = '{"id":1,"n":1}\n{"id":2,"n":"x"}\n{"id":1,"n":2}\n{"id":9,"n":3}\n{"id":3,"n":4}';

test.each(["store", "own.run"])(
  "a batch to %s is held with its counts, and delivered when it is approved",
  async (to) => {
    const client = await reviewing({ uniqueKey: "id", handler: to, webhook });
    const batch = await held(client, await accepted(system.url, client, body));
    const counts = { received: 5, accepted: 3, rejected: 1, duplicate: 1 };
    expect(batch).toMatchObject({
      status: "held",
      hold: { reason: "approval", until: null, counts },
      counts,
      progress: 0.5,
      finishedAt: null,
    });
    expect(await eventsOf(batch)).toEqual(["batch.created", "batch.held", "batch.ready"]);
    expect((await errors(client, batch)).map(({ record }) => record)).toEqual([2]);
    expect([await records(client, batch), own.of(batch.id)]).toEqual([[], []]);
    const before = await acceptedCount();
    expect(await asked(batch, "approve")).toMatchObject({ hold: null });
    const delivered = await ended(system, client, batch.id);
    expect(delivered).toMatchObject({ status: "completed_with_errors", counts, attempts: 1, hold: null });
    expect((await errors(client, batch)).map(({ record }) => record)).toEqual([2]);
    expect(
      to === "store" ? await records(client, batch) : own.of(batch.id).flatMap((call) => call.records),
    ).toHaveLength(3);
    expect((await acceptedCount()) - before).toBe(3);
    expect((await asked(batch, "approve")) as unknown).toMatchObject({ code: "illegal-state" });
  },
);

test("a batch that exceeds no limit goes on by itself; one that does waits", async () => {
  const approveWhen = { rejectedOver: 1, rejectedPercentOver: 50 };
  const client = await reviewing({ approveWhen, webhook, onInvalid: "skip" });
  const passed = await ended(system, client, (await accepted(system.url, client, '{"n":1}\n{"n":"x"}')).id);
  expect(passed).toMatchObject({ status: "completed_with_errors", counts: { accepted: 1, rejected: 1 }, attempts: 1 });
  expect(await records(client, passed)).toHaveLength(1);
  expect(await errors(client, passed)).toHaveLength(1);
  expect(await eventsOf(passed)).toEqual(["batch.created", "batch.ready"]);
  const two = await held(client, await accepted(system.url, client, `${rows(8)}\n{"n":"x"}\n{"n":"y"}`));
  expect(two.hold).toMatchObject({ reason: "approval", counts: { rejected: 2 } });
});

test("a held batch may be rejected or cancelled, and has delivered nothing", async () => {
  const client = await reviewing({ handler: "told.run", uniqueKey: "id" });
  const [no, off] = [await accepted(system.url, client, body), await accepted(system.url, client, body)];
  await Promise.all([held(client, no), held(client, off)]);
  expect(await asked(no, "reject")).toMatchObject({ status: "rejected", error: { code: "rejected-by-operator" } });
  expect(await asked(off, "cancel")).toMatchObject({ status: "cancelled" });
  expect(told.calls).toEqual([]);
  const undo = { method: "POST", body: '{"reason":"Wrong."}' };
  const refused = await admin(system.url, `/batches/${off.id}/undo`, undo);
  expect(await refused.json()).toMatchObject({
    code: "illegal-state",
    detail: expect.stringMatching("delivered nothing"),
  });
});

test("limits of errors end the batch as they end a check, and a redrive checks it again from its start", async () => {
  const many = await reviewing({ maxErrors: 0 });
  const failed = await held(many, await accepted(system.url, many, '{"n":1}\n{"n":2}\n{"n":"x"}'));
  expect(failed).toMatchObject({ status: "failed", error: { code: "too-many-errors" } });
  await asked(failed, "redrive");
  expect(await held(many, failed)).toMatchObject({
    status: "failed",
    counts: { accepted: 2, rejected: 1 },
    attempts: 2,
  });
  const whole = await reviewing({ onInvalid: "rejectBatch" });
  const refused = await held(whole, await accepted(system.url, whole, '{"n":1}\n{"n":"x"}\n{"n":3}'));
  expect(refused).toMatchObject({ status: "failed", error: { code: "invalid-records" } });
  const good = await held(whole, await accepted(system.url, whole, rows(3)));
  await asked(good, "approve");
  expect(await ended(system, whole, good.id)).toMatchObject({ status: "completed", counts: { accepted: 3 } });
});

test("a batch reaches the same state if its worker could not write the result of the check", async () => {
  const client = await reviewing({ uniqueKey: "id" });
  const away = jest.spyOn(storeOf(system), "move").mockRejectedValueOnce(new DatabaseUnavailable("away"));
  const batch = await held(client, await accepted(system.url, client, body));
  expect(away.mock.calls.map(([{ to }]) => to)).toEqual(["held", "ready", "held"]);
  away.mockRestore();
  expect(batch.hold).toMatchObject({ counts: { received: 5, accepted: 3, rejected: 1, duplicate: 1 } });
});

test("a batch that is approved before its window opens is checked first", async () => {
  const hour = (more: number) => `${String((new Date().getUTCHours() + more) % 24).padStart(2, "0")}:00`;
  const client = await reviewing({ window: { from: hour(3), to: hour(4), timeZone: "UTC" } });
  const batch = await accepted(system.url, client, rows(3));
  expect(batch).toMatchObject({ status: "held", hold: { reason: "window" } });
  await asked(batch, "approve");
  const byFigures = ({ hold }: Batch) => hold?.reason === "approval";
  const reviewed = await batchWhen(system.url, client, batch.id, byFigures);
  expect(reviewed.hold).toEqual({
    reason: "approval",
    until: null,
    counts: { received: 3, accepted: 3, rejected: 0, duplicate: 0 },
  });
  await asked(batch, "approve");
  expect(await ended(system, client, batch.id)).toMatchObject({ status: "completed", counts: { accepted: 3 } });
});

test("a held batch keeps its place in its line; a skipped one is delivered after the others", async () => {
  const client = await reviewing({ order: "fifo", approveWhen: { recordsOver: 2 } });
  const first = await held(client, await accepted(system.url, client, rows(3)));
  const second = await accepted(system.url, client, rows(2));
  expect(second).toMatchObject({ status: "held", hold: { reason: "order", batchId: first.id } });
  await asked(first, "skip");
  expect(await ended(system, client, second.id)).toMatchObject({ status: "completed", counts: { accepted: 2 } });
  await asked(first, "approve");
  expect(await ended(system, client, first.id)).toMatchObject({ status: "completed", counts: { accepted: 3 } });
});

test("records that would delete a row are counted before any row is deleted", async () => {
  await select(system, "DROP TABLE IF EXISTS stock");
  await select(system, "CREATE TABLE stock (no integer PRIMARY KEY)");
  await select(system, "INSERT INTO stock VALUES (1), (2)");
  const client = await reviewing({
    schema: { type: "object", properties: { no: { type: "integer" }, op: { type: "string" } }, required: ["no"] },
    handler: "table",
    table: { name: "stock", mode: "upsert", delete: { field: "op", values: ["D"] } },
    approveWhen: { deletedOver: 1 },
  });
  const body = '{"no":1,"op":"D"}\n{"no":3}\n{"no":2,"op":"D"}';
  const batch = await held(client, await accepted(system.url, client, body));
  expect(batch.hold).toMatchObject({ counts: { accepted: 3, deleted: 2 } });
  expect(await select(system, "SELECT no FROM stock ORDER BY no")).toEqual([{ no: 1 }, { no: 2 }]);
  await asked(batch, "approve");
  const delivered = await ended(system, client, batch.id);
  expect(delivered.counts).toMatchObject({ accepted: 3, created: 1, deleted: 2 });
  expect(await select(system, "SELECT no FROM stock")).toEqual([{ no: 3 }]);
  const one = await ended(system, client, (await accepted(system.url, client, '{"no":3,"op":"D"}')).id);
  expect(one.counts).toMatchObject({ deleted: 1 });
  expect(await row(system, one.id)).toMatchObject({ phase: "deliver" });
});
