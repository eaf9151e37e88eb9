/** How long a committed batch waits for its worker. */
import { Readable } from "node:stream";
import type { ServiceBroker, ServiceSchema } from "moleculer";
import { call } from "../services/messages.ts";
import { startSystem } from "../test/helpers/system.ts";
import { openBare } from "./floors/database.ts";
import { ordersBody } from "./kit/orders.ts";
import { type Benchmark, quantile } from "./kit/report.ts";

const MOST_MS = 5;
const WARM_UP = 50;

/** Notes the time when the event of a commit is published, and the time when a chunk reaches its handler. */
class Probe {
  ready = 0;
  #started = Promise.withResolvers<number>();

  reset(): Promise<number> {
    this.#started = Promise.withResolvers();
    return this.#started.promise;
  }

  get services(): ServiceSchema[] {
    const take = { importHandler: true, handler: () => this.#started.resolve(performance.now()) };
    return [
      {
        name: "probe",
        actions: { take },
        events: {
          "batch.ready": () => {
            this.ready = performance.now();
          },
        },
      },
    ];
  }
}

async function post(broker: ServiceBroker, client: { id: number; publicId: string }, body: Buffer): Promise<void> {
  const params = {
    clientId: client.id,
    clientPublicId: client.publicId,
    format: "ndjson",
    codings: [] as never[],
  } as const;
  const policy = await call(broker, "policy.get", { clientId: client.id });
  await call(
    broker,
    "imports.create",
    { ...params, policy, requestId: null },
    { stream: Readable.from([body]), timeout: 0 },
  );
}

/** The floor: the time of one durable insert, because a claim needs at least one. */
async function durableInserts(count: number): Promise<number[]> {
  const { db, close } = await openBare();
  const insert = db.prepare("INSERT INTO batch_lock (name, token, expires_at) VALUES (?, 'bench', 0)");
  const times = Array.from({ length: count }, (_, i) => {
    const began = performance.now();
    insert.run(`bench ${i}`);
    return performance.now() - began;
  });
  close();
  return times;
}

export const latency: Benchmark = async ({ size, rounds }) => {
  const times = rounds ?? (size === "quick" ? 200 : 1_000);
  const probe = new Probe();
  const system = await startSystem({ extra: probe.services });
  const policy = { handler: "probe.take" };
  const { client } = await call(system.broker, "clientCache.create", {
    clientIdentifier: "bench",
    name: "bench",
    policy,
  });
  const body = ordersBody("ndjson", 100);
  const sinceEvent: number[] = [];
  const sinceAnswer: number[] = [];
  const floor: number[] = [];
  for (let i = -WARM_UP; i < times; i++) {
    const started = probe.reset();
    await post(system.broker, client, body);
    const answered = performance.now();
    const at = await started;
    // Waits for the end of the batch, so that its last commit does not delay the next batch.
    await new Promise((resolve) => setTimeout(resolve, 3));
    if (i < 0) continue;
    sinceEvent.push(at - probe.ready);
    sinceAnswer.push(at - answered);
    if (i % 100 === 0) floor.push(...(await durableInserts(20)));
  }
  await system.stop();
  const told = (values: number[]) =>
    `p50 ${quantile(values, 0.5).toFixed(2)} ms, p99 ${quantile(values, 0.99).toFixed(2)} ms`;
  const p50 = quantile(sinceEvent, 0.5);
  return {
    title: `latency: from the commit of a batch to its handler's first call, in one process; ${times} batches, one at a time`,
    lines: [
      { label: "floor: one durable row", figure: told(floor) },
      {
        label: "since the event of the commit",
        figure: told(sinceEvent),
        ratio: `${(p50 / quantile(floor, 0.5)).toFixed(1)} times the floor`,
        goal: { text: `p50 < ${MOST_MS} ms`, isMet: p50 < MOST_MS },
      },
      { label: "since imports.create answered", figure: told(sinceAnswer) },
    ],
  };
};
