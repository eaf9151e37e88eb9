/** When a request has ended, it is counted, and its line is written to the access log. */
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { ServiceBroker } from "moleculer";
import { problems } from "../../../lib/errors.ts";
import { readWhenAsked } from "../../../lib/metrics/figures.ts";
import { histogramBy } from "../../../lib/metrics/spread.ts";
import { sampledTrace } from "../../../lib/trace/trace.ts";
import { type AccessLog, accessLogOf } from "./access.ts";
import type { ApiRequest } from "./head.ts";
import type { ReadProblem } from "./problems.ts";

const requests = {
  name: "dataflow_http_requests_total",
  help: "Requests of the API that have ended, by their answer.",
};
const seconds = {
  name: "dataflow_http_request_seconds",
  help: "Time of a request of the API, to the end of its answer.",
};

/**
 * Bounds of the histogram of durations, in seconds, from a read of a cache to a long upload. Event streams last longer.
 */
const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

/** The methods with a count of their own. Anybody may send any method, so all other methods are counted together. */
const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

interface Counted {
  labels: Record<"route" | "method" | "status", string>;
  value: number;
}

export class Served {
  private readonly access: AccessLog | null;
  private readonly time: (route: string, value: number, traceId?: string) => void;
  /** Plain numbers, because prom-client would hash the labels for each request. */
  private readonly counts = new Map<string, Counted>();

  constructor(broker: ServiceBroker) {
    this.access = accessLogOf(broker);
    this.time = histogramBy(broker, { ...seconds, label: "route", bounds: BOUNDS });
    const labelNames = ["route", "method", "status"];
    readWhenAsked(broker, { ...requests, type: "counter", labelNames }, () => [...this.counts.values()]);
  }

  /** Watches a request until its answer ends. The caller calls it when the request's turn begins. */
  watch(req: ApiRequest, res: ServerResponse): void {
    const beganAt = performance.now();
    // The trace is read now, because the end of the answer may come in another context.
    const trace = sampledTrace();
    res.once("close", () => {
      const ms = performance.now() - beganAt;
      const route = req.$alias?.fullPath ?? null;
      const status = res.headersSent ? res.statusCode : null;
      this.count(req.method ?? "", route ?? "none", status === null ? "aborted" : String(status));
      this.time(route ?? "none", ms / 1000, trace);
      this.access?.ended(req, { route, status, isCut: !res.writableFinished, ms });
    });
  }

  /** Counts bytes that are no request, after they were answered. */
  refused(socket: Socket, problem: ReadProblem, requestId: string): void {
    const { status } = problems[problem.type];
    this.count("", "none", String(status));
    this.access?.refused(socket, { requestId, status, code: problem.type });
  }

  private count(sent: string, route: string, status: string): void {
    const method = methods.includes(sent) ? sent : "other";
    const key = `${method} ${route} ${status}`;
    const counted = this.counts.get(key);
    if (counted) counted.value++;
    else this.counts.set(key, { labels: { route, method, status }, value: 1 });
  }
}
