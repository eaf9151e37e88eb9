import { QueryTypes } from "sequelize";
import type { Database } from "../../../database/database.ts";
import type { BatchRow } from "../../../services/batch/batch.domain.ts";
import { until } from "../../helpers/patience.ts";
import { chunk, chunkCommit, claimed, end, LEASE, moveOf, ready } from "./drafts.ts";
import { OWNER } from "./group.kit.ts";

/** A group takes one slot of its client, and counts by its records. */
export function groupSlotSuite(database: () => Database): void {
  describe("slots of groups", () => {
    const store = () => database().store;
    const totals = (records: number) => ({
      bytes: 60,
      records,
      chunks: 1,
      contentHash: "ab".repeat(32),
      envelope: {},
    });
    const small = (clientId: number, cap: number, records = 3, weight = 1) =>
      ready(store(), clientId, { chunks: [chunk(0)], totals: totals(records), queue: { cap, weight } });
    const queue = async (clientId: number) => {
      const text = `SELECT running, pass FROM client_queue WHERE client_id = ${clientId}`;
      const [row] = await database().sequelize.query(text, { type: QueryTypes.SELECT });
      return row as { running: number; pass: number };
    };
    const claim = async (batches: BatchRow[]) =>
      (
        await store().claimGroup(
          batches.map(({ id }) => id),
          OWNER,
          LEASE,
        )
      ).map(({ batch }) => batch);

    test("a group takes one slot, and another group of the client takes another", async () => {
      const batches = [await small(1, 2), await small(1, 2), await small(1, 2)];
      const other = await small(1, 2);
      expect(await claim(batches)).toHaveLength(3);
      expect((await queue(1)).running).toBe(1);
      // The client's second place is free, but there is no third one.
      expect(await store().claim(other.id, OWNER, LEASE)).not.toBeNull();
      const more = await small(1, 2);
      expect(await claim([more])).toEqual([]);
      expect(await store().claim(more.id, OWNER, LEASE)).toBeNull();
    });

    const last = (batch: BatchRow) => chunkCommit(batch, [], { end: end() });
    /** All ways in which a batch can leave its group. */
    const leaves: Record<string, (batch: BatchRow) => Promise<unknown>> = {
      "is committed alone": (batch) => store().commitChunk(last(batch)),
      "is committed with others": async (batch) => {
        const other = await alone(2);
        await store().commitChunks([last(batch), last(other)]);
      },
      "is cancelled": (batch) => store().move(moveOf(batch, "cancelled")),
      "is tried again": (batch) => store().move(moveOf(batch, "ready", { due: { inMs: 1e6 } })),
      fails: (batch) => store().move(moveOf(batch, "failed")),
    };
    async function alone(clientId: number): Promise<BatchRow> {
      const claimed = await store().claim((await small(clientId, 9)).id, OWNER, LEASE);
      return (claimed as { batch: BatchRow }).batch;
    }

    test.each(Object.entries(leaves))(
      "the place stays with the rest of the group if one batch %s",
      async (_way, leave) => {
        const [a, b, c] = (await claim([await small(1, 1), await small(1, 1), await small(1, 1)])) as BatchRow[];
        const waiting = await small(1, 1);
        for (const batch of [a, c, b] as BatchRow[]) {
          expect((await queue(1)).running).toBe(1);
          expect(await store().claim(waiting.id, OWNER, LEASE)).toBeNull();
          await leave(batch);
        }
        expect((await queue(1)).running).toBe(0);
        expect(await store().claim(waiting.id, OWNER, LEASE)).not.toBeNull();
      },
    );

    test("the slot passes to a batch of the same group, not of the client's other group", async () => {
      const pairs = [];
      for (let i = 0; i < 2; i++) pairs.push(await claim([await small(1, 2), await small(1, 2)]));
      const [[a, b], [c, d]] = pairs as [[BatchRow, BatchRow], [BatchRow, BatchRow]];
      await store().commitChunks([last(a), last(b)]);
      expect((await queue(1)).running).toBe(1);
      await store().commitChunks([last(c)]);
      expect((await queue(1)).running).toBe(1);
      await store().commitChunks([last(d)]);
      expect((await queue(1)).running).toBe(0);
    });

    test("a batch that a worker had before is claimed alone, and does not hold its former group's slot", async () => {
      const [a, b] = (await claim([await small(1, 9), await small(1, 9)])) as [BatchRow, BatchRow];
      await store().move(moveOf(a, "ready"));
      const batches = await claim([a, await small(1, 9)]);
      for (const batch of [...batches, b]) await store().commitChunk(last(batch));
      expect((await queue(1)).running).toBe(0);
      expect(batches.map(({ id }) => id)).not.toContain(a.id);
    });

    test("the slot passes to a batch of the same commit that goes on", async () => {
      const [a, b] = (await claim([await small(1, 1), await small(1, 1)])) as [BatchRow, BatchRow];
      const [, goesOn] = await store().commitChunks([last(a), chunkCommit(b)]);
      expect((await queue(1)).running).toBe(1);
      const { batch } = (goesOn as PromiseFulfilledResult<{ batch: BatchRow }>).value;
      await store().commitChunk(last(batch));
      expect((await queue(1)).running).toBe(0);
    });

    test("the slot passes on exactly once, however many batches leave at the same time", async () => {
      for (let round = 0; round < 5; round++) {
        const batches = [];
        for (let i = 0; i < 6; i++) batches.push(await small(1, 1));
        const group = await claim(batches);
        const kept = group.pop() as BatchRow;
        const ways = Object.values(leaves);
        await Promise.all(group.map((batch, i) => (ways[i] as (typeof ways)[number])(batch)));
        expect((await queue(1)).running).toBe(1);
        await store().commitChunk(last(kept));
        expect((await queue(1)).running).toBe(0);
      }
    });

    test("a group counts for its clients by their records and their weights", async () => {
      const batches = [await small(1, 1, 400), await small(1, 1, 600), await small(2, 1, 500, 5)];
      await claim(batches);
      expect([Number((await queue(1)).pass), Number((await queue(2)).pass)]).toEqual([1_000, 100]);
    });

    test("a client with one slot has as many candidates as a group may have", async () => {
      const batches = [await small(1, 1), await small(1, 1), await small(1, 1)];
      expect((await store().candidates(4)).map(({ id }) => id)).toEqual([batches[0]?.id]);
      const all = await store().candidates(4, 2);
      expect(all.map(({ id }) => id)).toEqual(batches.slice(0, 2).map(({ id }) => id));
      expect(all[0]).toMatchObject({ clientId: 1, room: 1, chunks: 1, records: 3, bytes: 60, phase: "deliver" });
    });
  });
}

/**
 * Runs only on a server where a PostgreSQL transaction can lock a row. A batch can then leave its group and be claimed alone in
 * between.
 */
export function groupRaceSuite(database: () => Database): void {
  const leaves = {
    "that is cancelled": (batch: BatchRow) => database().store.move(moveOf(batch, "cancelled")),
    "that is committed": (batch: BatchRow) => database().store.commitChunk(chunkCommit(batch, [], { end: end() })),
    "that is committed with others": async (batch: BatchRow) => {
      const other = await claimed(database().store, 2);
      const commits = [batch, other].map((one) => chunkCommit(one, [], { end: end() }));
      return database().store.commitChunks(commits);
    },
  };
  test.each(Object.entries(leaves))(
    "the place of a batch %s does not go to one that has left the group and was claimed alone",
    async (_way, leave) => {
      const { store, sequelize } = database();
      const totals = { bytes: 60, records: 3, chunks: 1, contentHash: "ab".repeat(32), envelope: {} };
      const ids = [];
      for (let n = 0; n < 2; n++) ids.push((await ready(store, 1, { chunks: [chunk(0)], totals })).id);
      const [a, b] = (await store.claimGroup(ids, OWNER, LEASE)).map(({ batch }) => batch) as [BatchRow, BatchRow];
      const running = async () => {
        const [[row]] = await sequelize.query(`SELECT "running" FROM "client_queue" WHERE "client_id" = 1`);
        return (row as { running: number }).running;
      };
      const transaction = await sequelize.transaction();
      const beside = (text: string) => sequelize.query(text, { transaction });
      await beside(`UPDATE "batch_work" SET "group_id" = NULL, "place" = 1 WHERE "batch_id" = ${b.id}`);
      const left = leave(a);
      await until(async () => {
        const [waiting] = await beside(
          "SELECT pid FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))",
        );
        return waiting.length > 0;
      });
      await beside(`UPDATE "client_queue" SET "running" = "running" + 1 WHERE "client_id" = 1`);
      await transaction.commit();
      await left;
      expect(await running()).toBe(1);
      await store.commitChunk(chunkCommit(b, [], { end: end() }));
      expect(await running()).toBe(0);
    },
  );
}
