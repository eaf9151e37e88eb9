import { setImmediate as nextTurn } from "node:timers/promises";
import { Discoverers, type Middleware, type Service, type ServiceBroker } from "moleculer";
import { configOf } from "../config/config.ts";
import { around, cancelLateNews } from "../lib/moleculer.ts";
import { hurryDatabase } from "../mixins/database.ts";
import { hurryTables } from "../mixins/tables.ts";

/** A service that must give work back before the services it needs stop. */
interface Drainable {
  drain(): Promise<void>;
}

/** The order of the stop: first API and workers, then the services they give work back to. The services of one step stop together. */
const steps = [
  ["api", "batchProcessor", "webhook", "alerts"],
  ["imports", "batch", "retention"],
  ["outbox", "stats"],
];

/** Time beyond SHUTDOWN_TIMEOUT for closing connections. A silent server costs seconds for each of them. */
const LAST_MS = 1_000;

/** Part of SHUTDOWN_TIMEOUT. A database that is silent for this long counts as away for the stop. */
const DATABASE_PATIENCE = 0.3;

/**
 * Moleculer stops all services of a node at once, so a worker could not hand its batches back through `batch`.
 * This middleware runs each service's `drain()` while all services still answer. What is not done by SHUTDOWN_TIMEOUT is
 * left to leases and sweeps, as after a kill.
 */
export const drainMiddleware: Middleware = {
  name: "Drain",
  created(broker: ServiceBroker) {
    let stopping: Promise<void> | null = null;
    // Ctrl-C reaches the process twice, from the terminal and from npm. Both signals are one stop.
    around(broker, "stop", (stop) => {
      stopping ??= inTime(broker, stop()).finally(() => {
        stopping = null;
      });
      return stopping;
    });
    // A stop that was asked for makes the start fail where it waits for a server, and that must not end the process first:
    // it would exit with 1.
    around(broker, "start", (start) =>
      start().catch(async (error: unknown) => {
        if (stopping) await stopping.then(() => nextTurn());
        throw error;
      }),
    );
  },
  async stopping(broker: ServiceBroker) {
    const { shutdownTimeoutMs } = configOf(broker);
    void hurryDatabase(broker, shutdownTimeoutMs * DATABASE_PATIENCE);
    void hurryTables(broker, shutdownTimeoutMs * DATABASE_PATIENCE);
    const deadline = timeOut(shutdownTimeoutMs * 0.9);
    for (const names of steps)
      await Promise.race([Promise.all(names.map((name) => drain(broker, name))), deadline.over]);
    deadline.clear();
  },
  /** Clears Moleculer's timer that informs other nodes a second later: it keeps the process from ending. */
  async stopped(broker: ServiceBroker) {
    cancelLateNews(broker);
  },
};

/** How long a stop waits until the other nodes are told that this node leaves. */
const TELLING_MS = 1_000;

/**
 * Moleculer's own discoverer (other nodes are found through the transporter), for the option `registry.discoverer`. A stop
 * first tells the other nodes. If the link froze during a resubscription, that never ends, so it has a limit.
 */
export class Discoverer extends Discoverers.Local {
  override async sendLocalNodeInfo(nodeID?: string): Promise<void> {
    const told = super.sendLocalNodeInfo(nodeID);
    if (this.broker.started) return told;
    const deadline = timeOut(TELLING_MS);
    await Promise.race([told, deadline.over]).catch((error) =>
      this.logger.warn("Other nodes could not be told of the stop:", error),
    );
    deadline.clear();
  }
}

/** Ends the stop, and the process, whatever hangs. A process manager would kill it a little later anyway. */
async function inTime(broker: ServiceBroker, stop: PromiseLike<void>): Promise<void> {
  const deadline = timeOut(configOf(broker).shutdownTimeoutMs + LAST_MS);
  const isLate = await Promise.race([stop.then(() => false), deadline.over.then(() => true)]);
  deadline.clear();
  if (isLate)
    broker.logger.warn("Not everything closed within SHUTDOWN_TIMEOUT; the node ends without waiting longer.");
}

async function drain(broker: ServiceBroker, name: string): Promise<void> {
  const service = broker.getLocalService(name) as (Service & Partial<Drainable>) | undefined;
  try {
    await service?.drain?.();
  } catch (error) {
    broker.logger.warn(`Draining ${name} failed:`, error);
  }
}

function timeOut(ms: number) {
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  return { over, clear: () => clearTimeout(timer) };
}
