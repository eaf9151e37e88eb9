/** `npm run bench`: runs all benchmarks, or those that the command names. It ends by itself and leaves nothing behind. */
import { spawn } from "node:child_process";
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { runToEnd, useOneFolder } from "./kit/main.ts";
import { CannotRun } from "./kit/needs.ts";
import { ended, keepTrack } from "./kit/places.ts";
import { type Benchmark, print } from "./kit/report.ts";

/** Each benchmark is loaded only when it runs, so that a missing package of one does not stop the others. */
const benchmarks: Record<string, () => Promise<Benchmark>> = {
  ingest: async () => (await import("./ingest.ts")).ingest,
  decoding: async () => (await import("./decoding.ts")).decoding,
  small: async () => (await import("./small.ts")).small,
  idempotency: async () => (await import("./idempotency.ts")).idempotency,
  drain: async () => (await import("./drain.ts")).drain,
  unique: async () => (await import("./unique.ts")).unique,
  table: async () => (await import("./table.ts")).table,
  "error-groups": async () => (await import("./error-groups.ts")).errorGroups,
  claims: async () => (await import("./claims.ts")).claims,
  memory: async () => (await import("./memory.ts")).memory,
  xlsx: async () => (await import("./xlsx.ts")).xlsx,
  scale: async () => (await import("./scale.ts")).scale,
  deliveries: async () => (await import("./deliveries.ts")).deliveries,
  latency: async () => (await import("./latency.ts")).latency,
  limiter: async () => (await import("./limiter.ts")).limiter,
  lock: async () => (await import("./lock.ts")).lock,
  cache: async () => (await import("./cache.ts")).cache,
  queue: async () => (await import("./queue.ts")).queue,
  "pg-ingest": async () => (await import("./postgres/ingest.ts")).pgIngest,
  "pg-small": async () => (await import("./postgres/small.ts")).pgSmall,
  "pg-latency": async () => (await import("./postgres/latency.ts")).pgLatency,
  "pg-drain": async () => (await import("./drain.ts")).pgDrain,
  retention: async () => (await import("./retention.ts")).retention,
  partitions: async () => (await import("./postgres/partitions.ts")).partitions,
  figures: async () => (await import("./postgres/figures.ts")).figures,
  console: async () => (await import("./console.ts")).consoleRoutes,
  attacks: async () => (await import("./attacks.ts")).attacked,
  mssql: async () => (await import("./mssql.ts")).mssqlRows,
};
const usage = `npm run bench -- [${Object.keys(benchmarks).join("|")}]… [--quick|--full] [--rounds N] [--minutes N] [--pace N] [--keep NAME]`;

let isStopping = false;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      quick: { type: "boolean" },
      full: { type: "boolean" },
      rounds: { type: "string" },
      minutes: { type: "string" },
      pace: { type: "string" },
      keep: { type: "string" },
    },
  });
  const unknown = positionals.find((name) => !Object.hasOwn(benchmarks, name));
  if (unknown) {
    console.error(`There is no benchmark "${unknown}".\n${usage}`);
    process.exitCode = 2;
    return;
  }
  const names = positionals.length > 0 ? positionals : Object.keys(benchmarks);
  if (names.length > 1) return eachByItself(names);
  const size = values.quick ? "quick" : values.full ? "full" : "usual";
  const number = (text?: string) => Number(text) || null;
  const [rounds, minutes, pace] = [number(values.rounds), number(values.minutes), number(values.pace)];
  await run(names[0] as string, { size, rounds, minutes, pace, keep: values.keep ?? null });
}

const hasValue = (flag = "") => ["--rounds", "--minutes", "--pace", "--keep"].includes(flag);

/** Runs each benchmark in a process of its own, so that the compiled code and the heap of one do not affect the next. */
async function eachByItself(names: string[]): Promise<void> {
  const flags = process.argv.slice(2).filter((word, i, all) => word.startsWith("--") || hasValue(all[i - 1]));
  for (const name of names) {
    if (isStopping) return;
    const args = [...process.execArgv, process.argv[1] as string, name, ...flags];
    const bench = keepTrack(spawn(process.execPath, args, { stdio: "inherit" }), "SIGTERM");
    await ended(bench);
    if (bench.exitCode !== 0) process.exitCode = bench.exitCode ?? 1;
  }
}

async function run(name: string, options: Parameters<Benchmark>[0]): Promise<void> {
  useOneFolder();
  try {
    const [load = 0] = loadavg();
    const report = await (await (benchmarks[name] as () => Promise<Benchmark>)())(options);
    print(report);
    if (load > 1) console.log(`  The machine was not idle: a load of ${load.toFixed(1)} when it began.`);
  } catch (error) {
    if (!(error instanceof CannotRun)) throw error;
    console.error(`\n${name}: NOT RUN, ${error.message}`);
    if (!error.isExpected) process.exitCode = 3;
  }
}

await runToEnd(main, () => {
  isStopping = true;
});
