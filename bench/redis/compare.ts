/** Operations per second of several contenders at several concurrencies, in turns, on one Redis. */
import { Redis } from "ioredis";
import { ServiceBroker, type ServiceSchema } from "moleculer";
import { loadConfig } from "../../config.ts";
import { brokerOptions } from "../../moleculer.config.ts";

export const redisUrl = process.env.TEST_REDIS_URL ?? "redis://127.0.0.1:6379";
export const keyPrefix = `bench-${process.pid}:`;

export interface Options {
  size: "quick" | "usual" | "full";
  rounds: number | null;
}
export interface Line {
  label: string;
  figure: string;
  ratio?: string;
  goal?: { text: string; isMet: boolean };
}
export interface Report {
  title: string;
  lines: Line[];
}

type Operation = () => Promise<unknown>;

const roundMs = { quick: 150, usual: 400, full: 1_500 };

export async function startBroker(services: ServiceSchema[], env: Record<string, string> = {}): Promise<ServiceBroker> {
  const config = loadConfig({ REDIS_URL: redisUrl, REDIS_KEY_PREFIX: keyPrefix, LOG_LEVEL: "warn", ...env });
  const broker = new ServiceBroker({ ...brokerOptions(config), skipProcessEventRegistration: true });
  for (const service of services) broker.createService(service);
  await broker.start();
  return broker;
}

async function perSecond(operation: Operation, atOnce: number, ms: number): Promise<number> {
  const began = performance.now();
  const until = began + ms;
  let done = 0;
  const worker = async () => {
    while (performance.now() < until) {
      await operation();
      done++;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return (done / (performance.now() - began)) * 1000;
}

const median = (values: number[]) => [...values].sort((a, b) => a - b)[values.length >> 1] as number;
const whole = (value: number) => Math.round(value).toLocaleString("en-US");

/** `ours` against `peer`: the median of the rounds' own ratios, for neighbours on the machine hit both of one round alike. */
export async function compare(
  label: string,
  { ours, peer, atOnce, goal }: { ours: Operation; peer: Operation; atOnce: number; goal: number },
  { size, rounds }: Options,
): Promise<Line> {
  const ratios: number[] = [];
  const figures: number[] = [];
  for (let round = 0; round <= (rounds ?? 9); round++) {
    const isOursFirst = round % 2 === 0;
    const first = await perSecond(isOursFirst ? ours : peer, atOnce, roundMs[size]);
    const second = await perSecond(isOursFirst ? peer : ours, atOnce, roundMs[size]);
    if (round === 0) continue;
    const [own, others] = isOursFirst ? [first, second] : [second, first];
    figures.push(own);
    ratios.push(own / others);
  }
  const ratio = median(ratios);
  return {
    label: `${label}, ${atOnce} at once`,
    figure: `${whole(median(figures))} /s`,
    ratio: `${ratio.toFixed(2)} × the peer`,
    goal: { text: `≥ ${goal}`, isMet: ratio >= goal },
  };
}

/** Whatever the contenders have written. */
async function removeKeys(): Promise<void> {
  const redis = new Redis(redisUrl);
  for await (const keys of redis.scanStream({ match: `${keyPrefix}*`, count: 1_000 }))
    if (keys.length > 0) await redis.del(keys);
  redis.disconnect();
}

/** Runs a benchmark file by itself: `node bench/limiter.ts [--quick|--full]`. */
export async function runAlone(file: string, benchmark: (options: Options) => Promise<Report>): Promise<void> {
  if (!process.argv[1]?.endsWith(file)) return;
  const size = process.argv.includes("--quick") ? "quick" : process.argv.includes("--full") ? "full" : "usual";
  const { title, lines } = await benchmark({ size, rounds: null }).finally(removeKeys);
  console.log(title);
  for (const { label, figure, ratio, goal } of lines)
    console.log(
      `  ${label.padEnd(34)} ${figure.padStart(12)}  ${ratio}  ${goal?.text}: ${goal?.isMet ? "met" : "NOT MET"}`,
    );
}
