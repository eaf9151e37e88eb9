/** A worker with its real partners, and a handler that the test controls. */
import { Readable } from "node:stream";
import type { Context, Service, ServiceSchema } from "moleculer";
import type { Database } from "../../../database/database.ts";
import type { BatchStore } from "../../../database/store.ts";
import type { BatchRow } from "../../../services/batch/batch.domain.ts";
import type { HandlerCall } from "../../../services/batchProcessor/batchProcessor.contract.ts";
import type { Client } from "../../../services/clientCache/clientCache.contract.ts";
import { call } from "../../../services/messages.ts";
import { until } from "../../helpers/patience.ts";
import type { System } from "../../helpers/system.ts";
import { startNode } from "../contracts/kit.ts";

export const services = ["batchProcessor", "imports", "batch", "batchLock", "policy", "clientCache", "outbox"];

/** What the handler `orders.run` answers. */
let answer: (given: HandlerCall) => unknown;
/** Makes the handler answer like this from now on. */
export function answers(given: typeof answer): void {
  answer = given;
}
/** All calls of the running test so far. */
export let calls: HandlerCall[];
export const orders = {
  name: "orders",
  actions: {
    run: {
      importHandler: true,
      handler({ params }: Context<HandlerCall>) {
        calls.push(params);
        return answer(params);
      },
    },
    list: () => [],
  },
} as unknown as ServiceSchema;

export let system: System;
/** The client of the batch that `post` made last. */
export let client: Client;
let clients = 0;

/** Call it at the top of a test file. It resets the handler for each test. */
export function startHandler(): void {
  beforeEach(() => {
    calls = [];
    answer = () => null;
  });
  afterEach(() => jest.restoreAllMocks());
}

/** Call it at the top of a test file. It starts a worker for all tests. */
export function startWorker(): void {
  beforeAll(async () => {
    const env = {
      LOG_LEVEL: "fatal",
      SWEEP_INTERVAL: "100ms",
      POLL_INTERVAL: "50ms",
      BATCH_LEASE: "1s",
      REDIS_LOCK_TIMEOUT: "60s",
    };
    system = await startNode({ services, env: { ...env, WORKER_CONCURRENCY: "3" }, extra: [orders] });
  });
  afterAll(() => system.stop());
  startHandler();
}

const backoff = { type: "fixed", delayMs: 0 };
export async function post(policy: object = {}, body = '{"n":1}\n{"n":2}\n', node = system): Promise<BatchRow> {
  const clientIdentifier = `client-${++clients}`;
  const own = { handler: "orders.run", backoff, ...policy };
  const created = { clientIdentifier, name: clientIdentifier, policy: own };
  ({ client } = await call(node.broker, "clientCache.create", created));
  const params = { clientId: client.id, clientPublicId: client.publicId, requestId: null } as const;
  const stream = Readable.from([Buffer.from(body)]);
  const inForce = await call(node.broker, "policy.get", { clientId: client.id });
  const upload = { ...params, policy: inForce, format: "ndjson" as const, codings: [] as never[] };
  return (await call(node.broker, "imports.create", upload, { stream })).batch;
}
export const get = ({ publicId }: BatchRow, node = system) => call(node.broker, "batch.get", { publicId });
export async function when(batch: BatchRow, ...states: BatchRow["state"][]): Promise<BatchRow> {
  await until(async () => states.includes((await get(batch)).state), `one of ${states}`, 10_000);
  return get(batch);
}
export const ended = (batch: BatchRow) => when(batch, "completed", "completed_with_errors", "failed", "cancelled");
export const storeOf = (node = system): BatchStore =>
  (node.broker.getLocalService("batch") as Service & { database: Database }).database.store;
export const status = () => call(system.broker, "batchProcessor.status", {});
export const acquire = ({ publicId: batchId, fence }: BatchRow) =>
  call(system.broker, "batchLock.acquire", { batchId, fence });
