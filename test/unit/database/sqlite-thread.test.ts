import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { openDatabase } from "../../../database/database.ts";
import { OPENED, type ThreadData } from "../../../database/dialects/sqlite/protocol.ts";
import { root } from "../../../root.cjs";

/** A loader that reports each package in the thread's module graph, and then starts the thread. */
const told = `
  const { registerHooks } = require("node:module");
  const { parentPort, workerData } = require("node:worker_threads");
  registerHooks({
    resolve(specifier, context, next) {
      const found = next(specifier, context);
      if (found.url.includes("/node_modules/")) parentPort.postMessage({ package: specifier });
      return found;
    },
  });
  import(workerData.thread);`;

/** Each embedded node has such a thread. If it loaded Sequelize, it would need 0.3 s more of CPU time to start. */
test("SQLite's thread loads no package", async () => {
  const folder = mkdtempSync(join(tmpdir(), "dataflow-thread-"));
  const thread = pathToFileURL(join(root, "database/dialects/sqlite/thread.ts")).href;
  const data: ThreadData = { file: join(folder, "test.db"), isTemporary: true, transactionMs: 1_000 };
  const worker = new Worker(told, { eval: true, workerData: { ...data, thread } });
  try {
    const packages: string[] = [];
    await new Promise<void>((resolve, reject) => {
      worker.on("error", reject);
      worker.on("message", (message: { package: string } | { id: number }[]) => {
        if (!Array.isArray(message)) packages.push(message.package);
        else if (message.some(({ id }) => id === OPENED)) resolve();
      });
    });
    expect(packages).toEqual([]);
  } finally {
    await worker.terminate();
    rmSync(folder, { recursive: true });
  }
});

test("a thread that has closed its database opens the next one, and knows nothing of the one before", async () => {
  const url = "sqlite::memory:";
  const first = await openDatabase({ url });
  await first.migrate();
  await first.store.needyClients();
  await first.sequelize.query("CREATE TABLE left_over (n INTEGER)");
  await first.close();
  const started = jest.fn();
  process.on("worker", started);
  const second = await openDatabase({ url });
  try {
    expect(started).not.toHaveBeenCalled();
    await second.migrate();
    expect((await second.sequelize.query("SELECT name FROM sqlite_schema WHERE name = 'left_over'"))[0]).toEqual([]);
    await expect(second.store.needyClients()).resolves.toEqual([]);
  } finally {
    process.off("worker", started);
    await second.close();
  }
});
