/** Systems that send a job to another process and start it there: DataFlow, and other job queues. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { type Middleware, ServiceBroker } from "moleculer";
import { loadConfig } from "../../config/config.ts";
import { brokerOptions } from "../../moleculer.config.ts";
import { root } from "../../root.cjs";
import batch from "../../services/batch/batch.service.ts";
import clientCache from "../../services/clientCache/clientCache.service.ts";
import imports from "../../services/imports/imports.service.ts";
import { call } from "../../services/messages.ts";
import outbox from "../../services/outbox/outbox.service.ts";
import policy from "../../services/policy/policy.service.ts";
import type { Cluster } from "../kit/cluster.ts";
import { postgresUrl, redisUrl } from "../kit/needs.ts";
import { orderJson } from "../kit/orders.ts";
import { atEnd, ended, keepTrack, newFolder } from "../kit/places.ts";
import { dropSchema, removeKeys } from "../kit/servers.ts";
import { type Arrival, type Job, type PeerName, type Place, peers } from "../peers/peers.ts";

const WORKERS = 2;
const RECORDS = 10;

/** Collects the arrivals of jobs. */
class Arrivals {
  readonly #waiting = new Map<string, (at: bigint) => void>();
  readonly #early = new Map<string, bigint>();

  readonly take = ({ id, at }: Arrival): void => {
    const tell = this.#waiting.get(id);
    if (tell) tell(BigInt(at));
    else this.#early.set(id, BigInt(at));
    this.#waiting.delete(id);
  };

  of(id: string): Promise<bigint> {
    const at = this.#early.get(id);
    this.#early.delete(id);
    return at === undefined ? new Promise((resolve) => this.#waiting.set(id, resolve)) : Promise.resolve(at);
  }
}

export interface Contender {
  label: string;
  /** The time from the call to the first line of the handler, in ms. */
  times: number[];
  once(): Promise<number>;
  stop(): Promise<void>;
}

const clock = () => process.hrtime.bigint();
const msBetween = (from: bigint, to: bigint) => Number(to - from) / 1e6;
const body = Array.from({ length: RECORDS }, (_, i) => `${orderJson(i + 1)}\n`).join("");

export interface Ours extends Contender {
  /** The time from the commit to the first line of the handler, in ms. */
  sinceCommit: number[];
}

export async function startOurs(cluster: Cluster): Promise<Ours> {
  const arrivals = new Arrivals();
  const handlers = newFolder();
  copyFileSync(join(root, "bench/postgres/handler.ts"), join(handlers, "probe.service.ts"));
  for (let i = 0; i < WORKERS; i++) {
    await cluster.start("start:worker", { HANDLERS_DIR: handlers }, (message) => arrivals.take(message));
  }
  let committedAt = 0n;
  const { broker, client } = await door(cluster, () => {
    committedAt = clock();
  });
  const sinceCommit: number[] = [];
  return {
    label: "DataFlow: imports.create",
    times: [],
    sinceCommit,
    async once() {
      const began = clock();
      const stream = Readable.from([Buffer.from(body)]);
      const { batch } = await call(broker, "imports.create", await create(broker, client), {
        stream,
        timeout: 0,
      } as object);
      const at = await arrivals.of(batch.publicId);
      sinceCommit.push(msBetween(committedAt, at));
      return msBetween(began, at);
    },
    stop: () => broker.stop(),
  };
}

const create = async (broker: ServiceBroker, client: { id: number; publicId: string }) => ({
  policy: await call(broker, "policy.get", { clientId: client.id }),
  clientId: client.id,
  clientPublicId: client.publicId,
  format: "ndjson" as const,
  codings: [] as never[],
  requestId: null,
});

/** Runs the services of an api node without HTTP in this process. Calls `committed` when the database has answered the commit. */
async function door(cluster: Cluster, committed: () => void) {
  const config = loadConfig({ ...cluster.env, LOG_LEVEL: "error" });
  const options = brokerOptions(config);
  const probe: Middleware = {
    name: "Probe",
    localAction: (next, action) => {
      if (action.name !== "outbox.publish") return next;
      return function publish(ctx) {
        committed();
        return next.call(this, ctx);
      };
    },
  };
  const broker = new ServiceBroker({
    ...options,
    nodeID: `bench-${process.pid}`,
    skipProcessEventRegistration: true,
    middlewares: [probe, ...(options.middlewares ?? [])],
  });
  cluster.knows(broker.nodeID);
  for (const service of [batch, clientCache, imports, outbox, policy]) broker.createService(service);
  await broker.start();
  // A policy can only name a handler that runs.
  await broker.waitForServices(["probe"], 20_000);
  const { client } = await call(broker, "clientCache.create", {
    clientIdentifier: "bench",
    name: "bench",
    policy: { handler: "probe.take", maxConcurrentBatches: 100 },
  });
  return { broker, client };
}

export async function startPeer(name: PeerName): Promise<Contender> {
  const { label, sender } = peers[name];
  const place: Place = { databaseUrl: postgresUrl, redisUrl, name: `bench_${process.pid}_${name.toLowerCase()}` };
  const remove = atEnd(async () => {
    await dropSchema(place.name);
    await removeKeys(`${place.name}:`);
  });
  const { add, stop } = await sender(place);
  const worker = keepTrack(fork(join(root, "bench/peers/worker.ts"), [name, JSON.stringify(place)]));
  await once(worker, "message");
  const arrivals = new Arrivals();
  worker.on("message", arrivals.take);
  let jobs = 0;
  return {
    label,
    times: [],
    async once() {
      const job: Job = { id: `${name}-${++jobs}`, body };
      const began = clock();
      await add(job);
      return msBetween(began, await arrivals.of(job.id));
    },
    async stop() {
      worker.disconnect();
      await ended(worker);
      await stop();
      await remove();
    },
  };
}
