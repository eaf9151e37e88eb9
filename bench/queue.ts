/**
 * How long a message of a work queue takes from `addAMQPJob` to the first line of its handler in another process, and how many
 * messages pass in a second. The peer is amqplib used directly (confirm channel, quorum queue, prefetch 1). Both run in turns, so
 * that other work of the machine affects both.
 */
import { type ChildProcess, fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { type ConfirmChannel, connect } from "amqplib";
import { ServiceBroker } from "moleculer";
import { loadConfig } from "../config/config.ts";
import { define } from "../mixins/define.ts";
import { brokerOptions } from "../moleculer.config.ts";
import { root } from "../root.cjs";
import { queueMixin, type WithQueue } from "../services/messages.ts";
import { needs, rabbitUrl as url } from "./kit/needs.ts";
import { atEnd, ended, keepTrack } from "./kit/places.ts";
import { type Benchmark, type Line, median, quantile } from "./kit/report.ts";

const ROUNDS = { quick: 4, usual: 12, full: 30 };
const PER_ROUND = 150;
const BURST = 1_000;
/** How many times amqplib's latency ours may reach. Our checks and the reconnecting link cost this much. */
const MOST = 1.25;
const namespace = `bench-${process.pid}`;

interface Way {
  name: string;
  worker: ChildProcess;
  add(id: string): Promise<unknown>;
  arrived: Map<string, (at: bigint) => void>;
  latenciesMs: number[];
  perSecond: number[];
}

async function way(name: string, kind: string, add: Way["add"]): Promise<Way> {
  const worker = keepTrack(fork(join(root, "bench/queue.worker.ts"), [kind, namespace, url]));
  await once(worker, "message");
  const arrived: Way["arrived"] = new Map();
  worker.on("message", ({ id, at }: { id: string; at: string }) => arrived.get(id)?.(BigInt(at)));
  return { name, worker, add, arrived, latenciesMs: [], perSecond: [] };
}

function sent({ arrived, add }: Way): Promise<bigint> {
  const id = randomUUID();
  const there = new Promise<bigint>((resolve) => arrived.set(id, resolve));
  return add(id).then(() => there);
}

/** Sends one message at a time, so that each finds an idle consumer. */
async function latency(of: Way): Promise<void> {
  for (let i = 0; i < PER_ROUND; i++) {
    const began = process.hrtime.bigint();
    of.latenciesMs.push(Number((await sent(of)) - began) / 1e6);
  }
  of.arrived.clear();
}

/** Sends 200 messages at once, and waits until all are confirmed and handled. */
async function throughput(of: Way): Promise<void> {
  const began = performance.now();
  for (let i = 0; i < BURST; i += 200) await Promise.all(Array.from({ length: 200 }, () => sent(of)));
  of.perSecond.push((BURST / (performance.now() - began)) * 1_000);
  of.arrived.clear();
}

function told({ name, latenciesMs, perSecond }: Way): Line {
  const [p50, p99] = [0.5, 0.99].map((share) => quantile(latenciesMs, share).toFixed(2));
  return { label: name, figure: `p50 ${p50} ms, p99 ${p99} ms, ${Math.round(median(perSecond))} /s` };
}

async function bareAdder(): Promise<{ add: Way["add"]; channel: ConfirmChannel; end(): Promise<void> }> {
  const connection = await connect(url, { noDelay: true });
  const channel = await connection.createConfirmChannel();
  const add = (batchId: string) =>
    new Promise<void>((resolve, reject) => {
      const body = Buffer.from(JSON.stringify({ batchId }));
      channel.sendToQueue(`${namespace}.bare`, body, { persistent: true }, (error) =>
        error ? reject(error) : resolve(),
      );
    });
  return { add, channel, end: () => connection.close() };
}

export const queue: Benchmark = async ({ size, rounds }) => {
  await needs(["rabbitmq"]);
  const config = loadConfig({ AMQP_URL: url, NAMESPACE: namespace, LOG_LEVEL: "fatal" });
  const broker = new ServiceBroker({ ...brokerOptions(config), transporter: null, skipProcessEventRegistration: true });
  broker.createService(define({ name: "sender", mixins: [queueMixin] }));
  await broker.start();
  const sender = broker.getLocalService("sender") as unknown as WithQueue;
  const bare = await bareAdder();
  const removeQueues = atEnd(() => removed(bare.channel));
  const [ours, peer] = [
    await way("DataFlow's queue", "dataflow", (batchId) => sender.addAMQPJob("batch.ready", { batchId })),
    await way("amqplib, confirm + quorum", "bare", bare.add),
  ];
  const ways = [ours, peer];
  for (const warmUp of ways) await throughput(warmUp);
  for (const { perSecond } of ways) perSecond.length = 0;
  for (let round = 0; round < (rounds ?? ROUNDS[size]); round++) {
    for (const one of ways) await latency(one);
    for (const one of ways) await throughput(one);
  }
  for (const { worker } of ways) {
    worker.disconnect();
    await ended(worker);
  }
  await broker.stop();
  await removeQueues();
  await bare.end();
  const slower = median(ours.latenciesMs) / median(peer.latenciesMs);
  return {
    title: "queue: from addAMQPJob to the first line of the handler in another process, beside amqplib used bare",
    lines: [
      told(peer),
      {
        ...told(ours),
        ratio: `p50 ${slower.toFixed(2)} times amqplib's`,
        goal: { text: `≤ ${MOST}`, isMet: slower <= MOST },
      },
    ],
  };
};

async function removed(channel: ConfirmChannel): Promise<void> {
  for (const name of ["bare", "batch.ready", "batch.ready.dead"]) await channel.deleteQueue(`${namespace}.${name}`);
  await channel.deleteExchange(`${namespace}.events`);
}
