/**
 * Where DataFlow reaches into Moleculer, for there is no public way. Checked with the version below: a test fails with any
 * other, so that whoever updates Moleculer looks at each of these, and at what `extends` its transporter (lib/amqp).
 */

import type { BrokerOptions, Middleware, ServiceBroker } from "moleculer";
import * as moleculer from "moleculer";

export const CHECKED_WITH = "0.15.2";

/** The parts of a broker that its types leave out. */
interface Inside {
  localServiceChanged: { cancel(): void };
  registry: {
    discoverer: {
      sendLocalNodeInfo(nodeId?: string): PromiseLike<void>;
      remoteNodeDisconnected(nodeID: string, isUnexpected: boolean): void;
    };
  };
}

const inside = (broker: ServiceBroker) => broker as unknown as Inside;

/** A middleware as Moleculer makes one for a broker; its types leave out this way to give one. */
export type MiddlewareFactory = (broker: ServiceBroker) => Middleware;

/** Moleculer's own metering, to keep its parts that are cheap. */
export const { Metrics } = (moleculer as unknown as { Middlewares: { Metrics: MiddlewareFactory } }).Middlewares;

/** A rate is what Prometheus makes of a counter; Moleculer's would be a timer for each value. */
export function countWithoutRates({ metrics }: ServiceBroker): void {
  for (const metric of metrics.store.values()) Object.assign(metric, { rate: false });
}

/**
 * Only actions that ask for a circuit breaker have one: handlers of the company's own. To be called after Moleculer has made
 * the metrics of circuit breakers, which it makes only where all actions have one: without them the first circuit that opens
 * would end the process (`metrics.set` of a metric that is none, in a timer).
 */
export function circuitsOnRequest({ options }: ServiceBroker): void {
  options.circuitBreaker = { ...options.circuitBreaker, enabled: false };
}

/** What Moleculer would tell the other nodes a second after a stop keeps a process, and Jest's, from ending. */
export const cancelLateNews = (broker: ServiceBroker): void => inside(broker).localServiceChanged.cancel();

/** The next time that this node tells the others of itself, `tell` decides how long that is waited for: it may never end. */
export function tellOnce(broker: ServiceBroker, wait: (told: PromiseLike<void>) => Promise<void>): void {
  const { discoverer } = inside(broker).registry;
  const tell = discoverer.sendLocalNodeInfo;
  discoverer.sendLocalNodeInfo = (nodeId) => {
    discoverer.sendLocalNodeInfo = tell;
    return wait(tell.call(discoverer, nodeId));
  };
}

/** Calls to the node are rejected and its twins are called, as if it had said goodbye. */
export const letNodeGo = (broker: ServiceBroker, nodeID: string): void =>
  inside(broker).registry.discoverer.remoteNodeDisconnected(nodeID, true);

/** What moleculer-runner puts variables of its own over the options with: by their names, and converted. */
export interface Runner {
  overwriteFromEnv(options: BrokerOptions): BrokerOptions;
}

/**
 * config/ alone reads settings: NAMESPACE=5 would become a number, which Moleculer takes for none, and a METRICS or LOGGER
 * that is meant for others would take our place.
 */
export function readNoEnvironment(runner: Runner): void {
  runner.overwriteFromEnv = (options) => options;
}
