/** Operations per second of our code and of a peer at several concurrencies, in turns, on one Redis. */
import { ServiceBroker, type ServiceSchema } from "moleculer";
import { loadConfig } from "../../config/config.ts";
import { brokerOptions } from "../../moleculer.config.ts";
import { redisUrl } from "../kit/needs.ts";
import { atEnd } from "../kit/places.ts";
import { type Line, median, type Options } from "../kit/report.ts";
import { removeKeys } from "../kit/servers.ts";

export const keyPrefix = `bench-${process.pid}:`;

export type Operation = () => Promise<unknown>;

/** Many short rounds. Other work of the machine disturbs only a few of them, so the median is undisturbed. */
const sizes = {
  quick: { rounds: 11, ms: 100 },
  usual: { rounds: 31, ms: 150 },
  full: { rounds: 61, ms: 250 },
};

export async function startBroker(services: ServiceSchema[], env: Record<string, string> = {}): Promise<ServiceBroker> {
  const config = loadConfig({ REDIS_URL: redisUrl, REDIS_KEY_PREFIX: keyPrefix, LOG_LEVEL: "warn", ...env });
  const broker = new ServiceBroker({ ...brokerOptions(config), skipProcessEventRegistration: true });
  for (const service of services) broker.createService(service);
  await broker.start();
  return broker;
}

/** Removes all keys under `keyPrefix` at the end of the benchmark. */
export const removesKeys = (): void => void atEnd(() => removeKeys(keyPrefix));

export interface Rate {
  perSecond: number;
  /** Latencies in ms of one operation in `SAMPLED`. Reading the clock for each would cost as much as some operations. */
  latencies: number[];
  /** CPU time of this process, in µs per operation. */
  cpu: number;
}
const SAMPLED = 16;

export async function rateOf(operation: Operation, atOnce: number, ms: number): Promise<Rate> {
  const cpu = process.cpuUsage();
  const began = performance.now();
  const until = began + ms;
  const latencies: number[] = [];
  let done = 0;
  const worker = async () => {
    for (let now = began; now < until; ) {
      for (let i = 1; i < SAMPLED && now < until; i++) {
        await operation();
        done++;
        // Reads the clock at each fourth operation. More rarely, a slow operation could make a round fifteen times as long.
        if (i % 4 === 0) now = performance.now();
      }
      const from = performance.now();
      await operation();
      done++;
      now = performance.now();
      latencies.push(now - from);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  const { user, system } = process.cpuUsage(cpu);
  return { perSecond: (done / (performance.now() - began)) * 1000, latencies, cpu: (user + system) / done };
}

/** Calls of the warm-up: V8 has compiled the code after this many. A whole round with a concurrency of one has fewer calls. */
const WARM_CALLS = 30_000;

/**
 * Warms up each side with the same number of calls. Otherwise the side with more code would be measured while V8 still compiles
 * it.
 */
async function warmUp(operation: Operation): Promise<void> {
  let left = WARM_CALLS;
  const worker = async () => {
    while (left-- > 0) await operation();
  };
  await Promise.all(Array.from({ length: 64 }, worker));
}

export const whole = (value: number): string => Math.round(value).toLocaleString("en-US");

/**
 * Compares `ours` with `peer` by the median of the ratios of each round. Other work of the machine disturbs both sides of a round
 * alike, so the ratio stays.
 */
export async function compare(
  label: string,
  { ours, peer, atOnce, goal }: { ours: Operation; peer: Operation; atOnce: number; goal: number },
  { size, rounds }: Options,
): Promise<Line> {
  const ratios: number[] = [];
  const figures: number[] = [];
  const latencies: number[] = [];
  const cpus: { own: number[]; others: number[] } = { own: [], others: [] };
  const { rounds: usual, ms } = sizes[size];
  await warmUp(ours);
  await warmUp(peer);
  for (let round = 0; round <= (rounds ?? usual); round++) {
    const isOursFirst = round % 2 === 0;
    const first = await rateOf(isOursFirst ? ours : peer, atOnce, ms);
    const second = await rateOf(isOursFirst ? peer : ours, atOnce, ms);
    if (round === 0) continue;
    const [own, others] = isOursFirst ? [first, second] : [second, first];
    figures.push(own.perSecond);
    latencies.push(...own.latencies);
    cpus.own.push(own.cpu);
    cpus.others.push(others.cpu);
    ratios.push(own.perSecond / others.perSecond);
  }
  const ratio = median(ratios);
  const [low, high] = [quarter(ratios, 0.25), quarter(ratios, 0.75)];
  return {
    label: `${label}, ${atOnce} at once`,
    figure: `${whole(median(figures))} /s (p50 ${(1000 * median(latencies)).toFixed(0)} µs; CPU ${median(cpus.own).toFixed(0)} µs, peer ${median(cpus.others).toFixed(0)} µs)`,
    ratio: `${ratio.toFixed(2)} times the peer (${low.toFixed(2)}–${high.toFixed(2)})`,
    goal: { text: `≥ ${goal}`, isMet: ratio >= goal },
  };
}

/** The quantile `q` of the values. Half of the rounds lie between the quarter and the three quarters. */
const quarter = (values: number[], q: number) =>
  values.toSorted((a, b) => a - b)[Math.round(q * (values.length - 1))] as number;
