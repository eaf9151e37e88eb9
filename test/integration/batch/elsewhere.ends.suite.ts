/** The rows in another database when their batch is taken away, cancelled or lost meanwhile. */
import { randomUUID } from "node:crypto";
import { outputOf } from "../../../repl/commands.ts";
import type { Elsewhere } from "../../../services/batch/batch.elsewhere.ts";
import { call } from "../../../services/messages.ts";
import { admin } from "../../helpers/http.ts";
import { until } from "../../helpers/patience.ts";
import { moveOf } from "../store/drafts.ts";
import { cancel, four, half, hangBetween, policy } from "./elsewhere.kit.ts";
import {
  applied,
  appliedCommand,
  ask,
  asOperator,
  becomeClient,
  client,
  expectWhole,
  holding,
  numbers,
  system,
  upload,
} from "./elsewhere.postgres.kit.ts";
import { ended, row, storeOf } from "./kit.ts";

/** Sessions that wait for a lock in this test's table. Other test files have tables of the same name on the same server. */
const waiting = () =>
  ask(`SELECT 1 FROM pg_stat_activity AS session WHERE wait_event_type = 'Lock' AND EXISTS (
    SELECT 1 FROM pg_locks AS held WHERE held.pid = session.pid AND held.relation = 'orders'::regclass)`);

export function batchesEndMeanwhile(): void {
  test("a batch that is taken away while its rows are locked: its late worker writes nothing, the next one all", async () => {
    const release = await holding("INSERT INTO orders (no) VALUES (1)");
    const { id } = await upload(...four);
    await until(async () => (await waiting()).length === 1);
    const batch = await row(system, id);
    await storeOf(system).move(moveOf(batch, "ready", { due: { inMs: 0 } }));
    // The next worker waits for the same row. The late worker gets it first.
    await until(async () => (await waiting()).length === 2);
    await release();
    await expectWhole(id, 2);
  });

  test("a batch that is cancelled while its rows are locked ends at once, and nothing is written", async () => {
    const release = await holding("INSERT INTO orders (no) VALUES (1)");
    const { id } = await upload(...four);
    await until(async () => (await waiting()).length === 1);
    expect((await cancel(system, id)).status).toBe(200);
    expect(await waiting()).toHaveLength(1);
    await release();
    await until(async () => (await waiting()).length === 0);
    expect(await ended(system, client, id)).toMatchObject({ status: "cancelled", counts: { accepted: 0 } });
    expect(await numbers()).toEqual([]);
  });

  test("a batch that is cancelled between the two commits has what is written in its counts", async () => {
    const between = hangBetween(system);
    const { id } = await upload(...four);
    await between.reached;
    expect((await cancel(system, id)).status).toBe(200);
    between.go();
    expect(await between.late).toBeNull();
    expect(await ended(system, client, id)).toMatchObject({ status: "cancelled", counts: half });
    expect(await asOperator(id)).toMatchObject({ counts: half });
    expect(await numbers()).toEqual([1, 3]);
    await until(async () => (await applied()).length === 0);
  });

  test("a batch whose worker is lost for the last time has what is written in its counts, too", async () => {
    await becomeClient({ ...policy, maxAttempts: 1 });
    const between = hangBetween(system);
    jest.spyOn(storeOf(system), "extendLeases").mockResolvedValue([]);
    const { id } = await upload(...four);
    await between.reached;
    expect(await ended(system, client, id)).toMatchObject({
      status: "failed",
      error: { code: "worker-lost" },
      counts: half,
    });
    between.go();
    expect(await between.late).toBeNull();
    jest.restoreAllMocks();
    // After a redrive the batch goes on after the written chunk.
    await admin(system.url, `/batches/${id}/redrive`, { method: "POST" });
    expect(await ended(system, client, id)).toMatchObject({ counts: { accepted: 3, rejected: 1, created: 3 } });
    expect(await numbers()).toEqual([1, 3, 4]);
  });

  test("a late worker does not recreate the row of an ended batch, and writes nothing", async () => {
    const between = hangBetween(system);
    const { id } = await upload({ no: 1 });
    const early = await between.reached;
    between.go();
    await ended(system, client, id);
    await until(async () => (await applied()).length === 0);
    expect(await call(system.broker, "batch.enterTable", { batch: early })).toBeNull();
  });

  test("rows of ended batches are deleted from dataflow_applied, and those of other batches stay", async () => {
    const { id } = await upload({ no: 1 });
    await ended(system, client, id);
    await until(async () => !(await applied()).some(({ batch }) => batch === id));
    const other = randomUUID();
    await ask(`INSERT INTO dataflow_applied (batch, fence, next_chunk) VALUES ('${id}', 1, 1), ('${other}', 1, 1)`);
    expect(await outputOf(appliedCommand, system.broker, { options: {} })).toMatch(
      new RegExp(`^database +batch +fence +chunk +changed\n.*crm +${id} +1 +1 `, "s"),
    );
    const { parts } = system.broker.getLocalService("batch") as unknown as { parts: { elsewhere: Elsewhere } };
    await parts.elsewhere.tidy();
    expect(await applied()).toEqual([{ batch: other }]);
    await ask("DELETE FROM dataflow_applied");
  });
}
