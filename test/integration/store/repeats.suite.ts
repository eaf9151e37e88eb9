import type { Database } from "../../../database/database.ts";
import type { BatchState, UploadCommit, UploadOutcome } from "../../../database/store.ts";
import { chunk, deleted, event, LEASE, moveOf, newBatch, ready, stored, upload } from "./drafts.ts";

const DAY_MS = 86_400_000;
const FIRST = "0a".repeat(32);
const OTHER = "0b".repeat(32);

/** The same upload again is the same batch, also when both come at once. */
export function repeatSuite(database: () => Database): void {
  const store = () => database().store;
  const key = (fingerprint = FIRST, over = {}) => ({ key: "k", keepMs: DAY_MS, fingerprint, ...over });
  const totals = (contentHash: string, bytes = 60, records = 6) => ({
    ...upload(1).totals,
    contentHash,
    bytes,
    records,
  });
  const commit = (over: Partial<UploadCommit>, clientId = 1) => store().commitUpload(upload(clientId, over));
  const count = async (table: string) => {
    const [[row]] = (await database().sequelize.query(`SELECT COUNT(*) AS n FROM ${table}`)) as [
      { n: number }[],
      unknown,
    ];
    return Number(row?.n);
  };
  const outcomes = (done: UploadOutcome[]) => done.map(({ outcome }) => outcome).sort();
  const begin = async (name = "k", clientId = 1) => {
    const begun = await store().beginKeyedUpload(newBatch(clientId), LEASE, name);
    if (!("id" in begun)) throw new Error(`The key is ${begun.holder.state}.`);
    return begun.id;
  };

  describe("keys", () => {
    test("the second upload with a key is told the first one's answer, and writes nothing", async () => {
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

    test("a key is its client's own, and told by its letters", async () => {
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

    test("a large upload has its key from its beginning on, and answers it at its end", async () => {
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

    test("an upload that is taken away leaves its key free, and its late commit writes nothing", async () => {
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

    test("a key whose time is over is free, for a small upload and for a large one", async () => {
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

    test("of many at once one is stored, the others are told of it", async () => {
      const done = await Promise.all(Array.from({ length: 12 }, () => commit({ key: key() })));
      expect(outcomes(done)).toEqual([...Array(11).fill("repeated"), "stored"]);
      expect([await count("batch"), await count("batch_chunk")]).toEqual([1, 2]);
    });

    test("of each key one is stored, also where several keys and uploads without one come at once", async () => {
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

    test("of many that begin at once one has the key", async () => {
      const begun = await Promise.all(
        Array.from({ length: 12 }, () => store().beginKeyedUpload(newBatch(1), LEASE, "k")),
      );
      expect(begun.filter((one) => "id" in one)).toHaveLength(1);
      expect(await count("batch")).toBe(1);
    });
  });

  describe("content", () => {
    const dedup = { keepMs: DAY_MS };

    test("is refused again, by the batch that has it; another client's is another's", async () => {
      const first = await ready(store(), 1, { dedup });
      expect(await commit({ dedup, key: key() })).toEqual({ outcome: "duplicate", batch: first });
      expect(await store().keyHolder(1, "k")).toBeNull();
      expect((await commit({ dedup, totals: totals(OTHER) })).outcome).toBe("stored");
      expect((await commit({ dedup }, 2)).outcome).toBe("stored");
      expect((await commit({ dedup: null })).outcome).toBe("stored");
    });

    test("of each content one is stored, also where several come at once, with keys and without", async () => {
      const [a, b] = [totals(FIRST), totals(OTHER)];
      const done = await Promise.all(
        Array.from({ length: 16 }, (_, i) =>
          commit({ dedup, totals: i % 2 ? a : b, key: i % 4 < 2 ? key(FIRST, { key: `k${i}` }) : null }),
        ),
      );
      expect(outcomes(done)).toEqual([...Array(14).fill("duplicate"), "stored", "stored"]);
      expect([await count("batch"), await count("content_key")]).toEqual([2, 2]);
    });

    test("is refused at the end of a large upload too, which is still there to be wiped", async () => {
      const first = await ready(store(), 1, { dedup });
      const id = await begin();
      expect(await commit({ id, dedup, key: key() })).toMatchObject({ outcome: "duplicate", batch: { id: first.id } });
      expect(await store().voidUpload(id, false)).toBe(true);
      expect(await store().keyHolder(1, "k")).toBeNull();
    });

    test.each<BatchState>(["failed", "rejected", "cancelled"])("of a batch that is %s is free", async (state) => {
      const first = await ready(store(), 1, { dedup });
      await store().move(moveOf(first, state));
      const next = await ready(store(), 1, { dedup });
      expect(await commit({ dedup })).toMatchObject({ outcome: "duplicate", batch: { id: next.id } });
    });

    test("is free once its time is over, and once its batch is deleted", async () => {
      await ready(store(), 1, { dedup: { keepMs: -1 } });
      const { id } = await ready(store(), 1, { dedup });
      await deleted(database(), id);
      expect(await count("content_key")).toBe(0);
      await ready(store(), 1, { dedup });
    });

    test("stays with its batch when an earlier one is deleted", async () => {
      const first = await ready(store(), 1, { dedup });
      await store().move(moveOf(first, "failed"));
      const second = await ready(store(), 1, { dedup });
      await deleted(database(), first.id);
      expect(await commit({ dedup })).toMatchObject({ outcome: "duplicate", batch: { id: second.id } });
    });

    test("of many at once is one batch's, also where a failed one had it, and under different keys", async () => {
      for (const before of ["nothing", "a failed batch"]) {
        if (before !== "nothing") await store().move(moveOf((await store().list({ limit: 1 }))[0] as never, "failed"));
        const done = await Promise.all(
          Array.from({ length: 12 }, (_, i) => commit({ dedup, key: key(FIRST, { key: `${before} ${i}` }) })),
        );
        expect(outcomes(done)).toEqual([...Array(11).fill("duplicate"), "stored"]);
      }
      expect([await count("batch"), await count("idempotency_key"), await count("content_key")]).toEqual([2, 2, 1]);
    });
  });

  describe("quotas", () => {
    const quota = (bytes: number | null, records: number | null = null) => ({ bytes, records });

    test("count what was stored, and nothing else", async () => {
      expect(await store().usage(1)).toMatchObject({ bytes: 0, records: 0 });
      await ready(store(), 1);
      await ready(store(), 1, { quota: quota(100), key: key(), dedup: { keepMs: DAY_MS } });
      const now = await database().now();
      const { msLeft, ...spent } = await store().usage(1);
      expect(spent).toEqual({ bytes: 60, records: 6 });
      expect(Math.abs(msLeft - (DAY_MS - (now % DAY_MS)))).toBeLessThan(5_000);
      expect((await commit({ quota: quota(100), key: key() })).outcome).toBe("repeated");
      expect((await commit({ quota: quota(1_000), dedup: { keepMs: DAY_MS } })).outcome).toBe("duplicate");
      expect(await commit({ quota: quota(119) })).toMatchObject({ outcome: "overQuota", usage: { bytes: 60 } });
      expect(await commit({ quota: quota(null, 11) })).toMatchObject({ outcome: "overQuota", usage: { records: 6 } });
      expect(await store().usage(1)).toMatchObject({ bytes: 60, records: 6 });
      expect((await commit({ quota: quota(120, 12) })).outcome).toBe("stored");
      expect(await store().usage(2)).toMatchObject({ bytes: 0, records: 0 });
    });

    test("one that is larger than the day is refused, and leaves no key", async () => {
      expect((await commit({ quota: quota(59), key: key(), dedup: { keepMs: 1 } })).outcome).toBe("overQuota");
      expect([await count("idempotency_key"), await count("content_key"), await count("batch")]).toEqual([0, 0, 0]);
    });

    test("a large upload spends at its end; one that was taken away spends nothing", async () => {
      const [id, lost] = [await begin(), await begin("lost")];
      await store().voidUpload(lost, false);
      expect(await commit({ id: lost, quota: quota(100), key: key() })).toEqual({ outcome: "swept" });
      expect((await commit({ id, quota: quota(59) })).outcome).toBe("overQuota");
      expect((await commit({ id, quota: quota(60), key: key() })).outcome).toBe("stored");
      expect(await store().usage(1)).toMatchObject({ bytes: 60, records: 6 });
    });

    test("are exact under many at once", async () => {
      const done = await Promise.all(Array.from({ length: 12 }, () => commit({ quota: quota(60 * 5, 1_000) })));
      expect(outcomes(done)).toEqual([...Array(7).fill("overQuota"), ...Array(5).fill("stored")]);
      expect(await store().usage(1)).toMatchObject({ bytes: 300, records: 30 });
    });
  });

  test("what is over is forgotten in pieces; running uploads keep their keys", async () => {
    const over = { keepMs: -1 };
    for (const name of ["a", "b", "c"]) await commit({ key: key(FIRST, { key: name, ...over }) });
    await commit({ key: key(), dedup: { keepMs: DAY_MS } });
    await commit({ totals: totals(OTHER), dedup: over, quota: { bytes: 100, records: null } });
    const late = await store().beginKeyedUpload(newBatch(1), -1, "running");
    expect(late).toHaveProperty("id");
    const today = Math.floor((await database().now()) / DAY_MS);
    for (const day of [today - 1, today - 2, today - 3])
      await database().sequelize.query(`INSERT INTO client_usage VALUES (9, ${day}, 1, 1)`);
    expect(await store().forgetRepeats(2)).toBe(false);
    expect(await store().forgetRepeats(2)).toBe(true);
    expect([await count("idempotency_key"), await count("content_key"), await count("client_usage")]).toEqual([
      2, 1, 2,
    ]);
    expect(await store().keyHolder(1, "running")).toEqual({ state: "running" });
  });
}
