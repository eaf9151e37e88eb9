/** The answer of a statement is lost: the connection breaks, or is silent, when it was sent. What became of it is found out. */
import type { Database } from "../../../database/database.ts";
import { DatabaseUnavailable } from "../../../database/errors.ts";
import { describePostgres } from "../../helpers/database.ts";
import { chunk, chunkCommit, claimed, end, event, LEASE, moveOf, newBatch, ready, upload } from "../store/drafts.ts";
import { opened, type Proxied, proxiedPostgres } from "./kit.ts";

let at: Proxied;
let db: Database;

describePostgres("a lost answer", () => {
  beforeEach(async () => {
    at = await proxiedPostgres();
    db = await opened(at.url);
  });
  afterEach(async () => {
    await db.close();
    await at.remove();
  });

  const stored = () => at.rows("SELECT seq, data FROM record ORDER BY seq");
  const three = [1, 2, 3].map((seq) => ({ seq, data: `{"n":${seq}}` }));

  describe.each(["cut", "late"] as const)("(%s)", (how) => {
    test("of a chunk's commit: it is committed once, and the run goes on", async () => {
      const batch = await claimed(db.store, 1);
      const lost = at.proxy.lose('{"n":1}', how);
      const first = await db.store.commitChunk(chunkCommit(batch));
      await (await lost).arrive();
      expect(first).toMatchObject({ batch: { nextChunk: 1, accepted: 3, state: "processing", fence: 1 }, outbox: [] });
      expect(await stored()).toEqual(three);
      const second = chunkCommit({ ...batch, nextChunk: 1 }, [1]);
      expect((await db.store.commitChunk(second))?.batch).toMatchObject({ nextChunk: 2, accepted: 5, rejected: 1 });
    });

    test("of the last chunk's commit: the batch has ended once, its slot is free, its event waits once", async () => {
      const batch = await claimed(db.store, 1);
      const lost = at.proxy.lose('{"n":1}', how);
      const written = await db.store.commitChunk(chunkCommit(batch, [], { end: end() }));
      await (await lost).arrive();
      expect(written?.batch).toMatchObject({ state: "completed", accepted: 3, owner: null });
      expect(await at.rows("SELECT id, topic, body, attempts FROM outbox")).toEqual(written?.outbox);
      expect(written?.outbox).toMatchObject([event("batch.completed")]);
      expect(await at.rows("SELECT running FROM client_queue")).toEqual([{ running: 0 }]);
      expect(await stored()).toEqual(three);
    });

    test("of a claim: it is ours, once", async () => {
      const batch = await ready(db.store, 1);
      const lost = at.proxy.lose("the-owner", how);
      const taken = await db.store.claim(batch.id, "the-owner", LEASE);
      await (await lost).arrive();
      expect(taken?.batch).toMatchObject({ state: "processing", owner: "the-owner", fence: 1, attempt: 1 });
      expect(await at.rows("SELECT running FROM client_queue")).toEqual([{ running: 1 }]);
      expect(await db.store.claim(batch.id, "another", LEASE)).toBeNull();
    });

    test("of a small body's commit: there is one batch, and its events", async () => {
      const whole = upload(1, { events: [event("batch.created"), event("batch.ready")] });
      const lost = at.proxy.lose(whole.batch.publicId, how);
      const written = await db.store.commitUpload(whole);
      await (await lost).arrive();
      expect(written?.batch).toMatchObject({ publicId: whole.batch.publicId, state: "ready", chunks: 2 });
      expect(written?.outbox).toMatchObject(whole.events);
      expect(await at.rows("SELECT id, topic, body, attempts FROM outbox ORDER BY id")).toEqual(written?.outbox);
      expect(await at.rows("SELECT public_id FROM batch")).toEqual([{ public_id: whole.batch.publicId }]);
      expect(await at.rows("SELECT no FROM batch_chunk ORDER BY no")).toEqual([{ no: 0 }, { no: 1 }]);
    });

    test("of each step of a large body: its chunks are stored once", async () => {
      const batch = newBatch(1);
      const losses = [at.proxy.lose(batch.publicId, how)];
      const id = await db.store.beginUpload(batch, LEASE);
      losses.push(at.proxy.lose("chunk 0", how));
      expect(await db.store.appendChunks(id, [chunk(0)], LEASE)).toBe(true);
      losses.push(at.proxy.lose("chunk 1", how));
      const commit = upload(1, { id, batch, chunks: [chunk(1)], events: [event("batch.created")] });
      const written = await db.store.commitUpload(commit);
      for (const lost of losses) await (await lost).arrive();
      expect(written).toMatchObject({ batch: { id, state: "ready", chunks: 2 }, outbox: commit.events });
      expect(await at.rows("SELECT count(*)::int AS n FROM outbox")).toEqual([{ n: 1 }]);
      expect(await at.rows("SELECT no FROM batch_chunk ORDER BY no")).toEqual([{ no: 0 }, { no: 1 }]);
      expect(await at.rows("SELECT state FROM batch")).toEqual([{ state: "ready" }]);
    });
  });

  test("after which the batch was taken away: it is lost, and nothing is written again", async () => {
    const batch = await claimed(db.store, 1);
    const takeAway = () => at.beside.store.move(moveOf(batch, "ready"));
    const lost = at.proxy.lose('{"n":1}', "cut", takeAway);
    expect(await db.store.commitChunk(chunkCommit(batch))).toBeNull();
    await lost;
    expect(await stored()).toEqual(three);
    expect((await db.store.batch(batch.publicId, 1))?.accepted).toBe(3);
  });

  test("of an upload that was swept meanwhile: it is refused, and nothing of it comes back", async () => {
    const batch = newBatch(1);
    const id = await db.store.beginUpload(batch, LEASE);
    const lost = at.proxy.lose("chunk 0", "late", () => at.beside.store.voidUpload(id, false));
    expect(await db.store.commitUpload(upload(1, { id, batch }))).toBeNull();
    await (await lost).arrive();
    expect(await at.rows("SELECT state FROM batch")).toEqual([{ state: "receiving" }]);
  });

  test("of a database that stays away: the caller hears that it is", async () => {
    const batch = await claimed(db.store, 1);
    at.proxy.lose('{"n":1}', "cut", () => at.proxy.shut());
    const failure = db.store.commitChunk(chunkCommit(batch)).catch((error: unknown) => error);
    expect(await failure).toBeInstanceOf(DatabaseUnavailable);
    expect(await stored()).toEqual(three);
  });

  test("on a link that is open but silent: found out within 15 s", async () => {
    const batch = await claimed(db.store, 1);
    const lost = at.proxy.lose('{"n":1}', "silent");
    const written = await db.store.commitChunk(chunkCommit(batch));
    await lost;
    expect(written?.batch).toMatchObject({ nextChunk: 1, accepted: 3 });
    expect(await stored()).toEqual(three);
  }, 20_000);
});
