/** A node with the service `batch` and its real partners. The test takes the part of the workers. */
import { Readable } from "node:stream";
import type { Service } from "moleculer";
import type { Database } from "../../../database/database.ts";
import { define } from "../../../mixins/define.ts";
import type { WorkerCommit } from "../../../services/batch/batch.contract.ts";
import type { BatchRow } from "../../../services/batch/batch.domain.ts";
import type { Client } from "../../../services/clientCache/clientCache.contract.ts";
import type { RunningUploads } from "../../../services/imports/imports.running.ts";
import { call, type ParamsOf, type QueueChannel, type QueueMessage, queueMixin } from "../../../services/messages.ts";
import type { CloudEvent } from "../../../services/outbox/outbox.domain.ts";
import { until } from "../../helpers/patience.ts";
import type { System } from "../../helpers/system.ts";
import { hears, startNode } from "../contracts/kit.ts";

export let system: System;
/** The client of the running test. `newClient` replaces it. */
export let client: Client;
let clients = 0;
const events: CloudEvent[] = [];
const topics = ["batch.created", "batch.ready", "batch.completed"] as const;

/** A service in the place of the workers, controlled by the test. */
const worker = define({
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
/** The tokens that name no batch. */
export const wakes = () => tokens.filter(({ batchId }) => batchId === null).length;

/** Call it at the top of a test file. It starts a node for all tests, and makes a new client for each. */
export function startBatches(): void {
  beforeAll(async () => {
    system = await startNode({
      services: ["clientCache", "policy", "imports", "batch", "outbox"],
      env: { SWEEP_INTERVAL: "1h", LOG_LEVEL: "fatal" },
      extra: [worker, ...topics.map((topic) => hears(topic, events))],
    });
  });
  afterAll(() => system.stop());
  beforeEach(async () => {
    await newClient();
  });
  afterEach(() => jest.restoreAllMocks());
}

interface Looker {
  run(): Promise<void>;
}
type Inside = Service & { database: Database; sweeper: Looker };
export const inside = (node = system) => node.broker.getLocalService("batch") as Inside;
export const uploads = (node = system) =>
  (node.broker.getLocalService("imports") as Service & { uploads: RunningUploads }).uploads;

/** A new client for the test. `create` uses it from then on. */
export async function newClient(policy: object = {}): Promise<Client> {
  const clientIdentifier = `client-${++clients}`;
  const created = { clientIdentifier, name: clientIdentifier, policy };
  ({ client } = await call(system.broker, "clientCache.create", created));
  return client;
}

export type Create = Partial<ParamsOf<"imports.create">>;
export async function create(body: string | Buffer | Readable, over: Create = {}, node = system): Promise<BatchRow> {
  const stream = body instanceof Readable ? body : Readable.from([Buffer.from(body)]);
  const { id: clientId, publicId: clientPublicId } = client;
  const params = {
    clientId,
    clientPublicId,
    policy: over.policy ?? (await call(node.broker, "policy.get", { clientId })),
    format: "ndjson",
    codings: [] as never[],
    requestId: "r-1",
    ...over,
  } as const;
  return (await call(node.broker, "imports.create", params, { stream })).batch;
}
export const get = ({ publicId }: BatchRow, node = system) => call(node.broker, "batch.get", { publicId });
export const told = (batch: BatchRow) => events.filter(({ subject }) => subject === batch.publicId);
export const toldOf = async (batch: BatchRow, type: string) => {
  await until(() => told(batch).some((event) => event.type === type));
  return told(batch).filter((event) => event.type === type);
};
export const lines = (count: number, length = 1) =>
  Array.from({ length: count }, (_, i) => `{"n":${i},"x":"${"x".repeat(length)}"}\n`).join("");
/** A body of several chunks, so that its batch has a row before the body ends. */
export const long = () => lines(40_000, 60);

export async function claimed(batch: BatchRow, owner = "node-1"): Promise<BatchRow> {
  const taken = await call(system.broker, "batch.claim", { id: batch.id, owner });
  if (!taken) throw new Error("Nothing was claimed.");
  return taken.batch;
}
export const commitOf = (batch: BatchRow, end: WorkerCommit["end"] = null): WorkerCommit => ({
  chunk: batch.nextChunk,
  firstRecord: 1,
  records: 1,
  text: Buffer.from('{"n":0}'),
  errors: [],
  unlisted: [],
  counts: { accepted: 1, rejected: 0, duplicate: 0 },
  next: { phase: "deliver", chunk: batch.nextChunk + 1 },
  end,
});
export const completed = { state: "completed", error: null } as const;
export async function failed(): Promise<BatchRow> {
  const batch = await claimed(await create("{}"));
  const outcome = { outcome: "fail", code: "handler-failed", detail: "no" } as const;
  return (await call(system.broker, "batch.settle", { batch, outcome })) as BatchRow;
}
/** Deletes the policy version that the batch is pinned to. */
export const losePolicyOf = ({ id }: BatchRow) =>
  inside().database.sequelize.query(`UPDATE batch SET policy_version = 99 WHERE id = ${id}`);
/** Makes the batch due now. */
export async function due({ id }: BatchRow, node = system): Promise<void> {
  const { sequelize } = inside(node).database;
  await sequelize.query(`UPDATE batch SET due_at = 0 WHERE id = ${id} AND state <> 'processing'`);
  await sequelize.query(`UPDATE batch_work SET due_at = 0 WHERE batch_id = ${id}`);
}
export async function sweep(node = system): Promise<void> {
  await inside(node).sweeper.run();
  await (node.broker.getLocalService("retention") as Service & { retention: Looker }).retention.run();
}
