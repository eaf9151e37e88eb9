/** The promise: a batch belongs to one worker under its fence, and the sweep takes over batches whose worker is lost. */
import { Problem } from "../../../lib/errors.ts";
import type { BatchRow } from "../../../services/batch/batch.domain.ts";
import { deleteWhole } from "../../../services/imports/imports.running.ts";
import { call } from "../../../services/messages.ts";
import { until } from "../../helpers/patience.ts";
import { newBatch } from "../../integration/store/drafts.ts";
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
  losePolicyOf,
  newClient,
  startBatches,
  sweep,
  system,
  toldOf,
  uploads,
} from "./batch.kit.ts";

startBatches();

describe("a worker", () => {
  test("claims a batch once, and within the client's cap", async () => {
    await newClient({ maxConcurrentBatches: 1 });
    const [one, other] = [await create("{}"), await create("{}")];
    const claim = ({ id }: BatchRow) => call(system.broker, "batch.claim", { id, owner: "node-1" });
    const taken = await Promise.all([claim(one), claim(one), claim(other)]);
    expect(taken.map((found) => found?.batch.publicId ?? null)).toEqual([one.publicId, null, null]);
    expect(taken[0]?.batch).toMatchObject({ state: "processing", fence: 1, attempt: 1, owner: "node-1" });
  });

  test("claims the batches of a group whose policies can be read; others are handed back", async () => {
    const batches = [await create("{}"), await create("{}"), await create("{}")];
    const [, unreadable] = batches as [BatchRow, BatchRow];
    await losePolicyOf(unreadable);
    const policies = system.broker.getLocalService("policy") as unknown as { stored(): Promise<null> };
    jest.spyOn(policies, "stored").mockRejectedValueOnce(new Problem("unavailable", "The database is away."));
    const ids = batches.map(({ id }) => id);
    const claims = await call(system.broker, "batch.claimGroup", { ids, owner: "node-1" });
    expect(claims.map(({ batch }) => batch.id)).toEqual(ids.filter((id) => id !== unreadable.id));
    expect(await get(unreadable)).toMatchObject({ state: "ready", attempt: 0, attemptsTotal: 0, owner: null });
  });

  test("gets with its claim the batch's policy version and its client", async () => {
    await newClient({ maxAttempts: 7 });
    const { id } = await create("{}");
    const change = { clientId: client.id, mode: "patch", document: { maxAttempts: 8 } } as const;
    await call(system.broker, "policy.change", change);
    const claim = await call(system.broker, "batch.claim", { id, owner: "node-1" });
    expect(claim).toMatchObject({ policy: { maxAttempts: 7 }, clientPublicId: client.publicId });
  });

  test("commits chunk by chunk under its fence; the last commit ends the batch and publishes its counts", async () => {
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

  test("retries as often as the policy says, then the batch fails with the last attempt's reason", async () => {
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

  test("renews the leases of its batches, and learns which ones it has lost", async () => {
    const [mine, lost] = [await claimed(await create("{}"), "me"), await claimed(await create("{}"), "me")];
    await due(mine);
    await call(system.broker, "batch.cancel", { publicId: lost.publicId });
    const ids = [mine.id, lost.id];
    expect(await inside().database.store.extendLeases("me", ids, 30_000)).toEqual([{ id: mine.id, fence: mine.fence }]);
    expect((await get(mine)).dueAt).toBeGreaterThan(await inside().database.now());
  });
});

describe("the sweep", () => {
  test("frees a silent worker's batch under a raised fence, until its attempts are used up", async () => {
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

  test("frees no batch that came as the answer to another question", async () => {
    const working = await claimed(await create("{}"));
    await due(working);
    const { store } = inside().database;
    const rows = await store.due("processing", 100);
    jest.spyOn(store, "due").mockImplementation(async (state) => (state === "completed" ? rows : []));
    await sweep();
    for (const id of rows.map((row) => row.id)) await deleteWhole(store, id);
    jest.restoreAllMocks();
    expect(await get(working)).toMatchObject({ state: "processing", version: working.version });
    expect(await store.readChunk(working.id, 0)).not.toBeNull();
  });

  test("makes a batch ready when its window opens, and leaves those that wait for an operator", async () => {
    await newClient({ requiresApproval: true });
    const approval = await create("{}");
    const opens = await create("{}");
    await due(opens);
    await sweep();
    expect((await get(approval)).state).toBe("held");
    expect((await get(opens)).state).toBe("ready");
    await toldOf(opens, "batch.ready");
  });

  test("has a silent node's upload deleted at once, however rarely retention runs", async () => {
    const { store } = inside().database;
    const id = await store.beginUpload(newBatch(client.id), 0);
    await inside().sweeper.run();
    const left = async () => (await inside().database.sequelize.query(`SELECT 1 FROM batch WHERE id = ${id}`))[0];
    await until(async () => (await left()).length === 0);
  });

  test("removes a silent node's upload, and leaves one whose lease is renewed", async () => {
    const { store } = inside().database;
    const silent = await store.beginUpload(newBatch(client.id), 0);
    const living = newBatch(client.id);
    const kept = await store.beginUpload(living, 0);
    uploads().keep(kept);
    await uploads().touch();
    uploads().drop(kept);
    await sweep();
    const left = await call(system.broker, "batch.list", { clientId: client.id, state: "receiving", limit: 9 });
    expect(left.map(({ publicId }) => publicId)).toEqual([living.publicId]);
    expect(await store.appendChunks(silent, [], 0)).toBe(false);
    expect(await store.voidUpload(kept, false)).toBe(true);
    await deleteWhole(store, kept);
  });

  test("leaves a batch whose body went with its last commit until its retention is over", async () => {
    await newClient({ retentionDays: 3 });
    const batch = await claimed(await create("{}"));
    await call(system.broker, "batch.commitChunk", { batch, commit: commitOf(batch, completed) });
    await sweep();
    const kept = await get(batch);
    expect(kept).toMatchObject({ state: "completed", chunks: 0 });
    expect(kept.dueAt).toBeGreaterThan((await inside().database.now()) + 2.9 * 86_400_000);
  });

  test("deletes the body of an ended batch, and the whole batch after its retention", async () => {
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

  test("keeps the body of a failed batch for a redrive, until its retention ends", async () => {
    const batch = await failed();
    await sweep();
    expect((await get(batch)).chunks).toBe(1);
    await due(batch);
    await sweep();
    await expect(get(batch)).rejects.toEqual(problem("not-found"));
  });

  test("goes on after a batch that cannot be moved", async () => {
    const [broken, other] = [await claimed(await create("{}")), await claimed(await create("{}"))];
    for (const batch of [broken, other]) await due(batch);
    const { store } = inside().database;
    const move = store.move.bind(store);
    const defect = () => Promise.reject(new Error("A defect."));
    jest.spyOn(store, "move").mockImplementation((one) => (one.id === broken.id ? defect() : move(one)));
    await sweep();
    expect([(await get(broken)).state, (await get(other)).state]).toEqual(["processing", "ready"]);
  });
});
