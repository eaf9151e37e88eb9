/** The promise: a batch is one worker's under its fence, and the sweep takes up what nobody looks after. */
import type { BatchRow } from "../../../database/store.ts";
import { uuidv7 } from "../../../services/ids.ts";
import { deleteWhole } from "../../../services/imports/imports.running.ts";
import { call } from "../../../services/messages.ts";
import { until } from "../../helpers/patience.ts";
import { problem } from "../contracts/kit.ts";
import {
  claimed,
  client,
  commitOf,
  completed,
  create,
  due,
  failed,
  get,
  inside,
  newClient,
  startBatches,
  sweep,
  system,
  toldOf,
  uploads,
} from "./batch.kit.ts";

startBatches();

describe("a worker", () => {
  test("claims one once, and within the client's cap", async () => {
    await newClient({ maxConcurrentBatches: 1 });
    const [one, other] = [await create("{}"), await create("{}")];
    const claim = ({ id }: BatchRow) => call(system.broker, "batch.claim", { id, owner: "node-1" });
    const taken = await Promise.all([claim(one), claim(one), claim(other)]);
    expect(taken.map((found) => found?.batch.publicId ?? null)).toEqual([one.publicId, null, null]);
    expect(taken[0]?.batch).toMatchObject({ state: "processing", fence: 1, attempt: 1, owner: "node-1" });
  });

  test("claims those of a group whose policies can be read; another one goes back, and its neighbours go on", async () => {
    const batches = [await create("{}"), await create("{}"), await create("{}")];
    const [, unreadable] = batches as [BatchRow, BatchRow];
    await inside().database.sequelize.query(`UPDATE batch SET policy_version = 99 WHERE id = ${unreadable.id}`);
    const ids = batches.map(({ id }) => id);
    const claims = await call(system.broker, "batch.claimGroup", { ids, owner: "node-1" });
    expect(claims.map(({ batch }) => batch.id)).toEqual(ids.filter((id) => id !== unreadable.id));
    expect(await get(unreadable)).toMatchObject({ state: "ready", attempt: 0, attemptsTotal: 0, owner: null });
  });

  test("learns with its claim the policy that the batch was accepted under, and whose it is", async () => {
    await newClient({ maxAttempts: 7 });
    const { id } = await create("{}");
    const change = { clientId: client.id, mode: "patch", document: { maxAttempts: 8 } } as const;
    await call(system.broker, "policy.change", change);
    const claim = await call(system.broker, "batch.claim", { id, owner: "node-1" });
    expect(claim).toMatchObject({ policy: { maxAttempts: 7 }, clientPublicId: client.publicId });
  });

  test("commits chunk by chunk under its fence; the last one ends the batch and tells its counts", async () => {
    const batch = await claimed(await create("{}"));
    const stale = { ...batch, fence: batch.fence - 1 };
    expect(await call(system.broker, "batch.commitChunk", { batch: stale, commit: commitOf(batch) })).toBeNull();
    const after = await call(system.broker, "batch.commitChunk", { batch, commit: commitOf(batch, completed) });
    expect(after).toMatchObject({ state: "completed", accepted: 1, chunks: 0, owner: null });
    expect(await call(system.broker, "batch.commitChunk", { batch, commit: commitOf(batch) })).toBeNull();
    expect(await toldOf(batch, "batch.completed")).toMatchObject([
      {
        data: {
          status: "completed",
          version: after?.version,
          counts: { received: 1, accepted: 1, rejected: 0, duplicate: 0 },
          error: null,
        },
      },
    ]);
  });

  test.each([
    ["snooze", { outcome: "snooze", delayMs: 60_000 }, { state: "ready", attempt: 0, attemptsTotal: 0 }],
    [
      "retry",
      { outcome: "retry", delayMs: 60_000, code: "c", detail: "d" },
      { state: "ready", attempt: 1, attemptsTotal: 1 },
    ],
    ["fail", { outcome: "fail", code: "c", detail: "d" }, { state: "failed", reason: { code: "c", detail: "d" } }],
    ["cancel", { outcome: "cancel" }, { state: "cancelled", reason: null }],
  ] as const)("is settled by %s", async (_outcome, outcome, after) => {
    const batch = await claimed(await create("{}"));
    const before = await inside().database.now();
    const left = await call(system.broker, "batch.settle", { batch, outcome });
    expect(left).toMatchObject({ ...after, fence: batch.fence + 1, owner: null });
    if ("delayMs" in outcome) expect(left?.dueAt).toBeGreaterThanOrEqual(before + outcome.delayMs);
    expect(await call(system.broker, "batch.settle", { batch, outcome })).toBeNull();
  });

  test("tries again so often as the policy of the batch says, and then fails it by the last attempt's reason", async () => {
    await newClient({ maxAttempts: 2, backoff: { type: "fixed", delayMs: 0 } });
    const { id } = await create("{}");
    const outcome = { outcome: "retry", code: "internal", detail: "no stock" } as const;
    const retried = async () => {
      const claim = await call(system.broker, "batch.claim", { id, owner: "node-1" });
      return call(system.broker, "batch.settle", { batch: claim?.batch as BatchRow, outcome });
    };
    expect(await retried()).toMatchObject({ state: "ready", attempt: 1 });
    const reason = { code: "handler-failed", detail: "Failed 2 times, at last: no stock" };
    expect(await retried()).toMatchObject({ state: "failed", reason });
    const attempts = await call(system.broker, "batch.attempts", { ids: [id], last: 9 });
    expect(attempts).toMatchObject([2, 1].map((no) => ({ no, code: "internal", detail: "no stock" })));
  });

  test("keeps the leases of what it holds, and learns by it what it does not", async () => {
    const [mine, lost] = [await claimed(await create("{}"), "me"), await claimed(await create("{}"), "me")];
    await due(mine);
    await call(system.broker, "batch.cancel", { publicId: lost.publicId });
    const ids = [mine.id, lost.id];
    expect(await inside().database.store.extendLeases("me", ids, 30_000)).toEqual([{ id: mine.id, fence: mine.fence }]);
    expect((await get(mine)).dueAt).toBeGreaterThan(await inside().database.now());
  });
});

describe("the sweep", () => {
  test("gives a silent worker's batch to others under a raised fence, until its attempts are used up", async () => {
    await newClient({ maxAttempts: 2 });
    const first = await claimed(await create("{}"));
    await sweep();
    expect((await get(first)).state).toBe("processing");
    await due(first);
    await sweep();
    expect(await get(first)).toMatchObject({ state: "ready", fence: first.fence + 1, attempt: 1 });
    expect(await toldOf(first, "batch.ready")).toHaveLength(2);
    const second = await claimed(await get(first), "node-2");
    await due(second);
    await sweep();
    expect(await get(first)).toMatchObject({ state: "failed", reason: { code: "worker-lost" } });
    expect(await toldOf(first, "batch.completed")).toMatchObject([{ data: { status: "failed" } }]);
  });

  test("takes nothing for over that it was given as the answer to another question", async () => {
    const working = await claimed(await create("{}"));
    await due(working);
    const { store } = inside().database;
    const rows = await store.due("processing", 100);
    jest.spyOn(store, "due").mockImplementation(async (state) => (state === "completed" ? rows : []));
    const deletions = [jest.spyOn(store, "purgeChunks"), jest.spyOn(store, "deleteBatch")];
    await sweep();
    for (const deletion of deletions) expect(deletion).not.toHaveBeenCalled();
    for (const id of rows.map((row) => row.id)) await deleteWhole(store, id);
    jest.restoreAllMocks();
    expect(await get(working)).toMatchObject({ state: "processing", version: working.version });
    expect(await store.readChunk(working.id, 0)).not.toBeNull();
  });

  test("opens a window, and leaves what waits for an operator", async () => {
    await newClient({ requiresApproval: true });
    const approval = await create("{}");
    const opens = await create("{}");
    await due(opens);
    await sweep();
    expect((await get(approval)).state).toBe("held");
    expect((await get(opens)).state).toBe("ready");
    await toldOf(opens, "batch.ready");
  });

  test("has a silent node's upload deleted at once, however rarely anything is", async () => {
    const { store } = inside().database;
    const lost = {
      publicId: uuidv7(),
      clientId: client.id,
      policyVersion: 1,
      format: "csv",
      requestId: null,
    } as const;
    await store.beginUpload(lost, 0);
    await inside().sweeper.run();
    await until(async () => (await store.list({ clientId: client.id, limit: 1 })).length === 0);
  });

  test("removes a silent node's upload, and leaves one that is kept", async () => {
    const { store } = inside().database;
    const batch = {
      publicId: uuidv7(),
      clientId: client.id,
      policyVersion: 1,
      format: "csv",
      requestId: null,
    } as const;
    const silent = await store.beginUpload(batch, 0);
    const keptId = uuidv7();
    const kept = await store.beginUpload({ ...batch, publicId: keptId }, 0);
    uploads().keep(kept);
    await uploads().touch();
    uploads().drop(kept);
    await sweep();
    const left = await call(system.broker, "batch.list", { clientId: client.id, state: "receiving", limit: 9 });
    expect(left.map(({ publicId }) => publicId)).toEqual([keptId]);
    expect(await store.appendChunks(silent, [], 0)).toBe(false);
    expect(await store.voidUpload(kept, false)).toBe(true);
    await deleteWhole(store, kept);
  });

  test("deletes the body of one that ended, and all of it when its retention is over", async () => {
    await newClient({ retentionDays: 3 });
    const batch = await create("{}");
    await call(system.broker, "batch.cancel", { publicId: batch.publicId });
    await sweep();
    const purged = await get(batch);
    expect(purged).toMatchObject({ state: "cancelled", chunks: 0 });
    expect(purged.dueAt).toBeGreaterThan((await inside().database.now()) + 2.9 * 86_400_000);
    await due(batch);
    await sweep();
    await expect(get(batch)).rejects.toEqual(problem("not-found"));
  });

  test("keeps the body of a failed one for a redrive, until its retention is over", async () => {
    const batch = await failed();
    await sweep();
    expect((await get(batch)).chunks).toBe(1);
    await due(batch);
    await sweep();
    await expect(get(batch)).rejects.toEqual(problem("not-found"));
  });

  test("goes on after one that cannot be moved on", async () => {
    const [broken, other] = [await claimed(await create("{}")), await claimed(await create("{}"))];
    await inside().database.sequelize.query(`UPDATE batch SET policy_version = 99 WHERE id = ${broken.id}`);
    for (const batch of [broken, other]) await due(batch);
    await sweep();
    expect([(await get(broken)).state, (await get(other)).state]).toEqual(["processing", "ready"]);
  });
});
