import type { Database } from "../../../database/database.ts";
import type { BatchState } from "../../../services/batch/batch.domain.ts";
import { deleted, moveOf, ready } from "./drafts.ts";
import { DAY_MS, FIRST, OTHER, uploadsTo } from "./idempotency.kit.ts";

/** Content is known for its time, and quotas of a day are exact, also for many uploads at the same time. */
export function dedupSuite(database: () => Database): void {
  const { store, key, totals, commit, count, outcomes, begin } = uploadsTo(database);

  describe("content", () => {
    const dedup = { keepMs: DAY_MS };

    test("content is refused with the batch that has it; other clients may send it", async () => {
      const first = await ready(store(), 1, { dedup });
      expect(await commit({ dedup, key: key() })).toEqual({ outcome: "duplicate", batch: first });
      expect(await store().keyHolder(1, "k")).toBeNull();
      expect((await commit({ dedup, totals: totals(OTHER) })).outcome).toBe("stored");
      expect((await commit({ dedup }, 2)).outcome).toBe("stored");
      expect((await commit({ dedup: null })).outcome).toBe("stored");
    });

    test("each content is stored once, also if several come at once, with keys and without", async () => {
      const [a, b] = [totals(FIRST), totals(OTHER)];
      const done = await Promise.all(
        Array.from({ length: 16 }, (_, i) =>
          commit({ dedup, totals: i % 2 ? a : b, key: i % 4 < 2 ? key(FIRST, { key: `k${i}` }) : null }),
        ),
      );
      expect(outcomes(done)).toEqual([...Array(14).fill("duplicate"), "stored", "stored"]);
      expect([await count("batch"), await count("content_key")]).toEqual([2, 2]);
    });

    test("content is refused at the end of a large upload too, which is then swept", async () => {
      const first = await ready(store(), 1, { dedup });
      const id = await begin();
      expect(await commit({ id, dedup, key: key() })).toMatchObject({ outcome: "duplicate", batch: { id: first.id } });
      expect(await store().voidUpload(id, false)).toBe(true);
      expect(await store().keyHolder(1, "k")).toBeNull();
    });

    test.each<BatchState>(["failed", "rejected", "cancelled"])(
      "content of a batch that is %s may come again",
      async (state) => {
        const first = await ready(store(), 1, { dedup });
        await store().move(moveOf(first, state));
        const next = await ready(store(), 1, { dedup });
        expect(await commit({ dedup })).toMatchObject({ outcome: "duplicate", batch: { id: next.id } });
      },
    );

    test("content may come again once it has expired, or its batch is deleted", async () => {
      await ready(store(), 1, { dedup: { keepMs: -1 } });
      const { id } = await ready(store(), 1, { dedup });
      await deleted(database(), id);
      expect(await count("content_key")).toBe(0);
      await ready(store(), 1, { dedup });
    });

    test("content stays known with its batch when an earlier batch is deleted", async () => {
      const first = await ready(store(), 1, { dedup });
      await store().move(moveOf(first, "failed"));
      const second = await ready(store(), 1, { dedup });
      await deleted(database(), first.id);
      expect(await commit({ dedup })).toMatchObject({ outcome: "duplicate", batch: { id: second.id } });
    });

    test("many uploads of one content at once make one batch, also after a failed one, and with different keys", async () => {
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

    test("quotas count only what is stored", async () => {
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

    test("an upload beyond the quota is refused, and leaves no key", async () => {
      expect((await commit({ quota: quota(59), key: key(), dedup: { keepMs: 1 } })).outcome).toBe("overQuota");
      expect([await count("idempotency_key"), await count("content_key"), await count("batch")]).toEqual([0, 0, 0]);
    });

    test("a large upload spends its quota at its end; a swept one spends nothing", async () => {
      const [id, lost] = [await begin(), await begin("lost")];
      await store().voidUpload(lost, false);
      expect(await commit({ id: lost, quota: quota(100), key: key() })).toEqual({ outcome: "swept" });
      expect((await commit({ id, quota: quota(59) })).outcome).toBe("overQuota");
      expect((await commit({ id, quota: quota(60), key: key() })).outcome).toBe("stored");
      expect(await store().usage(1)).toMatchObject({ bytes: 60, records: 6 });
    });

    test("quotas are exact for many uploads at once", async () => {
      const done = await Promise.all(Array.from({ length: 12 }, () => commit({ quota: quota(60 * 5, 1_000) })));
      expect(outcomes(done)).toEqual([...Array(7).fill("overQuota"), ...Array(5).fill("stored")]);
      expect(await store().usage(1)).toMatchObject({ bytes: 300, records: 30 });
    });
  });
}
