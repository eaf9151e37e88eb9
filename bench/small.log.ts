/**
 * What the log line of each request costs. Two nodes, one with these lines and one without, work in many short turns, so that
 * other work of the machine affects both alike.
 */
import { cpuOf, type DataFlowNode } from "./kit/node.ts";
import { type Line, median } from "./kit/report.ts";

const TURN_MS = 1_000;
const GOAL = 97;

/** Sends requests for `ms`, and answers how many were answered. */
type Send = (ms: number) => Promise<number>;
interface Side {
  node: DataFlowNode;
  send: Send;
}

/** Measures the cost. `seconds`: how long each side works in all. */
export async function costOfLog(on: Side, off: Side, seconds: number): Promise<{ line: Line; note: string }> {
  const sides = [on, off].map((side) => ({ ...side, cpu: 0, requests: [] as number[] }));
  const turns = (seconds * 1_000) / TURN_MS;
  const take = async (side: (typeof sides)[number]) => {
    const before = cpuOf(side.node.pid);
    side.requests.push(await side.send(TURN_MS));
    side.cpu += cpuOf(side.node.pid) - before;
  };
  for (let turn = 0; turn < turns; turn++)
    // The sides take turns in going first, because work that one turn leaves behind costs time in the next turn.
    for (const side of turn % 2 === 0 ? sides : sides.toReversed()) await take(side);
  const [withLog, without] = sides.map(({ cpu, requests }) => {
    const all = requests.reduce((sum, one) => sum + one, 0);
    return { requests, all, micros: (cpu * 1_000) / all };
  }) as [Ended, Ended];
  const inAll = (100 * withLog.all) / without.all;
  const pairs = withLog.requests.map((one, i) => (100 * one) / Math.max(1, without.requests[i] as number));
  const more = 100 * (withLog.micros / without.micros - 1);
  return {
    line: {
      label: `… against ACCESS_LOG=false, ${turns} turns each`,
      figure: `${withLog.all} and ${without.all} requests`,
      ratio: `${inAll.toFixed(1)} % of the rate (median of the turns ${median(pairs).toFixed(1)} %)`,
      goal: { text: `≥ ${GOAL} %`, isMet: inAll >= GOAL },
    },
    note: `CPU time of a request: ${withLog.micros.toFixed(0)} µs with its line in the log, ${without.micros.toFixed(0)} µs without (${more.toFixed(1)} % more).`,
  };
}

interface Ended {
  requests: number[];
  all: number;
  micros: number;
}
