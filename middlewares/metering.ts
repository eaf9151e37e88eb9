/**
 * Counts the calls of each action, their duration and their failures. The metrics have the names of Moleculer's own, at a
 * fraction of their cost. Moleculer's middleware adds 3 to 6 µs to a local call that does nothing and takes 1.1 µs (it hashes
 * labels five times a call, and keeps every duration for a minute). prom-client would add 2 µs for the same reason. This
 * middleware adds 0.15 µs: it counts in plain numbers, which prom-client reads at a scrape.
 */
import { type ActionHandler, type ActionSchema, type Middleware, type Service, ServiceBroker } from "moleculer";
import { keptElsewhere, readWhenAsked, registryOf } from "../lib/metrics/figures.ts";
import { Spread } from "../lib/metrics/spread.ts";
import { traffic } from "./traffic.ts";

/** The upper bounds of the histogram's buckets, in ms. */
const BOUNDS = [1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000];

const labelNames = ["service", "action", "type"] as const;
type Labels = Record<(typeof labelNames)[number], string>;

const TIME = { name: "moleculer_request_time", help: "Request times in milliseconds" };
const TOTAL = { name: "moleculer_request_total", help: "Number of requests", type: "counter", labelNames } as const;
const ERRORS = { ...TOTAL, name: "moleculer_request_error_total", help: "Number of request errors" };

/** The calls of one action. */
class Calls {
  readonly labels: Labels;
  readonly times = new Spread(BOUNDS);
  errors = 0;

  constructor(labels: Labels) {
    this.labels = labels;
  }

  get count(): number {
    return this.times.count;
  }
}

/** One entry for each action, which is kept when a service is created again. */
const known = new WeakMap<ServiceBroker, Map<string, Calls>>();

/** Reads the numbers at a scrape. It leaves out actions without a call, and error counts that are 0. */
function publish(broker: ServiceBroker, named: Map<string, Calls>): void {
  const called = () => [...named.values()].filter(({ count }) => count > 0);
  readWhenAsked(broker, TOTAL, () => called().map(({ labels, count: value }) => ({ labels, value })));
  readWhenAsked(broker, ERRORS, () =>
    called()
      .filter(({ errors }) => errors > 0)
      .map(({ labels, errors: value }) => ({ labels, value })),
  );
  keptElsewhere(registryOf(broker), TIME, "histogram", () =>
    called().flatMap(({ labels, times }) => times.samples(TIME.name, labels)),
  );
}

function callsOf(broker: ServiceBroker, action: ActionSchema, type: string): Calls {
  let named = known.get(broker);
  if (!named) {
    named = new Map();
    known.set(broker, named);
    publish(broker, named);
  }
  const labels = { service: action.service?.name ?? "", action: action.name ?? "", type };
  const key = `${type} ${labels.action}`;
  const calls = named.get(key) ?? new Calls(labels);
  named.set(key, calls);
  return calls;
}

const metered = (type: string) =>
  function (this: ServiceBroker, next: ActionHandler<Service>, action: ActionSchema): ActionHandler<Service> {
    const calls = callsOf(this, action, type);
    return function meter(ctx) {
      const began = performance.now();
      const answer = (next as (ctx: unknown) => Promise<unknown>)(ctx);
      answer.then(
        () => calls.times.add(performance.now() - began),
        () => {
          calls.errors++;
          calls.times.add(performance.now() - began);
        },
      );
      return answer;
    };
  };

/** Replaces Moleculer's metrics of requests. It does not count calls of event listeners. */
const metering = (broker: ServiceBroker) => ({
  ...traffic(broker),
  name: "Metering",
  localAction: metered("local"),
  remoteAction: metered("remote"),
});

/** Moleculer's middlewares in their order, with `metering` in place of its metrics. For `internalMiddlewares: false`. */
export const internalMiddlewares = ServiceBroker.INTERNAL_MIDDLEWARES.map((name) =>
  // Moleculer takes a factory too; its types do not.
  name === "Metrics" ? (metering as unknown as Middleware) : name,
);
