/** How a batch's rules treat records that its table refuses, and what locks of other programs mean for the batch. */
import { accepted, admin, newClient } from "../../helpers/http.ts";
import { metrics } from "../../helpers/metrics.ts";
import { until } from "../../helpers/patience.ts";
import { databaseOf, ended } from "./kit.ts";
import {
  alterAfterFirstChunk,
  asOperator,
  body,
  codesOf,
  errorsOf,
  five,
  imported,
  isPostgres,
  policy,
  rows,
  run,
  system,
} from "./tables.kit.ts";

const onPostgres = isPostgres ? test : test.skip;

export function rowsAreRefused(): void {
  onPostgres("a column that becomes NOT NULL in the middle of a batch: records without it are refused", async () => {
    const client = await newClient(system.url, policy);
    alterAfterFirstChunk(
      "ALTER TABLE orders ADD own integer; UPDATE orders SET own = 0; ALTER TABLE orders ALTER own SET NOT NULL",
    );
    const { id } = await accepted(system.url, client, body(...five));
    const counts = { accepted: 3, rejected: 2, created: 3 };
    expect(await ended(system, client, id)).toMatchObject({ status: "completed_with_errors", counts });
    expect((await codesOf(client, id)).map(([record, , code]) => [record, code])).toEqual([
      [4, "required"],
      [5, "required"],
    ]);
  });

  test("rejectBatch: a fault found before SQL delivers nothing, and a row that the table refuses ends the batch", async () => {
    const client = await newClient(system.url, { ...policy, onInvalid: "rejectBatch" });
    const before = await imported(client, { no: 1 }, { no: 2 }, { no: 3 }, { no: 4, customer: 1e20 });
    expect(before.batch).toMatchObject({
      status: "failed",
      error: { code: "invalid-records" },
      counts: { accepted: 0 },
    });
    expect(await rows()).toEqual([]);
    expect(await codesOf(client, before.id)).toEqual([[4, 4, "range", "customer"]]);
    const later = await imported(client, { no: 1 }, { no: 2, customer: 9 }, { no: 3 }, { no: 4 });
    expect(later.batch).toMatchObject({
      status: "failed",
      error: { code: "invalid-records" },
      counts: { accepted: 2, rejected: 1, created: 2 },
    });
    expect(await rows()).toMatchObject([{ no: 1 }, { no: 3 }]);
  });

  test("maxErrors counts what the table refuses", async () => {
    const client = await newClient(system.url, { ...policy, maxErrors: 0 });
    const { batch } = await imported(client, { no: 1 }, { no: 2, customer: 9 }, { no: 3 }, { no: 4 });
    expect(batch).toMatchObject({
      status: "failed",
      error: { code: "too-many-errors" },
      counts: { accepted: 2, rejected: 1 },
    });
  });

  test.each([{ onInvalid: "rejectBatch" }, { maxErrors: 0 }])(
    "%p: a redrive goes on after the chunk; refused records stay refused, and a new fault ends the batch again",
    async (limit) => {
      const client = await newClient(system.url, { ...policy, ...limit });
      const records = [1, 2, 3, 4, 5, 6, 7].map((no) => ({ no, customer: no === 2 || no === 5 ? 9 : 1 }));
      const { id, batch } = await imported(client, ...records);
      expect(batch).toMatchObject({ status: "failed", counts: { accepted: 2, rejected: 1, created: 2 } });
      const again = async () => {
        const url = `${system.url}/imports/${id}/retry`;
        const { status } = await fetch(url, { method: "POST", headers: { authorization: client.auth } });
        expect(status).toBe(202);
        return ended(system, client, id);
      };
      expect(await again()).toMatchObject({ status: "failed", counts: { accepted: 4, rejected: 2, created: 4 } });
      const counts = { received: 7, accepted: 5, rejected: 2, duplicate: 0, created: 5, updated: 0, deleted: 0 };
      expect(await again()).toMatchObject({ status: "completed_with_errors", counts, error: null });
      expect(await rows()).toMatchObject([{ no: 1 }, { no: 3 }, { no: 4 }, { no: 6 }, { no: 7 }]);
      expect((await errorsOf(client, id)).map(({ record }) => record)).toEqual([2, 5]);
    },
  );

  test("uniqueKey: a record that the table refuses frees its key, and a stored record keeps it", async () => {
    const client = await newClient(system.url, { ...policy, uniqueKey: "no" });
    const records = [{ no: 1 }, { no: 2, customer: 9 }, { no: 1 }, { no: 3, customer: 1e20 }];
    const first = await imported(client, ...records);
    expect(first.batch.counts).toMatchObject({ accepted: 1, rejected: 2, duplicate: 1, created: 1 });
    const second = await imported(client, { no: 1 }, { no: 2 }, { no: 3 });
    expect(second.batch.counts).toMatchObject({ accepted: 2, rejected: 0, duplicate: 1, created: 2 });
  });

  onPostgres("a batch waits for a lock after a second try, and its worker is free for others", async () => {
    const client = await newClient(system.url, policy);
    const failures = 'dataflow_table_failures_total{kind="busy"}';
    const before = (await metrics(system.url)).get(failures) ?? 0;
    await run(
      "CREATE FUNCTION locked() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE lock_not_available; END $$",
      "CREATE TRIGGER locked BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION locked()",
    );
    const { id } = await accepted(system.url, client, body({ no: 1 }));
    const waits = await until(async () => (await asOperator(id)).waits as string | null);
    await admin(system.url, `/batches/${id}/cancel`, { method: "POST" });
    await run("DROP FUNCTION locked CASCADE");
    expect(waits).toContain("its rows are locked (55P03)");
    expect((await metrics(system.url)).get(failures)).toBe(before + 2);
  });

  onPostgres("rows that somebody has locked are written once they are free", async () => {
    const client = await newClient(system.url, policy);
    await imported(client, { no: 1 });
    const transaction = await databaseOf(system).sequelize.transaction();
    await databaseOf(system).sequelize.query("UPDATE orders SET city = 'Ovar'", { transaction });
    const { id } = await accepted(system.url, client, body({ no: 1, city: "Faro" }));
    const failures = 'dataflow_table_failures_total{kind="busy"}';
    const before = (await metrics(system.url)).get(failures) ?? 0;
    await until(async () => ((await metrics(system.url)).get(failures) ?? 0) > before);
    await transaction.rollback();
    expect(await ended(system, client, id)).toMatchObject({ status: "completed", counts: { updated: 1 } });
    expect(await rows()).toMatchObject([{ no: 1, city: "Faro" }]);
  });
}
