/** Checks the panels of deploy/grafana/dashboards/ against a cluster that does and traces everything that they show. */
import { setTimeout as sleep } from "node:timers/promises";
import { accepted, admin, get, newClient, post, type TestClient } from "../helpers/http.ts";
import { dashboards } from "../helpers/monitoring.ts";
import { until } from "../helpers/patience.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { startCollector } from "../helpers/spans.ts";
import { ADMIN_TOKEN } from "../helpers/system.ts";
import type { Cluster } from "./cluster.ts";
import { records } from "./load.ts";
import { type Prometheus, RATE_INTERVAL } from "./prometheus.ts";
import { again, type Walk } from "./stage.ts";

const SHOWN_MS = 60_000;
const PAUSE_MS = 500;

interface Query {
  /** Names the dashboard, the panel, and the query within the panel. */
  of: string;
  expr: string;
  /** The labels that the query's legend shows. */
  legend: string[];
  hasExemplars: boolean;
}

const queries: Query[] = dashboards.flatMap(({ title: dashboard, panels }) =>
  panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr, refId, legendFormat = "", exemplar = false }) => ({
      of: `${dashboard}, ${title}, ${refId}`,
      expr: expr.replaceAll("$__rate_interval", RATE_INTERVAL),
      legend: [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label as string),
      hasExemplars: exemplar,
    })),
  ),
);

/** Why a panel shows nothing, or shows something wrong. Null if the panel is right. */
async function faultOf(prometheus: Prometheus, { expr, legend, hasExemplars }: Query): Promise<string | null> {
  const series = await prometheus.query(expr);
  if (!series.some(({ value }) => Number.isFinite(value))) return series.length === 0 ? "nothing" : "no number";
  const missing = legend.filter((label) => !series.some(({ labels }) => label in labels));
  if (missing.length > 0) return `no label ${missing}`;
  return hasExemplars && (await prometheus.traces(expr)).length === 0 ? "no exemplar" : null;
}

async function faults(prometheus: Prometheus, of: Query[]): Promise<string[]> {
  const found = await Promise.all(of.map((query) => faultOf(prometheus, query)));
  return of.flatMap((query, at) => (found[at] === null ? [] : [`${query.of}: ${found[at]}`]));
}

interface Partners {
  table: TestClient;
  handler: TestClient;
  hooked: TestClient;
}

async function partners({ apiUrl }: Cluster, receiver: string): Promise<Partners> {
  const schema = { type: "object", properties: { no: { type: "integer" }, value: { type: "integer", maximum: 1 } } };
  const table = { database: "crm", name: "walked", mode: "insert", columns: { no: "no", value: "value" } };
  const some = { maxConcurrentBatches: 10 };
  return {
    table: await newClient(apiUrl, { ...some, schema, handler: "table", table }),
    handler: await newClient(apiUrl, { ...some, handler: "trouble.spin" }),
    hooked: await newClient(apiUrl, { ...some, schema, webhook: { url: receiver } }),
  };
}

const inVain = async (answer: Promise<Response>) => (await answer).text();

/**
 * Makes the cluster do a little of everything that the panels show. It hides the table of errors for a moment, so that some
 * requests end with 500.
 */
async function work({ apiUrl: url }: Cluster, { table, handler, hooked }: Partners): Promise<void> {
  const headers = { "content-type": "application/json", "sec-fetch-site": "same-origin" };
  const [{ id }] = await Promise.all([
    accepted(url, hooked, records(5) + records(5, 2)),
    accepted(url, table, records(10)),
    accepted(url, handler, records(1)),
    inVain(fetch(`${url}/session`, { method: "POST", headers, body: JSON.stringify({ token: ADMIN_TOKEN }) })),
    inVain(post(url, hooked, "[", "application/json")),
    inVain(get(url, hooked, "/imports/nobody")),
    inVain(admin(url, "/stats")),
    sleep(PAUSE_MS),
  ]);
  await inVain(get(url, hooked, `/imports/${id}/errors`)).catch(() => {});
}

async function restarted(cluster: Cluster, env: Record<string, string>): Promise<void> {
  for (const member of cluster.members) {
    await member.end("SIGTERM");
    member.start(env);
    await member.untilWhole();
  }
}

export const panels: Record<string, Walk> = {
  async Panels(_name, { cluster, prometheus }) {
    const [receiver, collector] = await Promise.all([startReceiver(), startCollector()]);
    await cluster.sql("CREATE TABLE walked (no integer, value integer)");
    await restarted(cluster, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
    const who = await partners(cluster, receiver.url);
    const stop = again(() => work(cluster, who));
    try {
      const isOfFailures = ({ expr }: Query) => expr.includes("5..");
      const shown = async (some: Query[]) => {
        let missing: string[] = [];
        const look = async () => {
          missing = await faults(prometheus, some);
          return missing.length === 0;
        };
        await until(look, () => missing.join("; "), SHOWN_MS);
      };
      await shown(queries.filter((query) => !isOfFailures(query)));
      await cluster.sql("ALTER TABLE record_error RENAME TO record_error_away");
      await shown(queries.filter(isOfFailures)).finally(() =>
        cluster.sql("ALTER TABLE record_error_away RENAME TO record_error"),
      );
    } finally {
      await stop().catch(() => {});
      await restarted(cluster, {});
      await Promise.all([receiver.close(), collector.close()]);
    }
    return `${queries.length} queries of ${dashboards.length} dashboards have figures`;
  },
};
