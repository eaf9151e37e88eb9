/** `npm run bench`: all benchmarks, or those named. It stops by itself and leaves nothing behind. */
import { parseArgs } from "node:util";
import { ingest } from "./ingest.ts";
import { cleanUp, newFolder } from "./kit/places.ts";
import { type Benchmark, print } from "./kit/report.ts";
import { latency } from "./latency.ts";
import { memory } from "./memory.ts";
import { scale } from "./scale.ts";
import { small } from "./small.ts";
import { unique } from "./unique.ts";

const benchmarks: Record<string, Benchmark> = { ingest, small, memory, scale, latency, unique };
const usage = `npm run bench -- [${Object.keys(benchmarks).join("|")}]… [--quick|--full] [--rounds N]`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { quick: { type: "boolean" }, full: { type: "boolean" }, rounds: { type: "string" } },
  });
  const unknown = positionals.find((name) => !Object.hasOwn(benchmarks, name));
  if (unknown) {
    console.error(`There is no benchmark "${unknown}".\n${usage}`);
    process.exitCode = 2;
    return;
  }
  const size = values.quick ? "quick" : values.full ? "full" : "usual";
  const rounds = values.rounds ? Number(values.rounds) : null;
  // Here and in every child: one folder to remove, also when a child was killed.
  process.env.TMPDIR = newFolder();
  console.log("Floor and figure run in turns on the same machine; a figure is the median of its rounds.");
  for (const name of positionals.length > 0 ? positionals : Object.keys(benchmarks))
    print(await (benchmarks[name] as Benchmark)({ size, rounds }));
}

process.once("SIGINT", () => process.exit(130));
process.once("SIGTERM", () => process.exit(143));
process.once("exit", cleanUp);

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.stack : error);
  process.exitCode = 1;
}
await cleanUp();
