/** The promise: a body becomes a batch as a whole or not at all, and the batch's state changes only as the drawing says. */
import { Readable } from "node:stream";
import type { WorkerCommit } from "../../../services/batch/batch.contract.ts";
import { type BatchRow, type BatchState, batchStates } from "../../../services/batch/batch.domain.ts";
import { moveOf } from "../../../services/batch/batch.states.ts";
import { call } from "../../../services/messages.ts";
import { until } from "../../helpers/patience.ts";
import { problem, standIn, startNode, wrongParams } from "../contracts/kit.ts";
import {
  type Create,
  claimed,
  client,
  commitOf,
  create,
  due,
  get,
  inside,
  long,
  newClient,
  startBatches,
  sweep,
  system,
  told,
  toldOf,
  uploads,
} from "./batch.kit.ts";

startBatches();

describe("a body", () => {
  test("becomes a ready batch, with two events in the same commit", async () => {
    const batch = await create("{}\n{}\n");
    expect(batch).toMatchObject({
      state: "ready",
      clientId: client.id,
      records: 2,
      chunks: 1,
      bytes: 6,
      requestId: "r-1",
    });
    await toldOf(batch, "batch.ready");
    const data = {
      batchId: batch.publicId,
      clientId: client.publicId,
      dataset: "default",
      status: "ready",
      version: 1,
    };
    const event = {
      specversion: "1.0",
      source: "/dataflow",
      subject: batch.publicId,
      datacontenttype: "application/json",
      data,
    };
    expect(told(batch)).toEqual([
      { ...event, type: "batch.created", id: expect.any(String), time: expect.any(String) },
      { ...event, type: "batch.ready", id: expect.any(String), time: expect.any(String) },
    ]);
    expect(new Set(told(batch).map(({ id }) => id)).size).toBe(2);
    await until(async () => (await call(system.broker, "batch.stats", {})).outboxDepth === 0);
  });

  test("that is none, or empty, is refused", async () => {
    const { id: clientId, publicId: clientPublicId } = client;
    const policy = await call(system.broker, "policy.get", { clientId });
    const params = {
      clientId,
      clientPublicId,
      policy,
      format: "csv" as const,
      codings: [] as never[],
      requestId: null,
    };
    await expect(call(system.broker, "imports.create", params)).rejects.toEqual(problem("empty-body"));
    await expect(create("\n")).rejects.toEqual(problem("empty-body"));
  });

  test("is checked, decided and run by the policy of its request, also if that changes meanwhile", async () => {
    const policy = await call(system.broker, "policy.get", { clientId: client.id });
    const document = { requiresApproval: true, maxRecords: 1 };
    await call(system.broker, "policy.change", { clientId: client.id, mode: "patch", document });
    const batch = await create("{}\n{}\n", { policy });
    expect(batch).toMatchObject({ state: "ready", records: 2, policyVersion: policy.version });
    expect((await create("{}\n")).state).toBe("held");
  });

  test("that is refused in the middle leaves nothing behind", async () => {
    const body = long();
    await newClient({ maxBytes: body.length + 1 });
    const begun = jest.spyOn(inside().database.store, "beginUpload");
    await expect(create(Readable.from([Buffer.from(body), Buffer.from(body)]))).rejects.toEqual(
      problem("payload-too-large", { limit: body.length + 1 }),
    );
    expect(begun).toHaveBeenCalledTimes(1);
    await until(async () => {
      const [left] = await inside().database.sequelize.query(`SELECT id FROM batch WHERE client_id = ${client.id}`);
      return left.length === 0;
    });
  });

  test("that has become a batch has its lease renewed no longer", async () => {
    const touched = jest.spyOn(inside().database.store, "touchUploads");
    expect((await create(long())).chunks).toBeGreaterThan(1);
    await uploads().touch();
    expect(touched).not.toHaveBeenCalled();
  });

  test("that was made of rejected records is kept alive no longer either", async () => {
    await newClient({ chunkRecords: 1 });
    const batch = await claimed(await create("{}\n{}\n"));
    const wrong = [{ field: "n", code: "required", message: "" }];
    const commit: WorkerCommit = {
      ...commitOf(batch, { state: "completed_with_errors", error: null }),
      text: Buffer.from(""),
      counts: { accepted: 0, rejected: 2, duplicate: 0 },
      errors: [0, 1].map((index) => ({ index, line: index + 1, raw: "{}", errors: wrong })),
    };
    await call(system.broker, "batch.commitChunk", { batch, commit });
    const touched = jest.spyOn(inside().database.store, "touchUploads");
    const { id: clientId, publicId: clientPublicId } = client;
    const policy = await call(system.broker, "policy.get", { clientId });
    const retry = { publicId: batch.publicId, clientId, clientPublicId, policy, requestId: null };
    expect((await call(system.broker, "imports.retryRejected", retry)).batch.chunks).toBe(2);
    await uploads().touch();
    expect(touched).not.toHaveBeenCalled();
  });

  test("beyond maxConcurrentUploads is refused, until an upload ends", async () => {
    await newClient({ maxConcurrentUploads: 1 });
    const wire = new Readable({ read() {} });
    const first = create(wire);
    await until(() =>
      create("{}").then(
        () => false,
        (error) => error.type === "too-many-uploads",
      ),
    );
    await expect(create("{}")).rejects.toEqual(
      problem("too-many-uploads", { limit: 1, headers: { "Retry-After": "1" } }),
    );
    wire.push("{}");
    wire.push(null);
    expect(await first).toMatchObject({ state: "ready" });
    expect(await create("{}")).toMatchObject({ state: "ready" });
  });

  test.each<[string, Create]>([
    ["malformed-body", { format: "json" }],
    ["unsupported-media-type", { format: "csv", delimiter: "ab" }],
  ])("that is refused as %s frees its place", async (type, over) => {
    await newClient({ maxConcurrentUploads: 1 });
    await expect(create("[{", over)).rejects.toEqual(problem(type as "malformed-body"));
    expect(await create("{}")).toMatchObject({ state: "ready" });
  });

  test("is held for an operator or its window if the policy says so", async () => {
    await newClient({ requiresApproval: true });
    const batch = await create("{}");
    expect(batch).toMatchObject({ state: "held", dueAt: null, reason: { hold: "approval", until: null } });
    await toldOf(batch, "batch.created");
    expect(told(batch)).toHaveLength(1);
    const hour = 3_600_000;
    const at = (ms: number) => new Date(ms).toISOString().slice(11, 16);
    const window = { from: at(Date.now() + 2 * hour), to: at(Date.now() + 3 * hour), timeZone: "UTC" };
    await newClient({ window });
    const waits = await create("{}");
    expect(waits.state).toBe("held");
    expect(waits.dueAt).toBeGreaterThan(Date.now() + hour);
    expect(waits.reason).toEqual({ hold: "window", until: waits.dueAt });
  });

  test.each([
    ["format", { format: "xml" }],
    ["codings[1]", { codings: ["br", "lzma"] }],
    ["charset", { charset: 8 }],
    ["clientId", { clientId: "1" }],
  ])("with a wrong %s is refused", async (field, over) => {
    await expect(create("{}", over as Create)).rejects.toEqual(wrongParams(field));
  });
});

describe("the states", () => {
  // The drawing is at the top of batch.states.ts and in docs/architecture.md.
  const allowed: Record<BatchState, BatchState[]> = {
    receiving: ["received", "ready", "rejected", "held"],
    received: ["ready", "rejected", "held", "cancelled"],
    ready: ["processing", "cancelled"],
    processing: ["ready", "completed", "completed_with_errors", "failed", "validated", "held", "cancelled"],
    completed: ["undoing"],
    completed_with_errors: ["undoing"],
    failed: ["ready", "held", "undoing"],
    rejected: [],
    held: ["ready", "held", "rejected", "cancelled"],
    cancelled: ["undoing"],
    undoing: ["undone", "undoing"],
    undone: [],
    validated: ["received", "ready", "held"],
  };
  const all = batchStates.flatMap((from) => batchStates.map((to) => [from, to] as const));

  test.each(all)("%s → %s", (from, to) => {
    const batch = { id: 3, state: from, version: 5, fence: 7 } as BatchRow;
    const move = () => moveOf(batch, { to, due: null });
    if (allowed[from].includes(to)) expect(move()).toMatchObject({ id: 3, from, to, version: 5, fence: 7, events: [] });
    else expect(move).toThrow(expect.objectContaining({ type: "illegal-state", data: { current: from } }));
  });
});

describe("without its partners", () => {
  test("if the policy service is away a batch is stored, and the sweep decides it later", async () => {
    let answer: () => unknown = () => {
      throw new Error("down");
    };
    const policy = { version: 0, policy: (await call(system.broker, "policy.get", { clientId: 0 })).policy };
    const node = await startNode({
      services: ["imports", "batch", "outbox"],
      env: { SWEEP_INTERVAL: "1h", LOG_LEVEL: "fatal" },
      extra: [
        standIn("policy", { get: () => policy, version: () => policy, evaluate: () => answer() }),
        standIn("clientCache", { get: () => null }),
      ],
    });
    const batch = await create("{}", {}, node);
    expect(batch.state).toBe("received");
    await due(batch, node);
    await sweep(node);
    expect((await get(batch, node)).state).toBe("received");
    answer = () => ({ decision: "held", hold: "approval", until: null });
    await sweep(node);
    expect(await get(batch, node)).toMatchObject({ state: "held", reason: { hold: "approval" }, dueAt: null });
    await node.stop();
  });

  test("without a database the call is unavailable", async () => {
    const node = await startNode({
      services: ["imports", "batch", "policy", "clientCache", "outbox"],
      env: { SWEEP_INTERVAL: "1h", LOG_LEVEL: "fatal" },
    });
    await inside(node).database.close();
    const away = problem("unavailable", { headers: { "Retry-After": "5" } });
    await expect(create("{}", {}, node)).rejects.toEqual(away);
    await expect(call(node.broker, "batch.ping", {})).rejects.toEqual(away);
    await node.stop();
  });
});
