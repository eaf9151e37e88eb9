/**
 * What happens to a unit whose answer is lost, on a real SQLite. Either the answer is dropped after the unit was done ("done"),
 * or the unit never reached the database ("not done"). integration/postgres/lost-answer does the same with a PostgreSQL whose
 * link is cut.
 */
import { ConstraintViolation, DatabaseUnavailable } from "../../../database/errors.ts";
import type { BatchStore } from "../../../database/store.ts";
import { type Evidence, resolvingOutcomes } from "../../../database/unknown-outcome.ts";
import type { BatchRow } from "../../../services/batch/batch.domain.ts";
import type { OutboxDraft, OutboxRow } from "../../../services/outbox/outbox.domain.ts";
import { freshDatabase, keptDatabase, type TestDatabase } from "../../helpers/database.ts";
import {
  chunk,
  chunkCommit,
  claimed,
  end,
  event,
  LEASE,
  moveOf,
  newBatch,
  ready,
  upload,
} from "../../integration/store/drafts.ts";

const { open, end: close } = keptDatabase(freshDatabase);
let at: TestDatabase;
let real: BatchStore;

beforeEach(async () => {
  at = await open();
  real = at.db.store;
});
afterEach(async () => {
  jest.restoreAllMocks();
  await at.remove();
});
afterAll(close);

const gone = new DatabaseUnavailable("The answer was lost.", { isOutcomeUnknown: true });
const untilFree = jest.fn(async (_ids: number[]) => {});
const batchById = async (id: number): Promise<BatchRow | null> =>
  (await real.list({ limit: 100 })).find((batch) => batch.id === id) ?? null;
async function outboxOf(events: OutboxDraft[]): Promise<OutboxRow[]> {
  const [rows] = await at.db.sequelize.query('SELECT "id", "topic", "body", "attempts" FROM "outbox" ORDER BY "id"');
  return (rows as OutboxRow[]).filter(({ body }) => events.some((one) => one.body === body));
}

type Unit = keyof BatchStore;
type How = "done" | "not done";

/**
 * A store whose first answer to this unit is lost; then `meanwhile` runs. Its later calls fail with the errors of `later`, one
 * after another.
 */
function losing(
  name: Unit,
  how: How,
  { meanwhile, later = [], ...over }: Partial<Evidence> & { meanwhile?: () => Promise<unknown>; later?: Error[] } = {},
): BatchStore {
  const unit = real[name] as (...args: unknown[]) => Promise<unknown>;
  let isLost = false;
  const failures = later.values();
  const asked = async (...args: unknown[]) => {
    if (isLost) {
      const { value: failure } = failures.next();
      if (failure) throw failure;
      return unit(...args);
    }
    isLost = true;
    if (how === "done") await unit(...args);
    await meanwhile?.();
    throw gone;
  };
  return resolvingOutcomes({ ...real, [name]: asked }, { batchById, untilFree, outboxOf, ...over });
}

describe.each<How>(["done", "not done"])("a unit that was %s", (how) => {
  test("of a chunk's commit", async () => {
    const batch = await claimed(real, 1);
    const written = await losing("commitChunk", how).commitChunk(chunkCommit(batch, [], { end: end() }));
    expect(written).toMatchObject({ batch: { state: "completed", accepted: 3 }, outbox: [event("batch.completed")] });
  });

  test("of a group's commits, one of which was taken away", async () => {
    const [first, taken] = [await claimed(real, 1), await claimed(real, 2)];
    await real.move(moveOf(taken, "ready"));
    const settled = await losing("commitChunks", how).commitChunks([chunkCommit(first), chunkCommit(taken)]);
    expect(settled).toMatchObject([
      { status: "fulfilled", value: { batch: { id: first.id, nextChunk: 1, accepted: 3 } } },
      { status: "fulfilled", value: null },
    ]);
  });

  test("of a claim, and of a group's", async () => {
    const [one, two, three] = [await ready(real, 1), await ready(real, 2), await ready(real, 3)];
    // The claim that was sent first may still be running.
    const untilFree = jest.fn(async (_ids: number[]) => {});
    const mine = await losing("claim", how, { untilFree }).claim(one.id, "me", LEASE);
    expect(mine).toMatchObject({ batch: { owner: "me", fence: 1 } });
    await real.claim(three.id, "another", LEASE);
    const group = await losing("claimGroup", how, { untilFree }).claimGroup([two.id, three.id], "me", LEASE);
    expect(untilFree.mock.calls).toEqual([[[one.id]], [[two.id, three.id]]]);
    expect(group).toMatchObject([{ batch: { id: two.id, owner: "me", fence: 1 } }]);
  });

  test("of a move: by its events, or by where the batch stands", async () => {
    const [told, silent] = [await ready(real, 1), await claimed(real, 2)];
    const events = [event("batch.moved")];
    const move = moveOf(told, "cancelled", { version: told.version, events });
    expect(await losing("move", how).move(move)).toMatchObject({ batch: { state: "cancelled" }, outbox: events });
    const byFence = moveOf(silent, "ready", { fence: silent.fence });
    expect(await losing("move", how).move(byFence)).toMatchObject({ batch: { state: "ready" }, outbox: [] });
  });

  test("of each step of an upload", async () => {
    const batch = newBatch(1);
    const id = await losing("beginUpload", how).beginUpload(batch, LEASE);
    expect(await losing("appendChunks", how).appendChunks(id, [chunk(0)], LEASE)).toBe(true);
    const commit = upload(1, { id, batch, chunks: [chunk(1)] });
    expect(await losing("commitUpload", how).commitUpload(commit)).toMatchObject({ outcome: "stored", batch: { id } });
  });

  test("of an upload whose key, content and quota are its own", async () => {
    const key = { key: "k", keepMs: 60_000, fingerprint: "0a".repeat(32) };
    const commit = upload(1, { key, dedup: { keepMs: 60_000 }, quota: { bytes: 60, records: 6 } });
    const done = await losing("commitUpload", how).commitUpload(commit);
    expect(done).toMatchObject({ outcome: "stored", batch: { publicId: commit.batch.publicId } });
    const begun = newBatch(2);
    expect(await losing("beginKeyedUpload", how).beginKeyedUpload(begun, LEASE, "k")).toEqual({
      id: (await real.batch(begun.publicId, 2))?.id,
    });
  });
});

describe("what another did meanwhile is not taken for ours:", () => {
  test("its claim", async () => {
    const [one, two] = [await ready(real, 1), await ready(real, 2)];
    const meanwhile = () => real.claim(one.id, "another", LEASE);
    expect(await losing("claim", "not done", { meanwhile }).claim(one.id, "me", LEASE)).toBeNull();
    const later = () => real.claim(two.id, "another", LEASE);
    expect(await losing("claimGroup", "not done", { meanwhile: later }).claimGroup([two.id], "me", LEASE)).toEqual([]);
  });

  test("a batch that was taken away after the commit is lost", async () => {
    const batch = await claimed(real, 1);
    const meanwhile = () => real.move(moveOf(batch, "ready"));
    expect(await losing("commitChunk", "done", { meanwhile }).commitChunk(chunkCommit(batch))).toBeNull();
  });

  test("a batch that went on after a move with events was moved by us", async () => {
    const batch = await ready(real, 1, { state: "held", due: null });
    const meanwhile = () => real.claim(batch.id, "another", LEASE);
    const move = moveOf(batch, "ready", { version: batch.version, events: [event("batch.moved")] });
    expect(await losing("move", "done", { meanwhile }).move(move)).toMatchObject({ batch: { owner: "another" } });
  });

  test("another move from the same version", async () => {
    const batch = await ready(real, 1);
    const meanwhile = () => real.claim(batch.id, "another", LEASE);
    const move = moveOf(batch, "cancelled", { version: batch.version });
    expect(await losing("move", "not done", { meanwhile }).move(move)).toBeNull();
  });

  test("the same state after more moves, by version or by fence", async () => {
    const there = async (batch: BatchRow) => {
      await real.move(moveOf(batch, "ready"));
      const again = (await real.claim(batch.id, "another", LEASE))?.batch as BatchRow;
      return real.move(moveOf(again, "ready"));
    };
    const [one, two] = [await claimed(real, 1), await claimed(real, 2)];
    const byVersion = moveOf(one, "ready", { version: one.version });
    expect(await losing("move", "not done", { meanwhile: () => there(one) }).move(byVersion)).toBeNull();
    const byFence = moveOf(two, "ready", { fence: two.fence });
    expect(await losing("move", "not done", { meanwhile: () => there(two) }).move(byFence)).toBeNull();
  });

  test("an upload that was swept has stored nothing", async () => {
    const batch = newBatch(1);
    const id = await real.beginUpload(batch, LEASE);
    const meanwhile = () => real.voidUpload(id, false);
    const store = losing("commitUpload", "not done", { meanwhile });
    expect(await store.commitUpload(upload(1, { id, batch }))).toEqual({ outcome: "swept" });
  });
});

describe("an error that is no lost answer is told:", () => {
  const defect = new Error("a defect");
  const away = new DatabaseUnavailable("The database is away.");

  test("of the first try, which is then the only one", async () => {
    const claim = jest.fn(async () => Promise.reject(away));
    const store = resolvingOutcomes({ ...real, claim }, { batchById, untilFree, outboxOf });
    await expect(store.claim(1, "me", LEASE)).rejects.toBe(away);
    expect(claim).toHaveBeenCalledTimes(1);
  });

  test("of a later try, at once", async () => {
    const over = { later: [defect], deadline: () => 0 };
    await expect(losing("claim", "not done", over).claim(1, "me", LEASE)).rejects.toBe(defect);
    await expect(losing("beginUpload", "done", over).beginUpload(newBatch(1), LEASE)).rejects.toBe(defect);
  });

  test("of a row that another's constraint refuses", async () => {
    const violation = new ConstraintViolation("Another row is in the way.");
    const begin = losing("beginUpload", "not done", { later: [violation] });
    await expect(begin.beginUpload(newBatch(1), LEASE)).rejects.toBe(violation);
    const commit = losing("commitUpload", "not done", { later: [violation] });
    await expect(commit.commitUpload(upload(1))).rejects.toBe(violation);
  });

  test("of one commit of a group, while the others are done", async () => {
    const batch = await claimed(real, 1);
    const commits = [chunkCommit(batch), chunkCommit(batch, [], { id: 4_711 })];
    const commitChunks = jest.fn<ReturnType<BatchStore["commitChunks"]>, []>();
    commitChunks.mockRejectedValueOnce(gone);
    commitChunks.mockResolvedValueOnce([
      { status: "fulfilled", value: { batch, outbox: [] } },
      { status: "rejected", reason: defect },
    ]);
    const store = resolvingOutcomes({ ...real, commitChunks }, { batchById, untilFree, outboxOf });
    expect(await store.commitChunks(commits)).toMatchObject([{ status: "fulfilled" }, { reason: defect }]);
  });
});

describe("a database that is away for longer", () => {
  test("is asked again, also where only the look at a group's batch fails", async () => {
    const one = await ready(real, 1);
    const later = [gone, new DatabaseUnavailable("The database is away.")];
    expect(await losing("claim", "done", { later }).claim(one.id, "me", LEASE)).toMatchObject({
      batch: { owner: "me" },
    });
    const batch = await claimed(real, 2);
    const look = jest.fn(batchById).mockRejectedValueOnce(gone);
    const store = losing("commitChunks", "done", { batchById: look });
    expect(await store.commitChunks([chunkCommit(batch)])).toMatchObject([{ value: { batch: { nextChunk: 1 } } }]);
  });

  test("is asked for 8 s, and no longer than the node has before it stops: then the first error is told", async () => {
    const away = new DatabaseUnavailable("The database is away.");
    const stopping = losing("claim", "not done", { later: [away], deadline: () => 0 });
    await expect(stopping.claim(1, "me", LEASE)).rejects.toBe(gone);
    const one = await ready(real, 1);
    const now = performance.now();
    const clock = jest.spyOn(performance, "now").mockReturnValue(now + 8_001);
    clock.mockReturnValueOnce(now).mockReturnValueOnce(now + 7_999);
    const store = losing("claim", "not done", { later: [away, away] });
    await expect(store.claim(one.id, "me", LEASE)).rejects.toBe(gone);
    clock.mockRestore();
    expect((await batchById(one.id))?.owner).toBeNull();
  });
});
