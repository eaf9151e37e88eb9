/**
 * `npm run demo`: starts the whole system in this process, creates a client with a dataset, imports a file over HTTP, and shows
 * the result. For the example file it shows the rows of a table, for another file the stored records. USAGE in demo-options.ts
 * lists the options. The exit code is 0, or 1 with a message; the folder is removed in either case.
 */
import { once } from "node:events";
import { visible } from "../lib/log/visible.cjs";
import { type Batch, DemoClient } from "./demo-client.ts";
import { DemoError, type DemoOptions, demoOptions, type ImportFile, USAGE } from "./demo-options.ts";
import { summary, whatNext } from "./demo-report.ts";
import { cellsOf, storedTable } from "./demo-stored.ts";
import type { DemoSystem } from "./demo-system.ts";
import { firstRows } from "./demo-table.ts";
import { count, type Progress, progress, rejectedTable, size } from "./demo-terminal.ts";

const REJECTED_SHOWN = 10;
/** How many stored records fit side by side. */
const STORED_SHOWN = 3;
const PAGES = ["/", "/docs", "/openapi.json", "/metrics", "/health/ready"];

const stopping = new AbortController();
// `on`, not `once`: npm repeats the terminal's signal to its child.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => stopping.abort());
// The reader has closed the pipe, as `| head` does. Nobody sees further output.
process.stdout.on("error", () => process.exit());

let shown: Progress | undefined;

try {
  const options = demoOptions(process.argv.slice(2));
  if (options) await demo(options);
  else console.log(USAGE);
} catch (error) {
  report(error);
}
process.exit();

async function demo(options: DemoOptions): Promise<void> {
  // Loads all of DataFlow, so a wrong option is reported before that.
  const { startSystem } = await import("./demo-system.ts");
  const system = await startSystem();
  try {
    console.log(`DataFlow runs at ${system.url}: one process on SQLite, no Redis, no RabbitMQ.\n`);
    await importFile(system, options);
    if (!options.exits && !stopping.signal.aborted) await once(stopping.signal, "abort");
  } finally {
    shown?.stop();
    await system.stop();
  }
}

async function importFile(system: DemoSystem, { file, exits }: DemoOptions): Promise<void> {
  const client = new DemoClient(system.url, stopping.signal);
  const partner = await client.introduce(system, file);
  console.log(`Importing ${visible(file.name)} as the dataset ${partner.dataset} of the client ${partner.identifier}`);

  const sent = begin("sent     ", file.bytes, size);
  const taken = await client.upload(file, sent.set);
  sent.end(file.bytes);

  const processed = begin("processed", taken.counts.received, (value) => `${count(value)} records`);
  const done = ({ accepted, rejected, duplicate }: typeof taken.counts) => accepted + rejected + duplicate;
  const batch = await client.ended(taken.id, ({ counts }) => processed.set(done(counts)));
  processed.end(done(batch.counts));

  console.log(`\n${summary(batch)}\n`);
  await showRecords(client, batch, file, system);
  if (batch.error) throw new DemoError("The import failed.");
  if (!exits) console.log(whatNext({ system, file, partner, batch, pages: await client.open(PAGES) }));
}

/** Shows the first stored records, and the first rejected ones. */
async function showRecords(
  client: DemoClient,
  { id, counts }: Batch,
  { path, isExample }: ImportFile,
  system: DemoSystem,
): Promise<void> {
  const { columns } = process.stdout;
  if (counts.accepted > 0) {
    const records = isExample ? firstRows(system.file, STORED_SHOWN) : await client.stored(id, STORED_SHOWN);
    const cells = isExample ? cellsOf(path, records.at(-1)?.record ?? 0) : [];
    const what = isExample ? "rows of the table orders" : "stored records";
    console.log(`The first ${what}, of ${count(counts.accepted)}\n\n${storedTable(records, cells, columns)}\n`);
  }
  if (counts.rejected > 0) {
    const rows = await client.rejected(id, REJECTED_SHOWN);
    console.log(`The first rejected rows, of ${count(counts.rejected)}\n\n${rejectedTable(rows, columns)}\n`);
  }
}

function begin(...args: Parameters<typeof progress>): Progress {
  shown = progress(...args);
  return shown;
}

/** Shows an error. A stop by a signal is not an error. */
function report(error: unknown): void {
  if (stopping.signal.aborted) return;
  console.error(error instanceof DemoError ? visible(error.message) : error);
  process.exitCode = 1;
}
