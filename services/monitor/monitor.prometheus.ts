/**
 * Moleculer's metrics registry, which holds our figures too, in Prometheus' text format 0.0.4. Moleculer's own reporter
 * opens a server of its own, and leaves out sum and count of a histogram that has no quantiles.
 */
import type { ServiceBroker } from "moleculer";
import { collect } from "../../lib/metrics/figures.ts";

interface Sample {
  value?: number | null;
  labels?: Record<string, unknown>;
  /** Of a histogram: how many were not above each bound. */
  buckets?: Record<string, number>;
  count?: number;
  sum?: number;
}

interface Metric {
  type: "counter" | "gauge" | "histogram" | "info";
  name: string;
  description?: string;
  snapshot(): Sample[];
}

const left = new Set([
  // These add up what should be set: a defect of Moleculer 0.15.2.
  "moleculer.transit.requests.active",
  "moleculer.transit.streams.send.active",
]);

const escaped = (text: string) => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
const quoted = (value: unknown) => `"${escaped(String(value)).replaceAll('"', '\\"')}"`;
const number = (value: number | null | undefined) => String(value ?? Number.NaN);

function labelled(name: string, labels: Record<string, unknown>): string {
  const known = Object.entries(labels).filter(([, value]) => value !== undefined && value !== null);
  return known.length === 0 ? name : `${name}{${known.map(([key, value]) => `${key}=${quoted(value)}`).join(",")}}`;
}

function histogramLines(name: string, { labels = {}, buckets = {}, count, sum }: Sample): string[] {
  const bounds = Object.entries(buckets).sort(([a], [b]) => Number(a) - Number(b));
  return [
    ...bounds.map(([le, below]) => `${labelled(`${name}_bucket`, { ...labels, le })} ${below}`),
    `${labelled(`${name}_bucket`, { ...labels, le: "+Inf" })} ${number(count)}`,
    `${labelled(`${name}_sum`, labels)} ${number(sum)}`,
    `${labelled(`${name}_count`, labels)} ${number(count)}`,
  ];
}

function linesOf({ type, name: dotted, description }: Metric, samples: Sample[]): string[] {
  const name = dotted.replace(/[.-]/g, "_");
  return [
    `# HELP ${name} ${escaped(description ?? dotted)}`,
    `# TYPE ${name} ${type}`,
    ...samples.flatMap((sample) =>
      type === "histogram"
        ? histogramLines(name, sample)
        : [`${labelled(name, sample.labels ?? {})} ${number(sample.value)}`],
    ),
  ];
}

/** All figures of a node. Facts in words (`info`) are left out: they are no numbers, and some are nobody's business. */
export function prometheusText(broker: ServiceBroker): string {
  collect(broker);
  const lines: string[] = [];
  for (const metric of broker.metrics.store.values() as unknown as Iterable<Metric>) {
    const samples = metric.type === "info" || left.has(metric.name) ? [] : metric.snapshot();
    if (samples.length > 0) lines.push(...linesOf(metric, samples));
  }
  return `${lines.join("\n")}\n`;
}
