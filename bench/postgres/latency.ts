/** How soon an idle worker in another process starts a job that was just sent, compared with other job queues. */
import { setTimeout as pause } from "node:timers/promises";
import { newCluster } from "../kit/cluster.ts";
import { type Benchmark, type Line, median, quantile } from "../kit/report.ts";
import { peerNames, peers } from "../peers/peers.ts";
import { type Contender, type Ours, startOurs, startPeer } from "./contenders.ts";

const MOST_P50_MS = 5;
const MOST_P99_MS = 25;
const MOST_TIMES = 1.5;
/** Jobs of one turn. The systems take turns. */
const TURN = 10;
/** A pause between jobs, so that the worker is idle when the next one comes. */
const REST_MS = 12;
const WARM_UP = 50;

const sizes = { quick: 20, usual: 60, full: 200 };

async function turn(of: Contender, times: number[]): Promise<void> {
  for (let i = 0; i < TURN; i++) {
    times.push(await of.once());
    await pause(REST_MS);
  }
}

export const pgLatency: Benchmark = async ({ size, rounds }) => {
  const turns = rounds ?? sizes[size];
  const cluster = await newCluster(
    {},
    peerNames.flatMap((name) => peers[name].packages),
  );
  const ours = await startOurs(cluster);
  const others: Contender[] = [];
  for (const name of peerNames) others.push(await startPeer(name));
  const all = [ours, ...others];
  for (const one of all) for (let i = 0; i < WARM_UP; i += TURN) await turn(one, []);
  ours.sinceCommit.length = 0;
  for (let i = 0; i < turns; i++) for (const one of all) await turn(one, one.times);
  for (const one of all) await one.stop();
  await cluster.stop();
  const pgBoss = others[0] as Contender;
  return {
    title: `pg-latency: until a handler's first line in another process, idle workers; ${turns * TURN} of each, ${TURN} in turn`,
    lines: [
      ...sinceCommit(ours),
      ...others.map(({ label, times }) => ({ label, figure: told(times) })),
      againstPgBoss(ours, pgBoss),
    ],
  };
};

const told = (times: number[]) =>
  `p50 ${quantile(times, 0.5).toFixed(2)} ms, p99 ${quantile(times, 0.99).toFixed(2)} ms`;

function sinceCommit({ sinceCommit: times }: Ours): Line[] {
  const [p50, p99] = [quantile(times, 0.5), quantile(times, 0.99)];
  return [
    {
      label: "DataFlow: since the commit of the batch",
      figure: told(times),
      goal: {
        text: `p50 ≤ ${MOST_P50_MS} ms, p99 ≤ ${MOST_P99_MS} ms`,
        isMet: p50 <= MOST_P50_MS && p99 <= MOST_P99_MS,
      },
    },
  ];
}

function againstPgBoss({ label, times }: Contender, pgBoss: Contender): Line {
  const longer = median(times) / median(pgBoss.times);
  return {
    label,
    figure: told(times),
    ratio: `${longer.toFixed(2)} times pg-boss`,
    goal: { text: `≤ ${MOST_TIMES}`, isMet: longer <= MOST_TIMES },
  };
}
