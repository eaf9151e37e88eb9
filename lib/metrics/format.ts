/** The format of /metrics that a caller asks for. */
import type { IncomingMessage } from "node:http";
import Negotiator from "negotiator";
import { Registry } from "prom-client";

const [OPEN, ...others] = ["application/openmetrics-text", "text/plain", "text/*", "*/*"];

/** OpenMetrics where it is preferred. Prometheus names it first, with versions that all read 1.0. */
export function metricsFormatFor(req: IncomingMessage) {
  const first = new Negotiator(req).mediaTypes().find((type) => type === OPEN || others.includes(type));
  const isOpenMetrics = first === OPEN;
  const type = isOpenMetrics ? Registry.OPENMETRICS_CONTENT_TYPE : Registry.PROMETHEUS_CONTENT_TYPE;
  return { isOpenMetrics, headers: { "content-type": type, vary: "Accept" } };
}
