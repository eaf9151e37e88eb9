/** The promise: a body becomes a batch whole or not at all, and its state changes only as the drawing says. */
import { Readable } from "node:stream";
import { type BatchRow, type BatchState, batchStates } from "../../../database/store.ts";
import { moveOf } from "../../../services/batch/batch.states.ts";
import { call } from "../../../services/messages.ts";
import { until } from "../../helpers/patience.ts";
import { problem, standIn, startNode, wrongParams } from "../contracts/kit.ts";
import {
  type Create,
  client,
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
  test("becomes a batch that is ready, and is told of by two events in the same commit", async () => {
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
    const data = { batchId: batch.publicId, clientId: client.publicId, status: "ready", version: 1 };
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
    const params = { clientId, clientPublicId, policy, format: "csv", encoding: "identity", requestId: null } as const;
    await expect(call(system.broker, "imports.create", params)).rejects.toEqual(problem("empty-body"));
    await expect(create("\n")).rejects.toEqual(problem("empty-body"));
  });

  test("is checked, decided on and worked by the one policy of its request, whatever becomes of that meanwhile", async () => {
    const policy = await call(system.broker, "policy.get", { clientId: client.id });
    const document = { requiresApproval: true, maxRecords: 1 };
    await call(system.broker, "policy.change", { clientId: client.id, mode: "patch", document });
    const batch = await create("{}\n{}\n", { policy });
    expect(batch).toMatchObject({ state: "ready", records: 2, policyVersion: policy.version });
    expect((await create("{}\n")).state).toBe("held");
  });

  test("refused in the middle leaves nothing", async () => {
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

  test("that has become a batch is kept alive no longer", async () => {
    const touched = jest.spyOn(inside().database.store, "touchUploads");
    expect((await create(long())).chunks).toBeGreaterThan(1);
    await uploads().touch();
    expect(touched).not.toHaveBeenCalled();
  });

  test("of a client that may have no more at once is refused, and a place that is given back is free", async () => {
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
  ])("refused as %s gives its place back", async (type, over) => {
    await newClient({ maxConcurrentUploads: 1 });
    await expect(create("[{", over)).rejects.toEqual(problem(type as "malformed-body"));
    expect(await create("{}")).toMatchObject({ state: "ready" });
  });

  test("waits for an operator or its window where the policy says so", async () => {
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
    ["encoding", { encoding: "br" }],
    ["charset", { charset: "utf-16" }],
    ["clientId", { clientId: "1" }],
  ])("with a wrong %s is refused", async (field, over) => {
    await expect(create("{}", over as Create)).rejects.toEqual(wrongParams(field));
  });
});

describe("the states", () => {
  // The drawing on top of batch.states.ts and in docs/architecture.md.
  const allowed: Record<BatchState, BatchState[]> = {
    receiving: ["received", "ready", "rejected", "held"],
    received: ["ready", "rejected", "held", "cancelled"],
    ready: ["processing", "cancelled"],
    processing: ["ready", "completed", "completed_with_errors", "failed", "cancelled"],
    completed: [],
    completed_with_errors: [],
    failed: ["ready"],
    rejected: [],
    held: ["ready", "rejected", "cancelled"],
    cancelled: [],
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
  test("a policy that cannot be asked delays a batch and refuses nothing; the sweep decides it", async () => {
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

  test("without its database it is unavailable", async () => {
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
