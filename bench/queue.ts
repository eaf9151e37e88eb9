/**
 * How long a message of a work queue takes from `addAMQPJob` to the first line of its handler in another process, and
 * how many go through in a second; beside amqplib used bare (confirm channel, quorum queue, prefetch 1). Both in turns,
 * so that the machine's moods hit both. `node bench/queue.ts [AMQP_URL]`
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { type ConfirmChannel, connect } from "amqplib";
import { ServiceBroker } from "moleculer";
import { loadConfig } from "../config.ts";
import { define } from "../mixins/define.ts";
import { queueMixin, type WithQueue } from "../mixins/queue.ts";
import { brokerOptions } from "../moleculer.config.ts";

const ROUNDS = 6;
const PER_ROUND = 300;
const BURST = 3_000;
const url = process.argv[2] ?? process.env.TEST_AMQP_URL ?? "amqp://guest:guest@127.0.0.1:5672";
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
  const worker = fork(new URL("queue.worker.ts", `file://${process.argv[1]}`), [kind, namespace, url]);
  await once(worker, "message");
  const arrived: Way["arrived"] = new Map();
  worker.on("message", ({ id, at }: { id: string; at: string }) => arrived.get(id)?.(BigInt(at)));
  return { name, worker, add, arrived, latenciesMs: [], perSecond: [] };
}

function sent({ arrived, add }: Way, id: string): Promise<bigint> {
  const there = new Promise<bigint>((resolve) => arrived.set(id, resolve));
  return add(id).then(() => there);
}

/** One at a time: each finds an idle consumer. */
async function latency(of: Way, round: number): Promise<void> {
  for (let i = 0; i < PER_ROUND; i++) {
    const began = process.hrtime.bigint();
    of.latenciesMs.push(Number((await sent(of, `${round}-${i}`)) - began) / 1e6);
  }
  of.arrived.clear();
}

/** 200 at once on their way, confirmed and handled. */
async function throughput(of: Way, round: number): Promise<void> {
  const began = performance.now();
  for (let i = 0; i < BURST; i += 200)
    await Promise.all(Array.from({ length: 200 }, (_, n) => sent(of, `b${round}-${i + n}`)));
  of.perSecond.push((BURST / (performance.now() - began)) * 1_000);
  of.arrived.clear();
}

const at = (sorted: number[], share: number) => sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN;

function report({ name, latenciesMs, perSecond }: Way): void {
  const sorted = latenciesMs.toSorted((a, b) => a - b);
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((share) => at(sorted, share).toFixed(2));
  const rate = at(
    perSecond.toSorted((a, b) => a - b),
    0.5,
  ).toFixed(0);
  console.log(`${name.padEnd(28)} p50 ${p50} ms  p95 ${p95} ms  p99 ${p99} ms  ${rate}/s`);
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

const config = loadConfig({ AMQP_URL: url, NAMESPACE: namespace, LOG_LEVEL: "fatal" });
const broker = new ServiceBroker({ ...brokerOptions(config), transporter: null });
broker.createService(define({ name: "sender", mixins: [queueMixin] }));
await broker.start();
const queue = broker.getLocalService("sender") as unknown as WithQueue;
const bare = await bareAdder();
const ways = [
  await way("DataFlow's queue", "dataflow", (batchId) => queue.addAMQPJob("batch.ready", { batchId })),
  await way("amqplib, confirm + quorum", "bare", bare.add),
];
for (const warmUp of ways) await throughput(warmUp, -1);
for (const { perSecond } of ways) perSecond.length = 0;
for (let round = 0; round < ROUNDS; round++) {
  for (const one of ways) await latency(one, round);
  for (const one of ways) await throughput(one, round);
}
ways.forEach(report);

for (const { worker } of ways) worker.disconnect();
await broker.stop();
for (const name of ["bare", "batch.ready", "batch.ready.dead"]) await bare.channel.deleteQueue(`${namespace}.${name}`);
await bare.channel.deleteExchange(`${namespace}.events`);
await bare.end();
