/**
 * The metrics of a node, kept by prom-client. A metric is declared beside the code that counts, with all values that its label
 * can have. So it is 0 from the start, and no id can become a label.
 */
import type { ServiceBroker } from "moleculer";
import { Gauge, Histogram, type Metric, Counter as PromCounter, Registry } from "prom-client";

/** One for each broker, because a process may have several nodes. */
const registries = new WeakMap<ServiceBroker, Registry>();

export function registryOf(broker: ServiceBroker): Registry {
  const known = registries.get(broker) ?? new Registry();
  registries.set(broker, known);
  return known;
}

export interface Figure {
  /** dataflow_*, by Prometheus' rules: base units, `_total` for counters. */
  name: string;
  help: string;
}

/** Makes the metric if there is none of this name yet, because services share metrics and may be created again. */
function once<M extends Metric>(broker: ServiceBroker, name: string, make: (registers: Registry[]) => M): M {
  const registry = registryOf(broker);
  return (registry.getSingleMetric(name) as M | undefined) ?? make([registry]);
}

export interface Counter<V extends string> {
  /** Adds to the counter. `of`: the value of its further label; left out: the usual one. */
  add(value: V, by?: number, of?: string): void;
}

/** A counter with one label, and with a further one of whose few values only the usual one is known before. */
export function counter<V extends string>(
  broker: ServiceBroker,
  { name, help }: Figure,
  label: string,
  values: readonly V[],
  further?: { label: string; usual: string },
): Counter<V> {
  const labelNames = further === undefined ? [label] : [label, further.label];
  const metric = once(broker, name, (registers) => new PromCounter({ name, help, labelNames, registers }));
  const usual = further && { [further.label]: further.usual };
  const counters = new Map(values.map((value) => [value, metric.labels({ [label]: value, ...usual })]));
  for (const one of counters.values()) one.inc(0);
  return {
    add(value, by = 1, of) {
      const one = counters.get(value);
      if (!one) throw new Error(`${name} has no ${label} "${value}".`);
      if (of === undefined || further === undefined) one.inc(by);
      else metric.inc({ [label]: value, [further.label]: of }, by);
    },
  };
}

/** How values are spread; `buckets` are upper bounds. */
export function histogram(broker: ServiceBroker, { name, help }: Figure, buckets: number[]): (value: number) => void {
  const metric = once(broker, name, (registers) => new Histogram({ name, help, buckets, registers }));
  return (value) => metric.observe(value);
}

export interface Reading {
  value: number;
  labels?: Record<string, string>;
}

const reads = new WeakMap<Metric, (() => Reading[])[]>();
const readAll = (metric: Metric): Reading[] => (reads.get(metric) ?? []).flatMap((read) => read());

/** A metric that is kept elsewhere and read at a scrape. Several callers may read parts of it, with other labels. */
export function readWhenAsked(
  broker: ServiceBroker,
  { type, name, help, labelNames = [] }: Figure & { type: "counter" | "gauge"; labelNames?: readonly string[] },
  read: () => Reading[],
): void {
  const metric = once<PromCounter | Gauge>(broker, name, (registers) =>
    type === "counter"
      ? new PromCounter({ name, help, labelNames, registers, collect: recount })
      : new Gauge({ name, help, labelNames, registers, collect: reset }),
  );
  reads.set(metric, [...(reads.get(metric) ?? []), read]);
}

function recount(this: PromCounter): void {
  this.reset();
  for (const { value, labels = {} } of readAll(this)) this.inc(labels, value);
}

function reset(this: Gauge): void {
  for (const { value, labels = {} } of readAll(this)) this.set(labels, value);
}

/** One of the values that a sample counts, with the trace that has it. Only OpenMetrics shows it. */
export interface Exemplar {
  labelSet: { trace_id: string };
  value: number;
  /** In seconds. */
  timestamp: number;
}

/** A line of /metrics: `metricName` where it is not the metric's own. */
export interface Sample extends Reading {
  metricName?: string;
  exemplar?: Exemplar;
}

interface Spread {
  labels: Record<string, string>;
  /** How many values were not above each bound. */
  buckets: [bound: string, values: number][];
  /** The exemplar of each bucket, in the order of `buckets`; the last one is that of +Inf. */
  exemplars?: (Exemplar | undefined)[];
  count: number;
  sum: number;
}

/** The lines of a histogram. */
export function histogramSamples(name: string, { labels, buckets, exemplars = [], count, sum }: Spread): Sample[] {
  const bounds = [...buckets, ["+Inf", count] as const];
  const bucket = ([le, value]: readonly [string, number], slot: number): Sample => {
    const exemplar = exemplars[slot];
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value, ...(exemplar && { exemplar }) };
  };
  return [
    ...bounds.map(bucket),
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: count },
  ];
}

/** A metric whose samples are kept elsewhere, as a registry reads one: prom-client fills no histogram from outside. */
export function keptElsewhere(
  registry: Pick<Registry, "getSingleMetric" | "registerMetric">,
  { name, help, labelNames = [] }: Figure & { labelNames?: readonly string[] },
  type: string,
  samples: () => Sample[],
): void {
  if (registry.getSingleMetric(name)) return;
  const metric = { name, labelNames, get: async () => ({ name, help, type, values: samples() }) };
  // A registry calls no more than `get`; its types want a whole metric.
  registry.registerMetric(metric as unknown as Metric);
}

/** The values of a figure; none where this node does not keep it. */
export async function readings(broker: ServiceBroker, name: string): Promise<Required<Reading>[]> {
  const metric = await registryOf(broker).getSingleMetric(name)?.get();
  return (metric?.values ?? []) as Required<Reading>[];
}
