import type { Database } from "../../../database/database.ts";
import { chunk, deleted, event, LEASE, newBatch, ready, stored, upload } from "./drafts.ts";
import { DAY_MS, FIRST, OTHER, uploadsTo } from "./idempotency.kit.ts";

/** A repeated upload leads to the same batch, also if both uploads come at the same time. */
export function idempotencySuite(database: () => Database): void {
  const { store, key, totals, commit, count, outcomes, begin } = uploadsTo(database);

  describe("keys", () => {
    test("a second upload with a key gets the first one's answer, and writes nothing", async () => {
      const first = await stored(store(), upload(1, { key: key(), events: [event("batch.created")] }));
      await store().claim(first.batch.id, "node-1", LEASE);
      const holder = { state: "done", fingerprint: FIRST, answer: { status: 202, batch: first.batch } };
      expect(await commit({ key: key(OTHER), events: [event("batch.created")] })).toEqual({
        outcome: "repeated",
        holder,
      });
      expect(await store().keyHolder(1, "k")).toEqual(holder);
      expect(await count("batch")).toBe(1);
      expect((await store().stats()).outboxDepth).toBe(1);
    });

    test("a key belongs to one client, and is compared exactly", async () => {
      await commit({ key: key() });
      expect(await store().keyHolder(2, "k")).toBeNull();
      expect(await store().keyHolder(1, "K")).toBeNull();
      expect((await commit({ key: key() }, 2)).outcome).toBe("stored");
    });

    test("a held batch's answer keeps why it waits", async () => {
      const { batch } = await stored(
        store(),
        upload(1, { key: key(), state: "held", due: null, reason: { hold: "window", until: 99 } }),
      );
      expect(await store().keyHolder(1, "k")).toMatchObject({ answer: { batch } });
    });

    test("a large upload holds its key from its beginning, and stores the answer at its end", async () => {
      const id = await begin();
      expect(await store().beginKeyedUpload(newBatch(1), LEASE, "k")).toEqual({ holder: { state: "running" } });
      expect(await commit({ key: key() })).toEqual({ outcome: "repeated", holder: { state: "running" } });
      expect(await count("batch")).toBe(1);
      await store().appendChunks(id, [chunk(0)], LEASE);
      const { batch } = await stored(store(), upload(1, { id, key: key(), chunks: [chunk(1)] }));
      expect(batch.id).toBe(id);
      const holder = { state: "done", fingerprint: FIRST, answer: { status: 202, batch } };
      expect(await store().beginKeyedUpload(newBatch(1), LEASE, "k")).toEqual({ holder });
    });

    test("counts of rows begin at 0 for records that go into a table, also in a repeated answer", async () => {
      const zeros = { created: 0, updated: 0, deleted: 0 };
      const none = { created: null, updated: null, deleted: null };
      const id = await begin("large");
      const shapes = [
        { key: key() },
        { id, key: key(FIRST, { key: "large" }) },
        { key: key(FIRST, { key: "limited" }), quota: { bytes: 1_000, records: null } },
      ];
      for (const shape of shapes) {
        const { batch } = await stored(store(), upload(1, { ...shape, isIntoTable: true }));
        expect(batch).toMatchObject(zeros);
        expect(await store().batch(batch.publicId, null)).toMatchObject(zeros);
        await database().sequelize.query(`UPDATE batch SET created = 5 WHERE id = ${batch.id}`);
        expect(await store().keyHolder(1, shape.key.key)).toMatchObject({ answer: { batch } });
      }
      expect(await ready(store(), 1)).toMatchObject(none);
    });

    test("a swept upload frees its key, and its late commit writes nothing", async () => {
      const id = await begin();
      await store().voidUpload(id, false);
      expect(await store().keyHolder(1, "k")).toBeNull();
      const next = await begin();
      expect(await commit({ id, key: key() })).toEqual({ outcome: "swept" });
      expect(await store().keyHolder(1, "k")).toEqual({ state: "running" });
      expect((await commit({ id: next, key: key() })).outcome).toBe("stored");
      expect(await store().voidUpload(next, false)).toBe(false);
      expect(await store().keyHolder(1, "k")).toMatchObject({ state: "done" });
    });

    test("an expired key is free, for a small and a large upload", async () => {
      await commit({ key: key(FIRST, { keepMs: -1 }) });
      expect(await store().keyHolder(1, "k")).toBeNull();
      expect((await commit({ key: key(OTHER, { keepMs: -1 }) })).outcome).toBe("stored");
      await begin();
      expect(await store().keyHolder(1, "k")).toEqual({ state: "running" });
    });

    test("a key whose batch was deleted is free", async () => {
      const batch = await ready(store(), 1, { key: key() });
      await deleted(database(), batch.id);
      expect(await store().keyHolder(1, "k")).toBeNull();
      const next = await stored(store(), upload(1, { key: key(OTHER) }));
      expect(await store().keyHolder(1, "k")).toMatchObject({ fingerprint: OTHER, answer: { batch: next.batch } });
    });

    test("an answer without a batch of its own is kept too", async () => {
      const batch = await ready(store(), 1);
      const answer = { status: 200, batch } as const;
      expect(await store().answerKey(1, key(), null, answer)).toBeNull();
      expect(await store().keyHolder(1, "k")).toEqual({ state: "done", fingerprint: FIRST, answer });
      expect(await store().answerKey(1, key(OTHER), null, answer)).toMatchObject({ fingerprint: FIRST });
      const id = await begin("large");
      expect(await store().answerKey(1, key(OTHER, { key: "large" }), null, answer)).toEqual({ state: "running" });
      expect(await store().answerKey(1, key(OTHER, { key: "large" }), id, answer)).toBeNull();
      await store().voidUpload(id, false);
      expect(await store().keyHolder(1, "large")).toMatchObject({ fingerprint: OTHER, answer: { status: 200 } });
    });

    test("of many uploads with one key at once one is stored, and the others get its answer", async () => {
      const done = await Promise.all(Array.from({ length: 12 }, () => commit({ key: key() })));
      expect(outcomes(done)).toEqual([...Array(11).fill("repeated"), "stored"]);
      expect([await count("batch"), await count("batch_chunk")]).toEqual([1, 2]);
    });

    test("each key is stored once, also if several keys and uploads without a key come at once", async () => {
      const done = await Promise.all(
        Array.from({ length: 18 }, (_, i) => commit(i % 3 === 0 ? {} : { key: key(FIRST, { key: `k${i % 6}` }) })),
      );
      expect(outcomes(done)).toEqual([...Array(8).fill("repeated"), ...Array(10).fill("stored")]);
      const batches = new Map(done.map((one) => [one.outcome === "stored" ? one.batch.id : 0, one]));
      for (const name of ["k1", "k2", "k4", "k5"]) {
        const holder = await store().keyHolder(1, name);
        if (holder?.state !== "done") throw new Error(`${name} is not answered.`);
        expect(batches.get(holder.answer.batch.id)).toMatchObject({ batch: holder.answer.batch });
      }
    });

    test("of many large uploads that begin at once one gets the key", async () => {
      const begun = await Promise.all(
        Array.from({ length: 12 }, () => store().beginKeyedUpload(newBatch(1), LEASE, "k")),
      );
      expect(begun.filter((one) => "id" in one)).toHaveLength(1);
      expect(await count("batch")).toBe(1);
    });
  });

  test("expired keys are deleted in pieces; running uploads keep their keys", async () => {
    const over = { keepMs: -1 };
    for (const name of ["a", "b", "c"]) await commit({ key: key(FIRST, { key: name, ...over }) });
    await commit({ key: key(), dedup: { keepMs: DAY_MS } });
    await commit({ totals: totals(OTHER), dedup: over, quota: { bytes: 100, records: null } });
    const late = await store().beginKeyedUpload(newBatch(1), -1, "running");
    expect(late).toHaveProperty("id");
    const today = Math.floor((await database().now()) / DAY_MS);
    for (const day of [today - 1, today - 2, today - 3])
      await database().sequelize.query(`INSERT INTO client_usage VALUES (9, ${day}, 1, 1)`);
    expect(await store().forgetExpiredKeys(2)).toBe(false);
    expect(await store().forgetExpiredKeys(2)).toBe(true);
    expect([await count("idempotency_key"), await count("content_key"), await count("client_usage")]).toEqual([
      2, 1, 2,
    ]);
    expect(await store().keyHolder(1, "running")).toEqual({ state: "running" });
  });
}
