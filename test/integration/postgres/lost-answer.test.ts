/** The answer of a statement is lost: the connection breaks when it was sent. What became of it is found out. */
import { changeWithEvent } from "../../../database/change.ts";
import type { Database } from "../../../database/database.ts";
import { isUnknown } from "../../../database/errors.ts";
import type { BatchRow } from "../../../database/store.ts";
import { call } from "../../../services/messages.ts";
import { describePostgres, freshPostgres, keptDatabase } from "../../helpers/database.ts";
import { accepted, admin, batchWhen, get, newClient, post } from "../../helpers/http.ts";
import { patience } from "../../helpers/patience.ts";
import { startSystem } from "../../helpers/system.ts";
import { hears } from "../../unit/contracts/kit.ts";
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

    test("of a group's claim: each batch is ours, once", async () => {
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

    test("of a claim: it is ours, once", async () => {
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

    test("of a commit with a key, a content and a quota: none of them is its own enemy", async () => {
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

    test("of a large body's beginning with a key: the key is its own", async () => {
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
    expect(await db.store.commitUpload(upload(1, { id, batch }))).toEqual({ outcome: "swept" });
    await (await lost).arrive();
    expect(await at.rows("SELECT state FROM batch")).toEqual([{ state: "receiving" }]);
  });

  test("of a move after which somebody went on with the batch: it was made", async () => {
    const held = await ready(db.store, 1, { state: "held", due: null });
    const moved = event("batch.moved");
    const goOn = () => at.beside.store.claim(held.id, "another", LEASE);
    const lost = at.proxy.lose("batch.moved", "cut", goOn);
    const written = await db.store.move(moveOf(held, "ready", { version: held.version, events: [moved] }));
    await lost;
    expect(written).toMatchObject({ batch: { state: "processing", owner: "another" }, outbox: [moved] });
  });

  test("of a move that another one forestalled: it was not made", async () => {
    const batch = await ready(db.store, 1);
    const takeAway = () => at.beside.store.claim(batch.id, "another", LEASE);
    const lost = at.proxy.lose("batch.moved", "late", takeAway);
    const move = moveOf(batch, "cancelled", { version: batch.version, events: [event("batch.moved")] });
    expect(await db.store.move(move)).toBeNull();
    await (await lost).arrive();
    expect(await at.rows("SELECT state FROM batch")).toEqual([{ state: "processing" }]);
  });

  test("in a whole node, to what operators and clients ask for: they are answered as if nothing had happened", async () => {
    const system = await startSystem({ env: { DATABASE_URL: at.url, SWEEP_INTERVAL: "1h" } });
    try {
      const client = await newClient(system.url, { requiresApproval: true });
      const hold = () => accepted(system.url, client, '{"n":1}');
      const asked = async ({ id }: { id: string }, what: string, text: string) => {
        const lost = at.proxy.lose(text, "cut");
        const response = await admin(system.url, `/batches/${id}/${what}`, { method: "POST" });
        await lost;
        return [response.status, ((await response.json()) as { status: string }).status];
      };
      expect(await asked(await hold(), "cancel", "cancelled")).toEqual([200, "cancelled"]);
      expect(await asked(await hold(), "reject", "rejected-by-operator")).toEqual([200, "rejected"]);
      const approved = await hold();
      const [status, state] = await asked(approved, "approve", "specversion");
      expect(status).toBe(200);
      expect(["ready", "processing", "completed"]).toContain(state);
      await batchWhen(system.url, client, approved.id, ({ status }) => status === "completed");
    } finally {
      await system.stop();
    }
  });

  test("in a whole node, to an operator's change: the secret that is shown is the one that holds", async () => {
    const system = await startSystem({ env: { DATABASE_URL: at.url, SWEEP_INTERVAL: "1h" } });
    try {
      const made = at.proxy.lose("COMMIT", "cut");
      const client = await newClient(system.url);
      await made;
      const versions = () => at.rows<{ version: number }>("SELECT version FROM client");
      const before = await versions();
      const rotated = at.proxy.lose("COMMIT", "cut");
      const rotation = await admin(system.url, `/clients/${client.id}/rotate-secret`, { method: "POST", body: "{}" });
      await rotated;
      expect(rotation.status).toBe(200);
      expect(await versions()).toEqual([{ version: (before[0]?.version ?? 0) + 1 }]);
      expect((await get(system.url, client, "/imports")).status).toBe(200);
    } finally {
      await system.stop();
    }
  });

  test("of an operator's change, after which the server is silent: while the caller still listens it is told to be unknown", async () => {
    const lost = at.proxy.lose("COMMIT", "cut", async () => at.proxy.freeze());
    const began = performance.now();
    const change = changeWithEvent(
      db,
      async () => null,
      () => event("client.changed"),
    );
    expect(isUnknown(await change.catch((error: unknown) => error))).toBe(true);
    expect(performance.now() - began).toBeLessThan(patience(15_000));
    await lost;
    at.proxy.thaw();
  });

  test("in a whole node, whose database stays away: a client hears that it is not known, and how to look", async () => {
    const system = await startSystem({ env: { DATABASE_URL: at.url, LOG_LEVEL: "fatal" } });
    try {
      const client = await newClient(system.url);
      const headers = { "Idempotency-Key": "k", "X-Request-Id": "a-lost-request" };
      const lost = at.proxy.lose("a-lost-request", "cut", () => at.proxy.shut());
      const refused = await post(system.url, client, '{"n":1}', undefined, headers);
      await lost;
      const problem = (await refused.json()) as { batchId: string };
      expect([refused.status, problem]).toMatchObject([503, { code: "unavailable", outcome: "unknown" }]);
      const read = await get(system.url, client, `/imports/${problem.batchId}`);
      expect([read.status, await read.json()]).toEqual([503, expect.not.objectContaining({ outcome: "unknown" })]);
      await at.proxy.open();
      expect((await get(system.url, client, `/imports/${problem.batchId}`)).status).toBe(200);
      const again = await post(system.url, client, '{"n":1}', undefined, headers);
      expect(again.headers.get("idempotent-replayed")).toBe("true");
      expect(await again.json()).toMatchObject({ id: problem.batchId });
    } finally {
      await system.stop();
    }
  });

  test("in a whole node: the client's 202 comes, every record is there once, and each event is told once", async () => {
    const events: { subject: string }[] = [];
    const heard = (["batch.created", "batch.ready", "batch.completed"] as const).map((name) => hears(name, events));
    const system = await startSystem({ env: { DATABASE_URL: at.url }, extra: heard });
    try {
      const client = await newClient(system.url, { schema: { properties: { n: { type: "integer" } } } });
      await call(system.broker, "batchProcessor.pause", {});
      const posted = at.proxy.lose("a-lost-request", "cut");
      const body = '{"n":77}\n{"n":"no"}\n{"n":78}';
      const { id } = await accepted(system.url, client, body, undefined, { "X-Request-Id": "a-lost-request" });
      await posted;
      const committed = at.proxy.lose('{"n":77}', "cut");
      await call(system.broker, "batchProcessor.resume", {});
      const counts = { received: 3, accepted: 2, rejected: 1, duplicate: 0 };
      expect(await batchWhen(system.url, client, id)).toMatchObject({
        status: "completed_with_errors",
        counts,
        attempts: 1,
      });
      await committed;
      expect(await at.rows("SELECT seq FROM record ORDER BY seq")).toEqual([{ seq: 1 }, { seq: 3 }]);
      const outbox = async () => (await at.rows("SELECT id FROM outbox WHERE topic LIKE 'batch.%'")).length;
      while ((await outbox()) > 0);
      expect(events.map(({ subject }) => subject)).toEqual([id, id, id]);
    } finally {
      await system.stop();
    }
  });
});
