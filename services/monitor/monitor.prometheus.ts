/**
 * /metrics: our metrics, and those in Moleculer's registry: of broker, registry and circuits, and those that a handler's
 * author adds. We do not use Moleculer's reporter: it opens a server, and omits sum and count of histograms without quantiles.
 */
import type { ServiceBroker } from "moleculer";
import { type OpenMetricsContentType, Registry } from "prom-client";
import { histogramSamples, keptElsewhere, registryOf, type Sample } from "../../lib/metrics/figures.ts";

interface Theirs {
  value?: number | null;
  labels?: Record<string, unknown>;
  /** For a histogram: how many values were at most each bound. */
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

/** All metrics of a node. */
function allOf(broker: ServiceBroker): Registry {
  const registry = Registry.merge([registryOf(broker)]);
  for (const { name: dotted, description, type, values } of broker.metrics.list({ types })) {
    const name = dotted.replace(/[.-]/g, "_");
    // By its types a map of what a snapshot is made of.
    const samples = (values as unknown as Theirs[]).flatMap((value) => samplesOf(name, value));
    if (samples.length > 0) keptElsewhere(registry, { name, help: description ?? dotted }, type, () => samples);
  }
  return registry;
}

/** All metrics of a node in Prometheus' text format 0.0.4. */
export const prometheusText = (broker: ServiceBroker): Promise<string> => allOf(broker).metrics();

/** A bound as OpenMetrics writes numbers (`1.0`). Another spelling would be another series to Prometheus. */
function canonical(bound: string): string {
  const value = Number(bound);
  if (!Number.isInteger(value)) return bound;
  return value < 1e6 ? `${value}.0` : value.toExponential().replace(/\+(?=\d$)/, "+0");
}

const canonicalBucket = ({ labels = {}, ...sample }: Sample): Sample => ({
  ...sample,
  labels: { ...labels, ...(labels.le !== undefined && { le: canonical(labels.le) }) },
});

/**
 * The same in OpenMetrics 1.0, with exemplars. There the name of a counter is without `_total`, and its samples are with it. A counter
 * without `_total`, or whose shortened name another metric has, keeps its name and gets the type `unknown`.
 */
export async function openMetricsText(broker: ServiceBroker): Promise<string> {
  // A registry of its own: prom-client renames the counters of one that it writes as OpenMetrics (15.1.3).
  const registry = new Registry<OpenMetricsContentType>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  const all = await allOf(broker).getMetricsAsJSON();
  const names = new Set(all.map(({ name }) => name));
  for (const { name, help, type: known, values } of all) {
    // prom-client's types say that it is a number, but it is a word such as "counter".
    const type = String(known);
    const samples = type === "histogram" ? (values as Sample[]).map(canonicalBucket) : (values as Sample[]);
    const counted = type === "counter" ? name.replace(/_total$/, "") : null;
    if (counted === null) keptElsewhere(registry, { name, help }, type, () => samples);
    // prom-client adds `_total` to the samples.
    else if (!names.has(counted)) keptElsewhere(registry, { name: counted, help }, type, () => samples);
    else keptElsewhere(registry, { name, help }, "unknown", () => samples);
  }
  return registry.metrics();
}
