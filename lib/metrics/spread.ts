/**
 * Histograms that count in plain numbers, which prom-client reads at a scrape. By itself prom-client hashes the labels of each
 * value, which costs 2 µs.
 */
import type { ServiceBroker } from "moleculer";
import { sampledTrace } from "../trace/trace.ts";
import { type Exemplar, type Figure, histogramSamples, keptElsewhere, registryOf, type Sample } from "./figures.ts";

/** The values of one series. */
export class Spread {
  private readonly bounds: readonly number[];
  private readonly slots: number[];
  /** The last one of each slot. */
  private readonly exemplars: (Exemplar | undefined)[] = [];
  private sum = 0;
  count = 0;

  /** `bounds`: upper bounds, rising; what is larger counts in +Inf alone. */
  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.slots = new Array<number>(bounds.length + 1).fill(0);
  }

  /** `traceId`: of a trace that a collector has. */
  add(value: number, traceId?: string): void {
    let slot = 0;
    while (slot < this.bounds.length && value > (this.bounds[slot] as number)) slot++;
    (this.slots[slot] as number)++;
    this.count++;
    this.sum += value;
    if (traceId !== undefined)
      this.exemplars[slot] = { labelSet: { trace_id: traceId }, value, timestamp: Date.now() / 1000 };
  }

  samples(name: string, labels: Record<string, string>): Sample[] {
    let below = 0;
    const buckets = this.bounds.map((bound, slot): [string, number] => {
      below += this.slots[slot] as number;
      return [String(bound), below];
    });
    return histogramSamples(name, { labels, buckets, exemplars: this.exemplars, count: this.count, sum: this.sum });
  }
}

/** Histograms by broker and name, because services share a metric and may be created again. */
const known = new WeakMap<ServiceBroker, Map<string, Map<string, Spread>>>();

function seriesOf(broker: ServiceBroker, name: string): { series: Map<string, Spread>; isNew: boolean } {
  const named = known.get(broker) ?? new Map<string, Map<string, Spread>>();
  known.set(broker, named);
  const found = named.get(name);
  const series = found ?? new Map<string, Spread>();
  named.set(name, series);
  return { series, isNew: found === undefined };
}

export interface Spreads extends Figure {
  label: string;
  /** Upper bounds. */
  bounds: readonly number[];
  /** Values of the label that stand at 0 from the start. */
  first?: readonly string[];
}

/**
 * A histogram with one label, which must have few values. The value "" has no label: to Prometheus they are the same. A value's trace is
 * the active one, unless its caller names another.
 */
export function histogramBy(
  broker: ServiceBroker,
  { name, help, label, bounds, first = [] }: Spreads,
): (of: string, value: number, traceId?: string) => void {
  const { series, isNew } = seriesOf(broker, name);
  const labels = (of: string): Record<string, string> => (of === "" ? {} : { [label]: of });
  const samples = () => [...series].flatMap(([of, spread]) => spread.samples(name, labels(of)));
  if (isNew) keptElsewhere(registryOf(broker), { name, help, labelNames: [label] }, "histogram", samples);
  const spreadOf = (of: string) => {
    const spread = series.get(of) ?? new Spread(bounds);
    series.set(of, spread);
    return spread;
  };
  for (const of of first) spreadOf(of);
  return (of, value, traceId = sampledTrace()) => spreadOf(of).add(value, traceId);
}
