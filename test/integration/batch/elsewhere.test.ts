/** The handler "table" with another database: rows and counts are exact, whatever is away or dies between the two commits. */

import { Console } from "node:console";
import { Writable } from "node:stream";
import { loadConfig } from "../../../config/config.ts";
import { DatabaseUnavailable } from "../../../database/errors.ts";
import { outputOf } from "../../../repl/commands.ts";
import { migrate } from "../../../scripts/migrate-run.ts";
import { describePostgres } from "../../helpers/database.ts";
import { accepted, admin, batchWhen, get, lines, newClient } from "../../helpers/http.ts";
import { metrics } from "../../helpers/metrics.ts";
import { until } from "../../helpers/patience.ts";
import { ADMIN_TOKEN } from "../../helpers/system.ts";
import { batchesEndMeanwhile } from "./elsewhere.ends.suite.ts";
import { body, cancel, codesOf, four, policy, schema, table } from "./elsewhere.kit.ts";
import {
  applied,
  appliedCommand,
  ask,
  asOperator,
  becomeClient,
  client,
  crm,
  expectWhole,
  holding,
  numbers,
  proxy,
  role,
  startElsewhere,
  system,
  upload,
} from "./elsewhere.postgres.kit.ts";
import { ended, hasStatus, storeOf } from "./kit.ts";

describePostgres("a table in another database", () => {
  startElsewhere();

  test("rows, counts, records and errors tell the same, and nothing of the batch stays in dataflow_applied", async () => {
    const { id } = await upload(
      { no: 1, customer: 1 },
      { no: "x" },
      { no: 2, customer: 9 },
      { no: 3, city: "a city too long" },
      { no: 4 },
      { no: 1 },
      { no: 5 },
    );
    const batch = await ended(system, client, id);
    const counts = { received: 7, accepted: 3, rejected: 4, duplicate: 0, created: 3, updated: 0, deleted: 0 };
    expect(batch).toMatchObject({ status: "completed_with_errors", counts, attempts: 1 });
    expect(await numbers()).toEqual([1, 4, 5]);
    expect(await codesOf(system, client, id)).toEqual([
      [2, "type", "no"],
      [3, "reference", "customer"],
      [4, "maxLength", "city"],
      [6, "conflict", "no"],
    ]);
    const stored = await lines<{ record: number }>(get(system.url, client, `/imports/${id}/records`));
    expect(stored.map(({ record }) => record)).toEqual([1, 5, 7]);
    await until(async () => (await applied()).length === 0);
  });

  test("a batch that is taken back waits for a row that somebody has locked, and for nothing else", async () => {
    await ask("ALTER TABLE orders ADD batch uuid; CREATE INDEX orders_batch ON orders (batch)");
    const columns = { no: "no", batch: { meta: "batchId" } };
    await becomeClient({ ...policy, table: { ...table, columns } });
    const { id } = await upload({ no: 1 }, { no: 2 });
    await ended(system, client, id);
    await ask("INSERT INTO orders (no) VALUES (7)");
    const release = await holding("SELECT 1 FROM orders WHERE no = 1 FOR KEY SHARE");
    const reason = JSON.stringify({ reason: "The wrong file." });
    expect(await admin(system.url, `/batches/${id}/undo`, { method: "POST", body: reason })).toMatchObject({
      status: 202,
    });
    await until(async () => ((await asOperator(id)).waits as string | null)?.includes("locked"));
    expect(await numbers()).toEqual([1, 7]);
    await release();
    await batchWhen(system.url, client, id, hasStatus("undone"));
    expect(await numbers()).toEqual([7]);
  });

  describe.each(["cut", "late"] as const)("an answer that is lost (%s)", (how) => {
    test.each([
      ["of a chunk's COMMIT there", "next_chunk = next_chunk + 1"],
      ["of a chunk's rows", "a-city"],
      ["of the claim there", "INSERT INTO dataflow_applied"],
    ])("%s: rows and counts are exact", async (_what, text) => {
      // Cuts the links, because a link that has prepared a statement does not send its text again.
      proxy.cut();
      const lost = proxy.lose(text, how);
      const { id } = await upload(...four);
      const { arrive } = await lost;
      await arrive();
      await expectWhole(id);
    });
  });

  test("if DataFlow's own commit fails after the table's commit, the chunk is repeated and finds itself written", async () => {
    const away = new DatabaseUnavailable("away");
    const commits = jest.spyOn(storeOf(system), "commitChunk").mockRejectedValueOnce(away).mockRejectedValueOnce(away);
    const { id } = await upload(...four);
    await until(() => commits.mock.calls.length > 2);
    // The repeated chunk reports the first faults, and no others.
    await expectWhole(id);
  });

  test("written rows count by their first verdict, though the table has changed since", async () => {
    const own = storeOf(system).commitChunk;
    const commits = jest.spyOn(storeOf(system), "commitChunk").mockImplementationOnce(async () => {
      await ask("ALTER TABLE orders ALTER city TYPE varchar(2), DROP CONSTRAINT fk_customer");
      throw new DatabaseUnavailable("away");
    });
    const { id } = await upload({ no: 1, city: "eleven char" }, { no: 2, customer: 9 }, { no: 3 });
    await until(() => commits.mock.calls.length > 1);
    expect(await ended(system, client, id)).toMatchObject({ counts: { accepted: 1, rejected: 2, created: 1 } });
    expect(await codesOf(system, client, id)).toEqual([
      [1, "maxLength", "city"],
      [2, "reference", "customer"],
    ]);
    expect(storeOf(system).commitChunk).not.toBe(own);
  });

  batchesEndMeanwhile();

  test("if the login may not create dataflow_applied, the dataset is refused until `migrate --applied` has created it", async () => {
    const [own] = await ask<{ name: string }>("SELECT current_schema() AS name");
    await ask(`DROP TABLE dataflow_applied; CREATE ROLE ${role}; GRANT USAGE ON SCHEMA ${own?.name} TO ${role};
      GRANT ALL ON ALL TABLES IN SCHEMA ${own?.name} TO ${role}`);
    const document = { schema, handler: "table", table: { ...table, database: "bare" } };
    const put = () => admin(system.url, "/datasets/bare", { method: "PUT", body: JSON.stringify(document) });
    const refused = await put();
    expect([refused.status, (await refused.json()) as object]).toMatchObject([
      422,
      {
        errors: [{ pointer: "/table/database", detail: expect.stringContaining("npm run migrate -- --applied bare") }],
      },
    ]);
    const config = loadConfig({ ADMIN_TOKEN, TABLE_DATABASES: `bare=${crm.url}` });
    const said = new Console(new Writable({ write: (_text, _encoding, done) => done() }));
    expect(await migrate(config, said, ["--applied", "none"])).toBe(1);
    expect(await migrate(config, said, ["--applied", "bare"])).toBe(0);
    expect(await migrate(config, said, ["--applied", "bare"])).toBe(0);
    expect((await put()).status).toBe(201);
    // The login may not write the table yet, so the batch waits and says why.
    await becomeClient(document);
    const { id } = await upload({ no: 1 });
    const waits = await until(async () => ((await asOperator(id)) as { waits?: string | null }).waits);
    expect(waits).toContain("a right is missing");
    await ask(`GRANT SELECT, INSERT, UPDATE, DELETE ON dataflow_applied TO ${role}`);
    expect(await ended(system, client, id)).toMatchObject({ status: "completed", attempts: 1 });
    await ask(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  });

  test("while the database is away, the batch waits without an attempt, others go on, and a cancel answers that it is", async () => {
    await proxy.shut();
    const { id } = await upload(...four);
    const waits = await until(async () => {
      const { status, waits } = await asOperator(id);
      return status === "ready" && (waits as string | null);
    });
    expect(waits).toBe('the table database "crm" is away');
    // A cached health answer may come first.
    const health = await until(async () => {
      const told = (await (await fetch(`${system.url}/health/ready`)).json()) as { status: string };
      return told.status !== "ok" && told;
    });
    expect(health).toMatchObject({ status: "degraded", checks: { tables: { crm: { status: "down" } } } });
    const isUp = async () => (await metrics(system.url)).get('dataflow_table_database_up{database="crm"}');
    await until(async () => (await isUp()) === 0);
    expect(await outputOf(appliedCommand, system.broker, { options: {} })).toContain("crm cannot be asked now");
    const other = await newClient(system.url, { schema });
    const { id: otherId } = await accepted(system.url, other, body({ no: 1 }));
    expect(await ended(system, other, otherId)).toMatchObject({ status: "completed" });
    const refused = await cancel(system, id);
    expect([refused.status, ((await refused.json()) as { detail: string }).detail]).toEqual([
      503,
      'The batch cannot end now: the table database "crm" is away.',
    ]);
    await proxy.open();
    await expectWhole(id);
    await until(async () => (await isUp()) === 1);
  });
});
