import { Readable } from "node:stream";
import type { Service } from "moleculer";
import type { Database } from "../../../database/database.ts";
import { type BatchRow, type BatchState, batchStates } from "../../../database/store.ts";
import { define } from "../../../mixins/define.ts";
import { type QueueChannel, type QueueMessage, queueMixin } from "../../../mixins/queue.ts";
import type { WorkerCommit } from "../../../services/batch/batch.contract.ts";
import { moveOf } from "../../../services/batch/batch.states.ts";
import { deleteWhole, type RunningUploads } from "../../../services/batch/batch.uploads.ts";
import type { Client } from "../../../services/clientCache/clientCache.contract.ts";
import { call, type ParamsOf } from "../../../services/messages.ts";
import type { CloudEvent } from "../../../services/outbox/outbox.contract.ts";
import type { System } from "../../helpers/system.ts";
import { hears, problem, standIn, startNode, until, wrongParams } from "../contracts/kit.ts";

let system: System;
let client: Client;
let clients = 0;
const events: CloudEvent[] = [];
const topics = ["batch.created", "batch.ready", "batch.completed"] as const;

/** Stands where the workers would. */
const worker = define<Service>({
  name: "worker",
  mixins: [queueMixin],
  AMQPQueues: {
    "batch.ready"(channel: QueueChannel, message: QueueMessage) {
      tokens.push(message.content as ReadyToken);
      channel.ack(message);
    },
  },
});
type ReadyToken = { batchId: string | null };
const tokens: ReadyToken[] = [];
/** Those that tell of no batch. */
const wakes = () => tokens.filter(({ batchId }) => batchId === null).length;

beforeAll(async () => {
  system = await startNode({
    services: ["clientCache", "policy", "batch", "outbox"],
    env: { SWEEP_INTERVAL: "1h", LOG_LEVEL: "fatal" },
    extra: [worker, ...topics.map((topic) => hears(topic, events))],
  });
});
afterAll(() => system.stop());
beforeEach(async () => {
  client = await newClient();
});
afterEach(() => jest.restoreAllMocks());

type Inside = Service & { database: Database; uploads: RunningUploads; sweeper: { run(): Promise<void> } };
const inside = (node = system) => node.broker.getLocalService("batch") as Inside;

/** A client of the test's own. */
async function newClient(policy: object = {}): Promise<Client> {
  const clientIdentifier = `client-${++clients}`;
  return (await call(system.broker, "clientCache.create", { clientIdentifier, name: clientIdentifier, policy })).client;
}

type Create = Partial<ParamsOf<"batch.create">>;
function create(body: string | Buffer | Readable, over: Create = {}, node = system): Promise<BatchRow> {
  const stream = body instanceof Readable ? body : Readable.from([Buffer.from(body)]);
  const { id: clientId, publicId: clientPublicId } = client;
  const params = {
    clientId,
    clientPublicId,
    format: "ndjson",
    encoding: "identity",
    requestId: "r-1",
    ...over,
  } as const;
  return call(node.broker, "batch.create", params, { stream }).then(({ batch }) => batch);
}
const get = ({ publicId }: BatchRow, node = system) => call(node.broker, "batch.get", { publicId });
const told = (batch: BatchRow) => events.filter(({ subject }) => subject === batch.publicId);
const toldOf = async (batch: BatchRow, type: string) => {
  await until(() => told(batch).some((event) => event.type === type));
  return told(batch).filter((event) => event.type === type);
};
const lines = (count: number, length = 1) =>
  Array.from({ length: count }, (_, i) => `{"n":${i},"x":"${"x".repeat(length)}"}\n`).join("");
/** A body of several chunks, which has a row before it ends. */
const long = () => lines(40_000, 60);

async function claimed(batch: BatchRow, owner = "node-1"): Promise<BatchRow> {
  const taken = await call(system.broker, "batch.claim", { id: batch.id, owner });
  if (!taken) throw new Error("Nothing was claimed.");
  return taken.batch;
}
const commitOf = (batch: BatchRow, end: WorkerCommit["end"] = null): WorkerCommit => ({
  chunk: batch.nextChunk,
  firstRecord: 1,
  records: 1,
  text: '{"n":0}',
  errors: [],
  counts: { accepted: 1, rejected: 0, duplicate: 0 },
  next: { phase: "deliver", chunk: batch.nextChunk + 1 },
  end,
});
const completed = { state: "completed", error: null } as const;
async function failed(): Promise<BatchRow> {
  const batch = await claimed(await create("{}"));
  const how = { outcome: "fail", code: "handler-failed", detail: "no" } as const;
  return (await call(system.broker, "batch.giveUp", { batch, how })) as BatchRow;
}
/** Makes its wait over. */
const due = ({ id }: BatchRow, node = system) =>
  inside(node).database.sequelize.query(`UPDATE batch SET due_at = 0 WHERE id = ${id}`);
const sweep = (node = system) => inside(node).sweeper.run();

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
    const params = { clientId, clientPublicId, format: "csv", encoding: "identity", requestId: null } as const;
    await expect(call(system.broker, "batch.create", params)).rejects.toEqual(problem("empty-body"));
    await expect(create("\n")).rejects.toEqual(problem("empty-body"));
  });

  test("refused in the middle leaves nothing", async () => {
    const body = long();
    client = await newClient({ maxBytes: body.length + 1 });
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

  test("of a client that may have no more at once is refused, and a place that is given back is free", async () => {
    client = await newClient({ maxConcurrentUploads: 1 });
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
    client = await newClient({ maxConcurrentUploads: 1 });
    await expect(create("[{", over)).rejects.toEqual(problem(type as "malformed-body"));
    expect(await create("{}")).toMatchObject({ state: "ready" });
  });

  test("waits for an operator or its window where the policy says so", async () => {
    client = await newClient({ requiresApproval: true });
    const batch = await create("{}");
    expect(batch).toMatchObject({ state: "held", dueAt: null, reason: { hold: "approval", until: null } });
    await toldOf(batch, "batch.created");
    expect(told(batch)).toHaveLength(1);
    const hour = 3_600_000;
    const at = (ms: number) => new Date(ms).toISOString().slice(11, 16);
    const window = { from: at(Date.now() + 2 * hour), to: at(Date.now() + 3 * hour), timeZone: "UTC" };
    client = await newClient({ window });
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
  // The drawing on top of batch.states.ts, and DESIGN 4.
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
    expect(await call(system.broker, "batch.giveUp", { batch, how: { outcome: "handBack", delayMs: 0 } })).toBeNull();
    expect(await get(batch)).toMatchObject({ state: "cancelled", accepted: 0 });
    expect(await toldOf(batch, "batch.completed")).toMatchObject([{ data: { status: "cancelled", error: null } }]);
  });

  test("approve frees a held one, reject ends it with the operator's words", async () => {
    client = await newClient({ requiresApproval: true });
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
    expect(await call(system.broker, "batch.chunk", { id: batch.id, no: 0 })).not.toBeNull();
  });

  test("redrive of one that its first pass refused begins anew", async () => {
    client = await newClient({ onInvalid: "rejectBatch" });
    const batch = await claimed(await create("{}"));
    const error = { code: "invalid-records", detail: "" };
    const commit: WorkerCommit = {
      ...commitOf(batch, { state: "failed", error }),
      text: "",
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

describe("a worker", () => {
  test("claims one once, and within the client's cap", async () => {
    client = await newClient({ maxConcurrentBatches: 1 });
    const [one, other] = [await create("{}"), await create("{}")];
    const claim = ({ id }: BatchRow) => call(system.broker, "batch.claim", { id, owner: "node-1" });
    const taken = await Promise.all([claim(one), claim(one), claim(other)]);
    expect(taken.map((found) => found?.batch.publicId ?? null)).toEqual([one.publicId, null, null]);
    expect(taken[0]?.batch).toMatchObject({ state: "processing", fence: 1, attempt: 1, owner: "node-1" });
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
    ["handBack", { outcome: "handBack", delayMs: 60_000 }, { state: "ready", attempt: 0, attemptsTotal: 0 }],
    ["retry", { outcome: "retry", delayMs: 60_000 }, { state: "ready", attempt: 1, attemptsTotal: 1 }],
    ["fail", { outcome: "fail", code: "c", detail: "d" }, { state: "failed", reason: { code: "c", detail: "d" } }],
    ["cancel", { outcome: "cancel" }, { state: "cancelled", reason: null }],
  ] as const)("lets go by %s", async (_outcome, how, after) => {
    const batch = await claimed(await create("{}"));
    const before = await inside().database.now();
    const left = await call(system.broker, "batch.giveUp", { batch, how });
    expect(left).toMatchObject({ ...after, fence: batch.fence + 1, owner: null });
    if ("delayMs" in how) expect(left?.dueAt).toBeGreaterThanOrEqual(before + how.delayMs);
    expect(await call(system.broker, "batch.giveUp", { batch, how })).toBeNull();
  });

  test("keeps the leases of what it holds, and learns by it what it does not", async () => {
    const [mine, lost] = [await claimed(await create("{}"), "me"), await claimed(await create("{}"), "me")];
    await due(mine);
    await call(system.broker, "batch.cancel", { publicId: lost.publicId });
    const ids = [mine.id, lost.id];
    expect(await call(system.broker, "batch.extendLeases", { owner: "me", ids })).toEqual([
      { id: mine.id, fence: mine.fence },
    ]);
    expect((await get(mine)).dueAt).toBeGreaterThan(await inside().database.now());
  });
});

describe("what makes work claimable wakes the workers:", () => {
  const running = async () => claimed(await create("{}"));
  const handBack = { outcome: "handBack", delayMs: 0 } as const;
  test.each<[string, () => Promise<() => Promise<unknown>>]>([
    [
      "a hand-back",
      async () => {
        const batch = await running();
        return () => call(system.broker, "batch.giveUp", { batch, how: handBack });
      },
    ],
    [
      "a slot that is freed by the last chunk",
      async () => {
        const batch = await running();
        return () => call(system.broker, "batch.commitChunk", { batch, commit: commitOf(batch, completed) });
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

describe("the sweep", () => {
  test("gives a silent worker's batch to others under a raised fence, until its attempts are used up", async () => {
    client = await newClient({ maxAttempts: 2 });
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

  test("opens a window, and leaves what waits for an operator", async () => {
    client = await newClient({ requiresApproval: true });
    const approval = await create("{}");
    const opens = await create("{}");
    await due(opens);
    await sweep();
    expect((await get(approval)).state).toBe("held");
    expect((await get(opens)).state).toBe("ready");
    await toldOf(opens, "batch.ready");
  });

  test("removes a silent node's upload, and leaves one that is kept", async () => {
    const { store } = inside().database;
    const batch = {
      publicId: "silent",
      clientId: client.id,
      policyVersion: 1,
      format: "csv",
      requestId: null,
    } as const;
    const silent = await store.beginUpload(batch, 0);
    const kept = await store.beginUpload({ ...batch, publicId: "kept" }, 0);
    inside().uploads.keep(kept);
    await inside().uploads.touch();
    inside().uploads.drop(kept);
    await sweep();
    const left = await call(system.broker, "batch.list", { clientId: client.id, state: "receiving", limit: 9 });
    expect(left.map(({ publicId }) => publicId)).toEqual(["kept"]);
    expect(await store.appendChunks(silent, [], 0)).toBe(false);
    expect(await store.voidUpload(kept, false)).toBe(true);
    await deleteWhole(store, kept);
  });

  test("deletes the body of one that ended, and all of it when its retention is over", async () => {
    client = await newClient({ retentionDays: 3 });
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

describe("without its partners", () => {
  test("a policy that cannot be asked delays a batch and refuses nothing; the sweep decides it", async () => {
    let answer: () => unknown = () => {
      throw new Error("down");
    };
    const policy = { version: 0, policy: (await call(system.broker, "policy.get", { clientId: 0 })).policy };
    const node = await startNode({
      services: ["batch", "outbox"],
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
      services: ["batch", "policy", "clientCache", "outbox"],
      env: { SWEEP_INTERVAL: "1h", LOG_LEVEL: "fatal" },
    });
    await inside(node).database.close();
    const away = problem("unavailable", { headers: { "Retry-After": "5" } });
    await expect(create("{}", {}, node)).rejects.toEqual(away);
    await expect(call(node.broker, "batch.ping", {})).rejects.toEqual(away);
    await node.stop();
  });
});
