/** Operators pause and resume the workers of single nodes, and empty the caches of all. */
import { type Context, Errors, type ServiceBroker } from "moleculer";
import { Problem } from "../../lib/errors.ts";
import { actors } from "../actors.ts";
import type { WorkerStatus } from "../batchProcessor/batchProcessor.contract.ts";
import { announce } from "../messages.ts";
import type { Claimants, Flushed } from "./monitor.contract.ts";
import { nodesWith } from "./monitor.figures.ts";

const PATIENCE_MS = 2_000;
/** Deleting scans all keys of Redis; a million keys take a second. */
const FLUSH_PATIENCE_MS = 20_000;

/** A list of batches waits for this answer, so a worker that is slow counts as one that claims. */
const GLANCE_MS = 300;

type Asking = Pick<ServiceBroker | Context, "call">;

/**
 * Has the worker of a node claim nothing any more (`pause`), or again. `node` undefined: the only worker that there is.
 * Throws not-found: it is no worker; unavailable: it does not answer; validation: there are several.
 */
export async function turnWorker(
  { broker, asking }: { broker: ServiceBroker; asking: Asking },
  node: string | undefined,
  how: "pause" | "resume",
): Promise<WorkerStatus & { node: string }> {
  const workers = nodesWith(broker, "batchProcessor");
  const known = workers.length > 0 ? `Workers: ${workers.join(", ")}.` : "There is no worker.";
  const nodeID = node ?? (workers.length === 1 ? workers[0] : undefined);
  if (nodeID === undefined) throw new Problem("validation", `Name the node of the worker. ${known}`);
  if (!workers.includes(nodeID)) throw new Problem("not-found", `"${nodeID}" is no worker. ${known}`);
  try {
    const status = await actors.batchProcessor[how](asking as Context, {}, { nodeID, timeout: PATIENCE_MS });
    return { node: nodeID, ...status };
  } catch (error) {
    if (isSilence(error)) throw new Problem("unavailable", `${nodeID} does not answer. ${known}`);
    throw error;
  }
}

/** The first answer of a worker that claims decides. Only if all are paused, all answers are waited for. */
export function claimantsOf(broker: ServiceBroker): Promise<Claimants> {
  const workers = nodesWith(broker, "batchProcessor");
  if (workers.length === 0) return Promise.resolve("none");
  const claiming = workers.map(async (nodeID) => {
    const status = await actors.batchProcessor.status(broker, {}, { nodeID, timeout: GLANCE_MS }).catch(() => null);
    if (status?.paused) throw new Error(`${nodeID} is paused`);
  });
  return Promise.any(claiming).then(
    () => "some",
    () => "paused",
  );
}

const isSilence = (error: unknown): boolean =>
  [
    Errors.RequestTimeoutError,
    Errors.RequestRejectedError,
    Errors.ServiceNotFoundError,
    Errors.ServiceNotAvailableError,
  ].some((Silence) => error instanceof Silence);

/** Empties Redis first: else a node would fetch the old values from there again. */
export async function flushCaches(broker: ServiceBroker): Promise<Flushed> {
  const emptied = await Promise.allSettled([
    actors.clientCache.emptyRedis(broker, {}, { timeout: FLUSH_PATIENCE_MS }),
    actors.policy.emptyRedis(broker, {}, { timeout: FLUSH_PATIENCE_MS }),
    actors.operator.emptyRedis(broker, {}, { timeout: FLUSH_PATIENCE_MS }),
  ]);
  await announce(broker, "caches.flush", {});
  const failed = emptied.find((one) => one.status === "rejected");
  if (failed) return { redis: "away", keys: null, reason: (failed.reason as Error).message };
  const removed = emptied.flatMap((one) => (one.status === "fulfilled" && one.value !== null ? [one.value] : []));
  if (removed.length === 0) return { redis: "off", keys: null, reason: null };
  return { redis: "emptied", keys: removed.reduce((sum, n) => sum + n, 0), reason: null };
}
