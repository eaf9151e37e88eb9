/** The promise: what clients and operators ask of a batch happens once, and wakes workers that wait. */
import { Readable } from "node:stream";
import type { WorkerCommit } from "../../../services/batch/batch.contract.ts";
import type { BatchRow } from "../../../services/batch/batch.domain.ts";
import { call } from "../../../services/messages.ts";
import { until } from "../../helpers/patience.ts";
import { problem } from "../contracts/kit.ts";
import {
  claimed,
  client,
  commitOf,
  create,
  failed,
  get,
  inside,
  long,
  losePolicyOf,
  newClient,
  startBatches,
  sweep,
  system,
  toldOf,
  wakes,
} from "./batch.kit.ts";

startBatches();

describe("calls about a batch", () => {
  test("a batch of another client, an unknown one and an unfinished upload are not found", async () => {
    const batch = await create("{}");
    const { publicId } = batch;
    expect(await call(system.broker, "batch.get", { publicId, clientId: client.id })).toEqual(batch);
    for (const which of [{ publicId, clientId: client.id + 1 }, { publicId: "nobody's" }])
      for (const action of ["batch.get", "batch.cancel"] as const)
        await expect(call(system.broker, action, which)).rejects.toEqual(problem("not-found"));
    const wire = new Readable({ read() {} });
    const creating = create(wire);
    wire.push(long());
    const row = () => call(system.broker, "batch.list", { clientId: client.id, state: "receiving", limit: 1 });
    await until(async () => (await row()).length > 0);
    const [unfinished] = await row();
    await expect(get(unfinished as BatchRow)).rejects.toEqual(problem("not-found"));
    wire.push(null);
    expect((await creating).publicId).toBe(unfinished?.publicId);
  });

  test("cancel ends a batch once, also of two at the same time, and a worker's late write is refused", async () => {
    const batch = await claimed(await create("{}"));
    const { publicId } = batch;
    const both = await Promise.allSettled([1, 2].map(() => call(system.broker, "batch.cancel", { publicId })));
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(both.find((one) => one.status === "rejected")?.reason).toEqual(
      problem("illegal-state", { current: "cancelled" }),
    );
    expect(await call(system.broker, "batch.commitChunk", { batch, commit: commitOf(batch) })).toBeNull();
    expect(await call(system.broker, "batch.settle", { batch, outcome: { outcome: "snooze", delayMs: 0 } })).toBeNull();
    expect(await get(batch)).toMatchObject({ state: "cancelled", accepted: 0 });
    expect(await toldOf(batch, "batch.completed")).toMatchObject([{ data: { status: "cancelled", error: null } }]);
  });

  test("cancel ends a batch whose worker commits all the time", async () => {
    const { publicId, id } = await claimed(await create("{}"));
    const { store } = inside().database;
    const move = store.move.bind(store);
    jest.spyOn(store, "move").mockImplementation(async (one) => {
      const batch = await get({ publicId } as BatchRow);
      if (one.id === id && batch.state === "processing")
        await call(system.broker, "batch.commitChunk", { batch, commit: commitOf(batch) });
      return move(one);
    });
    expect(await call(system.broker, "batch.cancel", { publicId })).toMatchObject({ state: "cancelled", accepted: 1 });
  });

  test("approve makes a held batch ready, reject ends it with the operator's reason", async () => {
    await newClient({ requiresApproval: true });
    const { publicId } = await create("{}");
    const ready = await call(system.broker, "batch.approve", { publicId });
    expect(ready).toMatchObject({ state: "ready", reason: null });
    await toldOf(ready, "batch.ready");
    for (const action of ["batch.approve", "batch.reject", "batch.redrive"] as const)
      await expect(call(system.broker, action, { publicId })).rejects.toEqual(
        problem("illegal-state", { current: "ready" }),
      );
    const other = await create("{}");
    const rejected = await call(system.broker, "batch.reject", { publicId: other.publicId, reason: "Not today." });
    expect(rejected).toMatchObject({
      state: "rejected",
      reason: { code: "rejected-by-operator", detail: "Not today." },
    });
    expect(await toldOf(other, "batch.completed")).toMatchObject([
      { data: { status: "rejected", version: rejected.version, error: { code: "rejected-by-operator" } } },
    ]);
  });

  test("redrive makes a failed batch ready from its last chunk, with 0 attempts", async () => {
    const batch = await failed();
    expect(batch).toMatchObject({ state: "failed", attempt: 1, reason: { code: "handler-failed" } });
    const again = await call(system.broker, "batch.redrive", { publicId: batch.publicId });
    expect(again).toMatchObject({ state: "ready", attempt: 0, attemptsTotal: 1, reason: null, phase: "deliver" });
    expect(await inside().database.store.readChunk(batch.id, 0)).not.toBeNull();
  });

  test("redrive refuses a batch whose retention ends within a minute: it may be half deleted", async () => {
    const { id, publicId } = await failed();
    const endsIn = (ms: number) =>
      inside().database.sequelize.query(`UPDATE batch SET due_at = ${Date.now() + ms} WHERE id = ${id}`);
    await endsIn(30_000);
    await expect(call(system.broker, "batch.redrive", { publicId })).rejects.toEqual(problem("not-found"));
    await endsIn(3_600_000);
    expect(await call(system.broker, "batch.redrive", { publicId })).toMatchObject({ state: "ready" });
  });

  test("redrive of a batch that failed in its validating pass begins anew", async () => {
    await newClient({ onInvalid: "rejectBatch" });
    const batch = await claimed(await create("{}"));
    const error = { code: "invalid-records", detail: "" };
    const commit: WorkerCommit = {
      ...commitOf(batch, { state: "failed", error }),
      text: Buffer.from(""),
      counts: { accepted: 0, rejected: 1, duplicate: 0 },
      errors: [{ index: 0, line: 1, raw: "{}", errors: [{ field: "a", code: "required", message: "" }] }],
      next: { phase: "validate", chunk: 1 },
    };
    await call(system.broker, "batch.commitChunk", { batch, commit });
    const again = await call(system.broker, "batch.redrive", { publicId: batch.publicId });
    expect(again).toMatchObject({ state: "ready", phase: "validate", nextChunk: 0, rejected: 0, chunks: 1 });
    expect(await call(system.broker, "batch.errors", { id: batch.id, after: 0, limit: 9 })).toEqual([]);
  });
});

describe("workers are woken when a batch becomes claimable:", () => {
  const running = async () => claimed(await create("{}"));
  const handBack = { outcome: "snooze", delayMs: 0 } as const;
  test.each<[string, () => Promise<() => Promise<unknown>>]>([
    [
      "a hand-back",
      async () => {
        const batch = await running();
        return () => call(system.broker, "batch.settle", { batch, outcome: handBack });
      },
    ],
    [
      "a slot that is freed by a cancel",
      async () => {
        const { publicId } = await running();
        return () => call(system.broker, "batch.cancel", { publicId });
      },
    ],
    [
      "a wait that is ended",
      async () => {
        const snooze = { outcome: "snooze", delayMs: 60_000 } as const;
        const [batch, before] = [await running(), wakes()];
        const left = (await call(system.broker, "batch.settle", { batch, outcome: snooze })) as BatchRow;
        await until(() => wakes() > before);
        return () => call(system.broker, "batch.endSnooze", { batch: left });
      },
    ],
    [
      "a cap that is raised",
      async () => () => call(system.broker, "batch.configureQueue", { clientId: client.id, cap: 9, weight: 1 }),
    ],
  ])("%s", async (_what, prepare) => {
    const move = await prepare();
    const before = wakes();
    await move();
    await until(() => wakes() > before);
  });
});

describe("a batch whose policy is gone", () => {
  const reason = { code: "policy-gone", detail: expect.stringContaining("Version 99 of the policy") };

  test("fails at its claim, alone or in a group, and says why", async () => {
    const batches = [await create("{}"), await create("{}"), await create("{}")];
    const [alone, grouped, whole] = batches as [BatchRow, BatchRow, BatchRow];
    for (const batch of [alone, grouped]) await losePolicyOf(batch);
    expect(await call(system.broker, "batch.claim", { id: alone.id, owner: "node-1" })).toBeNull();
    const ids = [grouped.id, whole.id];
    const claims = await call(system.broker, "batch.claimGroup", { ids, owner: "node-1" });
    expect(claims.map(({ batch }) => batch.id)).toEqual([whole.id]);
    for (const batch of [alone, grouped]) {
      expect(await get(batch)).toMatchObject({ state: "failed", reason, attemptsTotal: 1 });
      expect(await toldOf(batch, "batch.completed")).toMatchObject([{ data: { status: "failed", error: reason } }]);
    }
  });

  test("goes on by a redrive once its policy version is there again", async () => {
    const batch = await create("{}");
    const { id, publicId } = batch;
    const claim = () => call(system.broker, "batch.claim", { id, owner: "node-1" });
    await losePolicyOf(batch);
    expect(await claim()).toBeNull();
    await inside().database.sequelize.query(
      `INSERT INTO policy (client_id, version, body, created_at) VALUES (${client.id}, 99, '{}', 0)`,
    );
    await until(async () => {
      await call(system.broker, "batch.redrive", { publicId });
      return (await claim())?.policy;
    });
  });

  test("can be cancelled, and its body is deleted", async () => {
    const batch = await create("{}");
    await losePolicyOf(batch);
    const { publicId } = batch;
    expect(await call(system.broker, "batch.cancel", { publicId })).toMatchObject({ state: "cancelled" });
    await sweep();
    expect((await get(batch)).chunks).toBe(0);
  });
});
