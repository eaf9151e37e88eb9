import { randomUUID } from "node:crypto";
import type { Database } from "../../../database/database.ts";
import { ConstraintViolation } from "../../../database/errors.ts";
import { draftAudit, named } from "../../../services/audits.ts";
import type { Written } from "../../../services/batch/batch.writes.domain.ts";
import type { UploadCommit } from "../../../services/imports/imports.domain.ts";
import { chunk, event, LEASE, newBatch, ready, stored, TRACE, upload } from "./drafts.ts";
import { undoColumns } from "./from-before.ts";

const ALICE = { who: "alice", role: "operator", address: "127.0.0.1", requestId: "request-2" } as const;

/** The promise: the last commit of an upload stores it as a whole; otherwise nothing of it is stored. */
export function uploadSuite(database: () => Database): void {
  describe("uploads", () => {
    const store = () => database().store;
    const append = (id: number, no: number) => store().appendChunks(id, [chunk(no)], LEASE);

    test("a small body is one commit", async () => {
      const commit = upload(7, { events: [event("batch.created"), event("batch.ready")] });
      const before = await database().now();
      const done = await stored(store(), commit);
      expect(done.batch).toMatchObject({
        publicId: commit.batch.publicId,
        clientId: 7,
        state: "ready",
        format: "ndjson",
        trace: TRACE,
        envelope: { header: ["a"] },
        contentHash: "ab".repeat(32),
        bytes: 60,
        records: 6,
        chunks: 2,
        phase: "deliver",
        nextChunk: 0,
        fence: 0,
        attempt: 0,
        version: 1,
        owner: null,
        startedAt: null,
        finishedAt: null,
      });
      expect(done.batch.readyAt).toBeGreaterThanOrEqual(before);
      expect(done.batch.dueAt).toBe(done.batch.readyAt);
      expect(done.outbox.map((row) => row.topic)).toEqual(["batch.created", "batch.ready"]);
      expect(await store().batch(commit.batch.publicId, 7)).toEqual(done.batch);
      expect(await store().batch(commit.batch.publicId, 8)).toBeNull();
      const read = await store().readChunk(done.batch.id, 0);
      expect(read).toMatchObject({ ...chunk(0), body: expect.anything() });
      expect(Buffer.from(read?.body ?? []).toString()).toBe("chunk 0");
      expect(await store().readChunk(done.batch.id, 2)).toBeNull();
    });

    test("a large body: begin, append, commit", async () => {
      const id = await store().beginUpload(newBatch(1), LEASE);
      expect(await store().list({ clientId: 1, limit: 10 })).toEqual([]);
      expect(await append(id, 0)).toBe(true);
      expect(await append(id, 1)).toBe(true);
      const done = await stored(store(), upload(1, { id, chunks: [chunk(2)], state: "held", due: null }));
      expect(done.batch).toMatchObject({ id, state: "held", dueAt: null, readyAt: null, version: 2, chunks: 2 });
      expect(done.batch.trace).toBe(TRACE);
      expect((await store().readChunk(id, 2))?.records).toBe(3);
      expect(await append(id, 3)).toBe(false);
    });

    test("a batch from before traces were kept goes on as it was; those since have one", async () => {
      const db = database();
      const { id, publicId } = await ready(store(), 1);
      await undoColumns(db, "0061-batch-trace", "batch", ["trace"]);
      expect(await db.migrate()).toEqual(["0061-batch-trace"]);
      expect(await store().batch(publicId, 1)).toMatchObject({
        id,
        state: "ready",
        requestId: "request-1",
        trace: null,
      });
      expect((await store().claim(id, "node-1", LEASE))?.batch).toMatchObject({ fence: 1, trace: null });
      const later = await ready(store(), 2);
      expect((await store().claim(later.id, "node-1", LEASE))?.batch.trace).toBe(TRACE);
    });

    test("the store keeps no reference to the bytes of a body, also from a buffer pool", async () => {
      const pooled = Buffer.from("pooled");
      const { id } = await ready(store(), 1, { chunks: [{ ...chunk(0), body: pooled }] });
      expect(pooled.toString()).toBe("pooled");
      expect(Buffer.from((await store().readChunk(id, 0))?.body ?? []).toString()).toBe("pooled");
    });

    test("every late write of a swept upload is refused", async () => {
      const id = await store().beginUpload(newBatch(1), LEASE);
      expect(await store().voidUpload(id, true)).toBe(false);
      expect(await store().voidUpload(id, false)).toBe(true);
      expect(await append(id, 0)).toBe(false);
      await store().touchUploads([id], LEASE);
      expect(await store().commitUpload(upload(1, { id }))).toEqual({ outcome: "swept" });
      expect(await store().readChunk(id, 0)).toBeNull();
      // The upload still has to be deleted, in case its node dies now.
      expect((await store().voided(10)).map((row) => row.id)).toEqual([id]);
      expect(await store().due("receiving", 10)).toEqual([]);
      expect(await store().deleteBatch(id, 10)).toBe("done");
    });

    test("only uploads whose lease has passed are due; a touch keeps them", async () => {
      const late = await store().beginUpload(newBatch(1), -1);
      const touched = await store().beginUpload(newBatch(1), -1);
      await store().touchUploads([touched], LEASE);
      expect((await store().due("receiving", 10)).map((row) => row.id)).toEqual([late]);
      expect(await store().voidUpload(touched, true)).toBe(false);
      expect(await store().voidUpload(late, true)).toBe(true);
    });

    test("a rejected upload has ended, and a second commit of its id writes nothing", async () => {
      const reason = { code: "quota", detail: "used up" };
      const commit = upload(1, { state: "rejected", reason, due: { inMs: 5 } });
      const done = await stored(store(), commit);
      expect(done.batch).toMatchObject({ state: "rejected", reason, finishedAt: expect.any(Number), readyAt: null });
      await expect(store().commitUpload({ ...commit, events: [event("batch.created")] })).rejects.toThrow();
      expect((await store().stats()).outboxDepth).toBe(0);
    });

    test("a batch that an operator makes is stored together with its audit row, or neither is", async () => {
      const { id: parentId, publicId } = await ready(store(), 1);
      const parent = { id: parentId, publicId };
      const commits = [true, false, true].map((isChild) => {
        const batch = newBatch(1);
        const subject = named("batch", batch.publicId);
        const audit = draftAudit(ALICE, { action: "batch.retry", subject, reason: "Once more.", change: { a: 1 } });
        return upload(1, { batch, audit, ...(isChild && { parent }) });
      });
      const begun = await store().beginUpload(newBatch(1), LEASE);
      const [child, other, twice] = commits as [UploadCommit, UploadCommit, UploadCommit];
      await stored(store(), child);
      await stored(store(), { ...other, id: begun });
      // A batch can have only one retry.
      await expect(store().commitUpload(twice)).rejects.toThrow(ConstraintViolation);
      for (const { audit, batch } of [child, other]) {
        const rows = await store().listAudit({ subject: batch.publicId, limit: 9 });
        expect(rows).toEqual([{ ...audit, id: expect.anything(), at: expect.anything() }]);
        expect(Math.abs(Number(rows[0]?.at) - (await database().now()))).toBeLessThan(60_000);
      }
      expect(await store().listAudit({ subject: twice.batch.publicId, limit: 9 })).toEqual([]);
      expect(await store().batch(twice.batch.publicId, 1)).toBeNull();
    });

    test("many uploads at once are stored each by itself, and one that violates a constraint fails alone", async () => {
      const hold = { state: "held", due: { at: 99 }, reason: { hold: "window", until: 99 } } as const;
      const webhook = [event("batch.created"), { ...event("batch.ready"), delivery: { publicId: randomUUID() } }];
      const commits = Array.from({ length: 24 }, (_, i) =>
        upload(1 + (i % 3), {
          events: i % 2 === 0 ? webhook.slice(0, 1 + (i === 8 ? 1 : 0)) : [{ topic: "batch.created", body: `"${i}"` }],
          chunks: Array.from({ length: i % 4 }, (_, no) => ({ ...chunk(no), body: Buffer.from(`${i} ${no}`) })),
          ...(i % 5 === 0 ? hold : {}),
        }),
      );
      const twice = {
        ...(commits[3] as UploadCommit),
        batch: { ...newBatch(1), publicId: commits[3]?.batch.publicId as string },
      };
      const all = await Promise.allSettled([...commits, twice].map((commit) => stored(store(), commit)));
      expect(all.filter(({ status }) => status === "rejected")).toHaveLength(1);
      const ids = new Set<number>();
      for (const [i, commit] of commits.entries()) {
        const done = all[i] as PromiseSettledResult<Written>;
        if (done.status === "rejected") {
          expect(i).toBe(3);
          continue;
        }
        const { batch, outbox } = done.value;
        expect(await store().batch(commit.batch.publicId, commit.batch.clientId)).toEqual(batch);
        expect(outbox).toMatchObject(commit.events);
        for (const { id } of outbox) ids.add(id);
        for (const { no, body } of commit.chunks)
          expect(Buffer.from((await store().readChunk(batch.id, no))?.body ?? []).toString()).toBe(body.toString());
        expect(await store().readChunk(batch.id, commit.chunks.length)).toBeNull();
      }
      const kept = await store().takeOutbox(100, -1, 0);
      expect(kept).toHaveLength((await store().stats()).outboxDepth);
      for (const { id, topic, body } of kept)
        if (ids.has(id))
          expect(all.flatMap((one) => (one.status === "fulfilled" ? one.value.outbox : []))).toContainEqual(
            expect.objectContaining({ id, topic, body }),
          );
      expect(await database().deliveries.listDeliveries({ limit: 10 })).toHaveLength(1);
    });
  });
}
