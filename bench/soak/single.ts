/**
 * A single node beside the cluster of a soak: one process with all services on SQLite, and a partner that sends small batches. If
 * nobody checkpoints SQLite's write-ahead log, it grows without bound.
 */
import { statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as pause } from "node:timers/promises";
import { endOf, newPartner, upload } from "../kit/http.ts";
import { startNode } from "../kit/node.ts";
import { orderSchema, ordersBody } from "../kit/orders.ts";
import { newFolder } from "../kit/places.ts";
import { megabytes } from "../kit/sizes.ts";
import type { Books } from "./books.ts";
import { metricsText, sumOf, type Told, type Watched } from "./sample.ts";
import type { Recording } from "./series.ts";

const EVERY_MS = 1_000;
const RECORDS = 200;
const SETTLE_MS = 30_000;

export interface Single {
  watched: Watched;
  note(recording: Recording, at: number): void;
  /** Makes the retention of batches end `retentionMs` after they ended, so that the node deletes them. */
  age(retentionMs: number): void;
  /** Ends the load, compares the counts, and stops the node. Answers the counts as a line. */
  stop(): Promise<string>;
}

export async function startSingle(env: Record<string, string>, books: Books): Promise<Single> {
  const file = join(newFolder(), "single.db");
  let told: Told | null = null;
  const node = await startNode(
    { ...env, DATABASE_URL: `sqlite:${file}`, DATABASE_SCHEMA: "none" },
    "start",
    (message) => {
      told = message;
    },
  );
  const watched: Watched = {
    name: "single",
    role: "single",
    node,
    metrics: `${node.url}/metrics`,
    get told() {
      return told;
    },
  };
  const db = new DatabaseSync(file, { timeout: 5_000 });
  const count = (table: string) => (db.prepare(`SELECT count(*) AS n FROM ${table}`).get() as { n: number }).n;
  const partner = await newPartner(node.url, { schema: orderSchema });
  const body = ordersBody("ndjson", RECORDS);
  let [accepted, isOver] = [0, false];
  const send = async () => {
    while (!isOver) {
      const began = performance.now();
      const batch = await endOf(partner, (await upload(partner, "ndjson", [body])).id);
      books.took("single", performance.now() - began);
      accepted += batch.counts.accepted;
      await pause(Math.max(0, began + EVERY_MS - performance.now()));
    }
  };
  const sending = send().catch((error: Error) => books.failed("single", error));
  const removed = async () =>
    sumOf(await metricsText(watched.metrics), "dataflow_retention_rows_total", `table="record"`);
  return {
    watched,
    note(recording, at) {
      recording.note("wal", "SQLite: write-ahead log", at, megabytes(statSync(`${file}-wal`).size));
      recording.note("bytes", "SQLite: database", at, megabytes(statSync(file).size));
      for (const table of ["batch", "record"]) recording.note("rows", `SQLite: rows of ${table}`, at, count(table));
    },
    age(retentionMs) {
      const now = Date.now();
      db.prepare("UPDATE batch SET due_at = ? WHERE finished_at < ? AND due_at > ?").run(now, now - retentionMs, now);
    },
    async stop() {
      isOver = true;
      await sending;
      let stored = 0;
      let deleted = 0;
      for (const end = Date.now() + SETTLE_MS; Date.now() < end; await pause(500)) {
        [deleted, stored] = [await removed(), count("record")];
        if (stored + deleted === accepted) break;
      }
      if (stored + deleted !== accepted)
        books.fault(
          `single: ${accepted} records were accepted, ${stored} are stored and ${deleted} were deleted by retention`,
        );
      db.close();
      await node.stop();
      return `the node on SQLite: ${accepted} accepted, ${stored} stored and ${deleted} deleted`;
    },
  };
}
