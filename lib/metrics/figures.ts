/**
 * Figures of our own in Moleculer's metrics registry. A figure is declared where the thing happens, with the values that
 * its label can take: so it stands at 0 from the start, and no id can become a label. Counting is one addition, because
 * it happens on the hot path.
 */
import type { ServiceBroker } from "moleculer";

interface Item {
  value: number;
}

/** What we use of a metric of Moleculer's. */
interface Metric {
  set(value: number, labels?: Record<string, string>): Item;
  observe(value: number, labels?: Record<string, string>): unknown;
  setDirty(): void;
  snapshot(): { value: number; labels: Record<string, string> }[];
}

export interface Figure {
  /** dataflow_*, by Prometheus' rules: base units, `_total` for counters. */
  name: string;
  help: string;
}

/** For brokers whose metrics are off, as in tests of one service: counts in vain. */
const inert: Metric = { set: () => ({ value: 0 }), observe() {}, setDirty() {}, snapshot: () => [] };

type Kind = { type: "counter" | "gauge" | "histogram"; labelNames?: string[]; buckets?: number[] };

function registered(broker: ServiceBroker, { name, help }: Figure, kind: Kind): Metric {
  const metrics = broker.metrics;
  const metric = metrics.getMetric(name) ?? metrics.register({ name, description: help, ...kind } as never);
  return (metric as unknown as Metric | null) ?? inert;
}

export interface Counter<V extends string> {
  add(value: V, by?: number): void;
}

/** A counter with one label. */
export function counter<V extends string>(
  broker: ServiceBroker,
  figure: Figure,
  label: string,
  values: readonly V[],
): Counter<V> {
  const metric = registered(broker, figure, { type: "counter", labelNames: [label] });
  const items = new Map(values.map((value) => [value, metric.set(0, { [label]: value })]));
  return {
    add(value, by = 1) {
      const item = items.get(value);
      if (!item) throw new Error(`${figure.name} has no ${label} "${value}".`);
      item.value += by;
      metric.setDirty();
    },
  };
}

/** How values are spread; `buckets` are upper bounds. */
export function histogram(broker: ServiceBroker, figure: Figure, buckets: number[]): (value: number) => void {
  const metric = registered(broker, figure, { type: "histogram", buckets });
  return (value) => void metric.observe(value);
}

export interface Reading {
  value: number;
  labels?: Record<string, string>;
}

/** A figure that is kept elsewhere and read when somebody asks. Several may read parts of one, by other labels. */
export function readWhenAsked(
  broker: ServiceBroker,
  figure: Figure & { type: "counter" | "gauge"; labelNames?: string[] },
  read: () => Reading[],
): void {
  const { type, labelNames = [] } = figure;
  const metric = registered(broker, figure, { type, labelNames });
  onCollect(broker, () => {
    for (const { value, labels = {} } of read()) metric.set(value, labels);
  });
}

type Collector = () => void;
const collectors = new WeakMap<ServiceBroker, Set<Collector>>();

/** Runs `collector` before the figures are read. */
export function onCollect(broker: ServiceBroker, collector: Collector): void {
  const known = collectors.get(broker) ?? new Set();
  collectors.set(broker, known.add(collector));
}

export function collect(broker: ServiceBroker): void {
  for (const collector of collectors.get(broker) ?? []) collector();
}

/** The values of a figure as of the last `collect`; none where this node does not keep it. */
export function readings(broker: ServiceBroker, name: string): Required<Reading>[] {
  const metric = broker.metrics.getMetric(name) as unknown as Metric | null;
  return metric?.snapshot() ?? [];
}
