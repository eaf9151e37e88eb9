/** Helpers for batches of a client in order, and a handler that holds them. */
import type { Sweeper } from "../../../services/batch/batch.sweep.ts";
import type { HandlerCall } from "../../../services/batchProcessor/batchProcessor.contract.ts";
import { accepted, admin, type Batch, batchWhen, get, newClient, type TestClient } from "../../helpers/http.ts";
import { type System, startSystem } from "../../helpers/system.ts";
import { handler, hasStatus } from "./kit.ts";

export let system: System;

/** What the handler answers for a batch, by its first record's `n`. A pending promise holds the batch. */
const answers = new Map<number, () => unknown>();

const work = handler("work", ({ records: [first] }: HandlerCall) => answers.get(first?.data.n as number)?.() ?? null);

export const sweep = () => (system.broker.getLocalService("batch") as unknown as { sweeper: Sweeper }).sweeper.run();

export const inOrder = (policy: object = {}) =>
  newClient(system.url, { handler: "work.run", order: "fifo", ...policy });

/** Uploads a batch whose handler answers with this. Each batch has a number of its own. */
let last = 0;

export async function sent(client: TestClient, answer?: () => unknown): Promise<Batch> {
  const n = ++last;
  if (answer) answers.set(n, answer);
  return accepted(system.url, client, JSON.stringify({ n }));
}

export const failing = () => ({ outcome: "fail", reason: "not today" });

/** An answer that comes when the test releases it. */
export function hanging() {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  return { answer: () => promise, release: () => resolve(null) };
}

export const seen = async (client: TestClient, id: string) => (await get(system.url, client, `/imports/${id}`)).json();

export const when = (client: TestClient, id: string, ...statuses: string[]) =>
  batchWhen(system.url, client, id, hasStatus(...statuses));

export const asked = (id: string, action: string) => admin(system.url, `/batches/${id}/${action}`, { method: "POST" });

export const behind = (batch: { id: string }) => ({ status: "held", hold: { reason: "order", batchId: batch.id } });

/** The batches in the order in which the handler got them. */
export const worked = (...batches: Batch[]) => {
  const ids = batches.map(({ id }) => id);
  return work.calls.map(({ batchId }) => batchId).filter((id) => ids.includes(id));
};

/** Starts a system whose sweep runs only when a test calls it. */
export function startOrdered(): void {
  beforeAll(async () => {
    // The sweep runs only when a test calls it, so the tests show what works without it.
    const env = { SWEEP_INTERVAL: "1h", POLL_INTERVAL: "50ms", WORKER_CONCURRENCY: "4" };
    system = await startSystem({ env, extra: [work.schema] });
  });
  afterEach(() => jest.restoreAllMocks());
  afterAll(() => system.stop());
}
