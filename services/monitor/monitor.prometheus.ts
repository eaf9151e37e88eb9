/**
 * /metrics: our metrics, and those in Moleculer's registry: of broker, registry and circuits, and those that a handler's
 * author adds. We do not use Moleculer's reporter: it opens a server, and omits sum and count of histograms without quantiles.
 */
import type { ServiceBroker } from "moleculer";
import { Registry } from "prom-client";
import { histogramSamples, keptElsewhere, registryOf, type Sample } from "../../lib/metrics/figures.ts";

interface Theirs {
  value?: number | null;
  labels?: Record<string, unknown>;
  /** Of a histogram: how many values were at most each bound. */
  buckets?: Record<string, number>;
  count?: number;
  sum?: number;
}

/** `info` metrics are left out: their values are texts, and some are confidential. */
const types = ["counter", "gauge", "histogram"];

function samplesOf(name: string, { value, labels: all = {}, buckets, count, sum }: Theirs): Sample[] {
  const given = Object.entries(all).filter(([, label]) => label !== undefined && label !== null);
  const labels = Object.fromEntries(given.map(([key, label]) => [key, String(label)]));
  if (count === undefined) return [{ labels, value: value ?? Number.NaN }];
  const bounds = Object.entries(buckets ?? {}).sort(([a], [b]) => Number(a) - Number(b));
  return histogramSamples(name, { labels, buckets: bounds, count, sum: sum ?? 0 });
}

/** All metrics of a node in Prometheus' text format 0.0.4. */
export function prometheusText(broker: ServiceBroker): Promise<string> {
  const registry = Registry.merge([registryOf(broker)]);
  for (const { name: dotted, description, type, values } of broker.metrics.list({ types })) {
    const name = dotted.replace(/[.-]/g, "_");
    // By its types a map of what a snapshot is made of.
    const samples = (values as unknown as Theirs[]).flatMap((value) => samplesOf(name, value));
    if (samples.length > 0) keptElsewhere(registry, { name, help: description ?? dotted }, type, () => samples);
  }
  return registry.metrics();
}
