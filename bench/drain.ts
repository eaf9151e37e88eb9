/**
 * The rate of many small batches, from the first POST to the last completed batch, compared with what others would build for this
 * work.
 */
import { longRun } from "./drain/long.ts";
import { CONNECTIONS, drained, sendAll, targetOf } from "./drain/ours.ts";
import { startDrainPeer } from "./drain/peer.ts";
import { drainPeers } from "./drain/peers.ts";
import type { DrainAsk } from "./floors/drain.ts";
import { startChild } from "./kit/child.ts";
import { newCluster } from "./kit/cluster.ts";
import type { Load, Loaded } from "./kit/load.ts";
import { cpuOf, startNode } from "./kit/node.ts";
import { type Benchmark, inTurns, type Line, median, type Options, rate } from "./kit/report.ts";
import { headOf, RECORDS } from "./small.ts";

const CLIENTS = 10;
const COUNTS = { quick: 200, usual: 600, full: 2_000 };
/** Rounds that warm up. V8 compiles a node's code during the first seconds; afterwards a batch takes a third less CPU. */
const WARM_UP = 3;

const timesOf = ({ size, rounds }: Options) => rounds ?? (size === "quick" ? 3 : 5);
const generatorOf = () => startChild<Load, Loaded>("kit/load.ts");

const title = (name: string, where: string, options: Options) =>
  `${name}: ${COUNTS[options.size]} batches of ${RECORDS} records on ${CONNECTIONS} connections, from the first POST to the last one completed, ${where}; ${timesOf(options)} rounds`;

/** Our rate as a multiple of a peer's. */
function against(label: string, ours: number[], peer: number[], goal?: number): Line {
  const times = median(ours) / median(peer);
  return {
    label: `  beside ${label}`,
    figure: "",
    ratio: `${times.toFixed(2)} times`,
    ...(goal !== undefined && { goal: { text: `≥ ${goal}`, isMet: times >= goal } }),
  };
}

/** Adds up the CPU time of processes per batch. The warm-up does not count. */
class Cpu {
  readonly #spent = new Map<string, { ms: number[]; batches: number }>();

  /** `count`: the number of batches in a round. */
  async during(name: string, pids: number[], count: number, round: () => Promise<number>): Promise<number> {
    const before = pids.map(cpuOf);
    const figure = await round();
    const { ms = pids.map(() => 0), batches = 0 } = this.#spent.get(name) ?? {};
    const spent = pids.map((pid, i) => (ms[i] as number) + cpuOf(pid) - (before[i] as number));
    this.#spent.set(name, { ms: spent, batches: batches + count });
    return figure;
  }

  get note(): string {
    const told = [...this.#spent].map(
      ([name, { ms, batches }]) => `${name} ${ms.map((one) => (one / batches).toFixed(1)).join(" + ")}`,
    );
    return `CPU for a batch in ms, of what takes it in + of what works it: ${told.join("; ")}.`;
  }
}

export const drain: Benchmark = async (options) => {
  const count = COUNTS[options.size];
  const cpu = new Cpu();
  const bare = startChild<DrainAsk, number>("floors/drain.ts");
  const generator = generatorOf();
  const node = await startNode();
  const floor = { port: await bare.ask({ port: true }), head: headOf("127.0.0.1", []) };
  const targets = { one: await targetOf(node, 1), ten: await targetOf(node, CLIENTS) };
  const ours = (name: keyof typeof targets) => (isWarmUp: boolean) =>
    isWarmUp
      ? drained(generator, node, targets[name], WARM_UP * count)
      : cpu.during(name, [node.pid], count, () => drained(generator, node, targets[name], count));
  const bareRound = async () => {
    const last = bare.ask({ count });
    const { from } = await sendAll(generator, floor, count);
    return (count / ((await last) - from)) * 1000;
  };
  const figures = await inTurns(timesOf(options), {
    floor: (isWarmUp) => (isWarmUp ? bareRound() : cpu.during("bare", [bare.pid], count, bareRound)),
    one: ours("one"),
    ten: ours("ten"),
  });
  await Promise.all([node.stop(), bare.stop(), generator.stop()]);
  const label = "bare node:http and SQLite";
  return {
    title: title("drain", "all services in one process on SQLite", options),
    lines: [
      { label, figure: rate(figures.floor, "batches/s") },
      { label: "one client", figure: rate(figures.one, "batches/s") },
      against(label, figures.one, figures.floor),
      { label: "ten clients", figure: rate(figures.ten, "batches/s") },
      against(label, figures.ten, figures.floor, 0.6),
    ],
    notes: [cpu.note],
  };
};

const peerNames = ["bare", "graphile", "pgBoss"] as const;
const pgGoals = { bare: 0.5, graphile: 1.2, pgBoss: 1 };

export const pgDrain: Benchmark = async (options) => {
  const count = COUNTS[options.size];
  const cpu = new Cpu();
  const packages = peerNames.flatMap((name) => drainPeers[name].packages);
  const cluster = await newCluster({}, packages);
  const generator = generatorOf();
  const [api, worker] = [await cluster.start("start:api"), await cluster.start("start:worker")];
  const targets = { one: await targetOf(api, 1), ten: await targetOf(api, CLIENTS) };
  if (options.minutes !== null) {
    const { minutes, pace } = options;
    const report = await longRun({ cluster, generator, api, worker, target: targets.ten, minutes, pace });
    await generator.stop();
    await cluster.stop();
    return report;
  }
  const [bare, graphile, pgBoss] = [
    await startDrainPeer("bare"),
    await startDrainPeer("graphile"),
    await startDrainPeer("pgBoss"),
  ];
  const peers = { bare, graphile, pgBoss };
  const ours = (name: keyof typeof targets) => (isWarmUp: boolean) =>
    isWarmUp
      ? drained(generator, api, targets[name], WARM_UP * count)
      : cpu.during(name, [api.pid, worker.pid], count, () => drained(generator, api, targets[name], count));
  const theirs = (name: keyof typeof peers) => () =>
    cpu.during(name, peers[name].pids, count, () => peers[name].drained(generator, count));
  const figures = await inTurns(timesOf(options), {
    bare: theirs("bare"),
    one: ours("one"),
    graphile: theirs("graphile"),
    ten: ours("ten"),
    pgBoss: theirs("pgBoss"),
  });
  await generator.stop();
  for (const one of Object.values(peers)) await one.stop();
  await cluster.stop();
  const label = (name: keyof typeof peers) => drainPeers[name].label;
  return {
    title: title("pg-drain", "api and worker in processes of their own, on PostgreSQL", options),
    lines: [
      ...peerNames.map((name) => ({ label: label(name), figure: rate(figures[name], "batches/s") })),
      { label: "one client", figure: rate(figures.one, "batches/s") },
      ...peerNames.map((name) => against(label(name), figures.one, figures[name])),
      { label: "ten clients", figure: rate(figures.ten, "batches/s") },
      ...peerNames.map((name) => against(label(name), figures.ten, figures[name], pgGoals[name])),
    ],
    notes: [cpu.note],
  };
};
