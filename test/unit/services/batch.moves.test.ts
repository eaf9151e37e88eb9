/** The promise: what clients and operators ask of a batch happens once, and wakes who waits for work. */
import { Readable } from "node:stream";
import type { BatchRow } from "../../../database/store.ts";
import type { WorkerCommit } from "../../../services/batch/batch.contract.ts";
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
  newClient,
  startBatches,
  system,
  toldOf,
  wakes,
} from "./batch.kit.ts";

startBatches();

describe("what is asked of a batch", () => {
  test("another client's, an unknown and an unfinished one are not found", async () => {
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

  test("cancel ends it once, of two at the same time too, and a worker's late write is refused", async () => {
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

  test("approve frees a held one, reject ends it with the operator's words", async () => {
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

  test("redrive brings a failed one back from its last chunk, with attempts at 0", async () => {
    const batch = await failed();
    expect(batch).toMatchObject({ state: "failed", attempt: 1, reason: { code: "handler-failed" } });
    const again = await call(system.broker, "batch.redrive", { publicId: batch.publicId });
    expect(again).toMatchObject({ state: "ready", attempt: 0, attemptsTotal: 1, reason: null, phase: "deliver" });
    expect(await inside().database.store.readChunk(batch.id, 0)).not.toBeNull();
  });

  test("redrive finds none whose retention ends within a minute: it may be half deleted", async () => {
    const { id, publicId } = await failed();
    const endsIn = (ms: number) =>
      inside().database.sequelize.query(`UPDATE batch SET due_at = ${Date.now() + ms} WHERE id = ${id}`);
    await endsIn(30_000);
    await expect(call(system.broker, "batch.redrive", { publicId })).rejects.toEqual(problem("not-found"));
    await endsIn(3_600_000);
    expect(await call(system.broker, "batch.redrive", { publicId })).toMatchObject({ state: "ready" });
  });

  test("redrive of one that its first pass refused begins anew", async () => {
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
    expect(again).toMatchObject({ state: "ready", phase: "validate", nextChunk: 0, rejected: 0 });
    expect(await call(system.broker, "batch.errors", { id: batch.id, after: 0, limit: 9 })).toEqual([]);
  });
});

describe("what makes work claimable wakes the workers:", () => {
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
