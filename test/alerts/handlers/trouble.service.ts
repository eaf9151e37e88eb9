/**
 * Handlers for the alert tests: one takes a second for each chunk, one blocks the event loop, one fails until a file says that it
 * is mended.
 */
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { ImportHandler } from "dataflow/handlers";
import type { ServiceSchema } from "moleculer";

const CHUNK_MS = 1_000;
/** Short enough that the node answers scrapes in between. */
const SPIN_MS = 200;

const wait: ImportHandler = { importHandler: true, handler: () => sleep(CHUNK_MS) };

const spin: ImportHandler = {
  importHandler: true,
  handler() {
    const end = performance.now() + SPIN_MS;
    while (performance.now() < end);
  },
};

const fail: ImportHandler = {
  importHandler: true,
  handler() {
    if (!existsSync(process.env.TROUBLE_MENDED as string)) throw new Error("This handler fails until it is mended.");
  },
};

const trouble: ServiceSchema<Record<string, unknown>> = { name: "trouble", actions: { wait, spin, fail } };

export default trouble;
