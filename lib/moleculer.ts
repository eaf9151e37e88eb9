/**
 * Where DataFlow reaches into Moleculer, because there is no public way. Checked with the version below: a test fails with any
 * other, so that whoever updates Moleculer looks at each of these, and at the AMQP transporter that lib/amqp/transporter.ts
 * extends (its `connection`, and the callback of its `connect`).
 *
 * Public ways that are used instead: hooks of middlewares (middlewares/), the options `transporter`, `registry.discoverer`
 * (middlewares/drain.ts) and `internalMiddlewares`, and `metrics.list`.
 */
import type { BrokerOptions, ServiceBroker } from "moleculer";

export const CHECKED_WITH = "0.15.2";

/**
 * Only actions that ask for a circuit breaker have one: handlers of the company's own. To be called after Moleculer has made
 * the metrics of circuit breakers and the timer of their window, which it makes only where all actions have one: without
 * them the first circuit that opens would end the process (`metrics.set` of a metric that is none, in a timer).
 */
export function circuitsOnRequest({ options }: ServiceBroker): void {
  options.circuitBreaker = { ...options.circuitBreaker, enabled: false };
}

/**
 * Moleculer counts all services, actions and listeners of all nodes anew with each one that comes or goes: a node that starts did so for
 * each of its services. They are counted when somebody lists the metrics.
 */
export function registryCountedWhenAsked({ registry, metrics }: ServiceBroker): void {
  const count = registry.updateMetrics.bind(registry);
  const list = metrics.list.bind(metrics);
  registry.updateMetrics = () => {};
  metrics.list = (of) => {
    count();
    return list(of);
  };
}

/** By its types a plain method. */
type Debounced = ServiceBroker["localServiceChanged"] & { cancel(): void };

/** What Moleculer would tell the other nodes a second after a stop keeps a process, and Jest's, from ending. */
export const cancelLateNews = (broker: ServiceBroker): void => (broker.localServiceChanged as Debounced).cancel();

/**
 * Middlewares have hooks within a start and a stop, and none around them: none that sees a second stop, or that ends one
 * which hangs.
 */
export function around(
  broker: ServiceBroker,
  name: "start" | "stop",
  wrap: (inner: () => Promise<void>) => Promise<void>,
): void {
  const inner = broker[name].bind(broker);
  broker[name] = () => wrap(inner);
}

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
