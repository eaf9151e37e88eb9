/**
 * The answer of a statement is lost, because the connection breaks after the statement was sent. The store finds out what
 * happened.
 */
import { changeWithEvent } from "../../../database/change.ts";
import type { Database } from "../../../database/database.ts";
import { isOutcomeUnknown } from "../../../database/errors.ts";
import type { BatchRow } from "../../../services/batch/batch.domain.ts";
import { describePostgres, freshPostgres, keptDatabase } from "../../helpers/database.ts";
import { patience, until } from "../../helpers/patience.ts";
import {
  chunk,
  chunkCommit,
  claimed,
  stored as committed,
  end,
  event,
  LEASE,
  moveOf,
  newBatch,
  ready,
  upload,
} from "../store/drafts.ts";
import { opened, type Proxied, proxiedPostgres } from "./kit.ts";
import { lostInNodes } from "./lost-answer.nodes.suite.ts";

let at: Proxied;
let db: Database;

describePostgres("a lost answer", () => {
  const { open, end: endDatabase } = keptDatabase(freshPostgres);
  afterAll(endDatabase);

  beforeEach(async () => {
    at = await proxiedPostgres(open);
    db = await opened(at.url);
  });
  afterEach(async () => {
    await db.close();
    await at.remove();
  });

  const stored = () => at.rows("SELECT seq, data FROM record ORDER BY seq");
  const three = [1, 2, 3].map((seq) => ({ seq, data: `{"n":${seq}}` }));

  test.each([
    ["a claim", async (ids: number[]) => [await db.store.claim(ids[0] as number, "the-owner", LEASE)]],
    ["a group's claim", (ids: number[]) => db.store.claimGroup(ids, "the-owner", LEASE)],
  ] as const)(
    "of %s that still waits for a lock: the worker has the batch once the wait has ended",
    async (_what, claim) => {
      const { id } = await ready(db.store, 1);
      const waiting = () =>
        at.rows("SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'");
      const transaction = await at.beside.sequelize.transaction();
      await at.beside.sequelize.query("SELECT client_id FROM client_queue FOR UPDATE", { transaction });
      const taken = claim([id]);
      await until(async () => (await waiting()).length === 1);
      at.proxy.cut();
      const isEarly = taken.then(() => true);
      const isWaiting = until(async () => (await waiting()).length === 2).then(() => false);
      expect(await Promise.race([isEarly, isWaiting])).toBe(false);
      await transaction.commit();
      expect((await taken).map((one) => one?.batch)).toMatchObject([{ id, owner: "the-owner", fence: 1, attempt: 1 }]);
      expect(await at.rows("SELECT running FROM client_queue")).toEqual([{ running: 1 }]);
    },
  );

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

    test("of a group's commit: each batch has ended once, and one that was taken away has not", async () => {
      const batches = [await claimed(db.store, 1), await claimed(db.store, 2), await claimed(db.store, 3)];
      const [, taken] = batches as [BatchRow, BatchRow];
      await db.store.move(moveOf(taken, "ready"));
      const told = (batch: BatchRow) => ({ ...event("batch.completed"), body: `"${batch.publicId}"` });
      const lost = at.proxy.lose('{"n":1}', how);
      const settled = await db.store.commitChunks(
        batches.map((batch) => chunkCommit(batch, [], { end: end({ events: [told(batch)] }) })),
      );
      await (await lost).arrive();
      const states = settled.map((one) => one.status === "fulfilled" && (one.value?.batch.state ?? null));
      expect(states).toEqual(["completed", null, "completed"]);
      const events = settled.flatMap((one) => (one.status === "fulfilled" && one.value ? one.value.outbox : []));
      expect(await at.rows("SELECT id, topic, body, attempts FROM outbox ORDER BY id")).toEqual(events);
      expect(await at.rows("SELECT running FROM client_queue")).toEqual(Array(3).fill({ running: 0 }));
      expect(await stored()).toHaveLength(6);
    });

    test("of a group's claim: the worker has each batch once", async () => {
      const ids = [(await ready(db.store, 1)).id, (await ready(db.store, 1)).id, (await ready(db.store, 2)).id];
      const lost = at.proxy.lose("the-owner", how);
      const taken = await db.store.claimGroup(ids, "the-owner", LEASE);
      await (await lost).arrive();
      expect(taken.map(({ batch }) => batch.id).sort((a, b) => a - b)).toEqual(ids);
      for (const { batch } of taken)
        expect(batch).toMatchObject({ state: "processing", owner: "the-owner", fence: 1, attempt: 1 });
      expect(await at.rows("SELECT running FROM client_queue")).toEqual(Array(2).fill({ running: 1 }));
      expect(await db.store.claimGroup(ids, "another", LEASE)).toEqual([]);
    });

    test("of a claim: the worker has the batch once", async () => {
      const batch = await ready(db.store, 1);
      const lost = at.proxy.lose("the-owner", how);
      const taken = await db.store.claim(batch.id, "the-owner", LEASE);
      await (await lost).arrive();
      expect(taken?.batch).toMatchObject({ state: "processing", owner: "the-owner", fence: 1, attempt: 1 });
      expect(await at.rows("SELECT running FROM client_queue")).toEqual([{ running: 1 }]);
      expect(await db.store.claim(batch.id, "another", LEASE)).toBeNull();
    });

    test.each([
      ["cancelled", "ready"],
      ["ready", "processing"],
    ] as const)("of a move to %s: it is made once, its event waits once", async (to, from) => {
      const batch = await (from === "ready" ? ready : claimed)(db.store, 1);
      const moved = event("batch.moved");
      const lost = at.proxy.lose("batch.moved", how);
      const written = await db.store.move(moveOf(batch, to, { version: batch.version, events: [moved] }));
      await (await lost).arrive();
      expect(written).toMatchObject({ batch: { state: to, version: batch.version + 1 }, outbox: [moved] });
      expect(await at.rows("SELECT id, topic, body, attempts FROM outbox")).toEqual(written?.outbox);
      expect(await at.rows("SELECT running FROM client_queue")).toEqual([{ running: 0 }]);
    });

    test("of a hand-back: the batch is let go of once, and its attempt is not counted", async () => {
      const batch = await claimed(db.store, 1);
      const { version, fence } = batch;
      const lost = at.proxy.lose("attempt = greatest(stand.attempt - 1, 0)", how);
      const written = await db.store.move(moveOf(batch, "ready", { version, fence, attempt: "uncount" }));
      await (await lost).arrive();
      expect(written?.batch).toMatchObject({ state: "ready", owner: null, fence: fence + 1, attempt: 0 });
      expect(await at.rows("SELECT fence, attempts_total, running FROM batch, client_queue")).toEqual([
        { fence: fence + 1, attempts_total: 0, running: 0 },
      ]);
    });

    test("of a small body's commit: there is one batch, and its events", async () => {
      const whole = upload(1, { events: [event("batch.created"), event("batch.ready")] });
      const lost = at.proxy.lose(whole.batch.publicId, how);
      const written = await committed(db.store, whole);
      await (await lost).arrive();
      expect(written.batch).toMatchObject({ publicId: whole.batch.publicId, state: "ready", chunks: 2 });
      expect(written.outbox).toMatchObject(whole.events);
      expect(await at.rows("SELECT id, topic, body, attempts FROM outbox ORDER BY id")).toEqual(written.outbox);
      expect(await at.rows("SELECT public_id FROM batch")).toEqual([{ public_id: whole.batch.publicId }]);
      expect(await at.rows("SELECT no FROM batch_chunk ORDER BY no")).toEqual([{ no: 0 }, { no: 1 }]);
    });

    test("of a commit with a key, a content and a quota: the repetition does not count as a duplicate of itself", async () => {
      const key = { key: "k", keepMs: 60_000, fingerprint: "0a".repeat(32) };
      const whole = upload(1, { key, dedup: { keepMs: 60_000 }, quota: { bytes: 60, records: 6 } });
      const lost = at.proxy.lose(whole.batch.publicId, how);
      const { batch } = await committed(db.store, whole);
      await (await lost).arrive();
      expect(batch).toMatchObject({ publicId: whole.batch.publicId, state: "ready" });
      expect(await at.rows("SELECT bytes, records FROM client_usage")).toEqual([{ bytes: 60, records: 6 }]);
      expect(await db.store.keyHolder(1, "k")).toMatchObject({ answer: { batch } });
      expect(await at.rows("SELECT public_id FROM batch")).toEqual([{ public_id: batch.publicId }]);
    });

    test("of a large body's beginning with a key: the upload keeps its key", async () => {
      const batch = newBatch(1);
      const lost = at.proxy.lose(batch.publicId, how);
      const begun = await db.store.beginKeyedUpload(batch, LEASE, "k");
      await (await lost).arrive();
      expect(begun).toEqual({ id: expect.any(Number) });
      expect(await db.store.beginKeyedUpload(newBatch(1), LEASE, "k")).toEqual({ holder: { state: "running" } });
      expect(await at.rows("SELECT public_id FROM batch")).toEqual([{ public_id: batch.publicId }]);
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

  test("after which the batch was taken away: the worker learns that it has lost the batch, and nothing is written again", async () => {
    const batch = await claimed(db.store, 1);
    const takeAway = () => at.beside.store.move(moveOf(batch, "ready"));
    const lost = at.proxy.lose('{"n":1}', "cut", takeAway);
    expect(await db.store.commitChunk(chunkCommit(batch))).toBeNull();
    await lost;
    expect(await stored()).toEqual(three);
    expect((await db.store.batch(batch.publicId, 1))?.accepted).toBe(3);
  });

  test("of an upload that was swept meanwhile: it is refused, and nothing of it is stored", async () => {
    const batch = newBatch(1);
    const id = await db.store.beginUpload(batch, LEASE);
    const lost = at.proxy.lose("chunk 0", "late", () => at.beside.store.voidUpload(id, false));
    expect(await db.store.commitUpload(upload(1, { id, batch }))).toEqual({ outcome: "swept" });
    await (await lost).arrive();
    expect(await at.rows("SELECT state FROM batch")).toEqual([{ state: "receiving" }]);
  });

  test("of a move after which another caller went on with the batch: the move counts as made", async () => {
    const held = await ready(db.store, 1, { state: "held", due: null });
    const moved = event("batch.moved");
    const goOn = () => at.beside.store.claim(held.id, "another", LEASE);
    const lost = at.proxy.lose("batch.moved", "cut", goOn);
    const written = await db.store.move(moveOf(held, "ready", { version: held.version, events: [moved] }));
    await lost;
    expect(written).toMatchObject({ batch: { state: "processing", owner: "another" }, outbox: [moved] });
  });

  test("of a move that another move has prevented: it counts as not made", async () => {
    const batch = await ready(db.store, 1);
    const takeAway = () => at.beside.store.claim(batch.id, "another", LEASE);
    const lost = at.proxy.lose("batch.moved", "late", takeAway);
    const move = moveOf(batch, "cancelled", { version: batch.version, events: [event("batch.moved")] });
    expect(await db.store.move(move)).toBeNull();
    await (await lost).arrive();
    expect(await at.rows("SELECT state FROM batch")).toEqual([{ state: "processing" }]);
  });

  test("of an operator's change, after which the server is silent: the caller is answered in time that the outcome is unknown", async () => {
    const lost = at.proxy.lose("COMMIT", "cut", async () => at.proxy.freeze());
    const began = performance.now();
    const change = changeWithEvent(
      db,
      async () => null,
      () => event("client.changed"),
    );
    expect(isOutcomeUnknown(await change.catch((error: unknown) => error))).toBe(true);
    expect(performance.now() - began).toBeLessThan(patience(15_000));
    await lost;
    at.proxy.thaw();
  });

  describe("in a whole node", () => lostInNodes(() => at));
});
