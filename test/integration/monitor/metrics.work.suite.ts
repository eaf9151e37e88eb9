/** What a node counts of requests, uploads, chunks, handlers and logins, and what Prometheus' own checker says of all metrics. */
import { spawnSync } from "node:child_process";
import { version } from "../../../lib/version.ts";
import { accepted, admin, batchWhen, newClient } from "../../helpers/http.ts";
import { metrics } from "../../helpers/metrics.ts";
import { alerts, metricsIn, queries, texts } from "../../helpers/monitoring.ts";
import { until } from "../../helpers/patience.ts";
import { canRun } from "../../helpers/servers.ts";
import { ADMIN_TOKEN } from "../../helpers/system.ts";
import { importOnce, start, system } from "./metrics.kit.ts";

const shop = { name: "shop", actions: { book: { importHandler: true, handler: () => undefined } } };

/**
 * Waits until the samples have these values. Values from the database are cached for 1 s, and a request is counted after its end.
 */
async function become(wanted: Record<string, number>): Promise<void> {
  let seen = new Map<string, number>();
  const found = () => Object.fromEntries(Object.keys(wanted).map((key) => [key, seen.get(key)]));
  await until(
    async () => {
      seen = await metrics(system.url);
      return Object.entries(wanted).every(([key, value]) => seen.get(key) === value);
    },
    () => `${JSON.stringify(wanted)} of ${JSON.stringify(found())}`,
  );
}

function login(body: object): Promise<Response> {
  const headers = { "content-type": "application/json", "sec-fetch-site": "same-origin" };
  return fetch(`${system.url}/session`, { method: "POST", headers, body: JSON.stringify(body) });
}

/** Names that look like metrics but are not: a label of Prometheus, databases, tables, a service of compose, a cookie. */
const otherNames = ["url", "restored", "applied", "batch", "migrate", "session"].map((name) => `dataflow_${name}`);

export function workIsCounted(): void {
  test("requests are counted by their route and answer, and timed", async () => {
    await start();
    await importOnce();
    await fetch(`${system.url}/of/nobody`);
    await fetch(`${system.url}/policy`, { method: "PROPFIND" });
    await become({
      'dataflow_http_requests_total{route="/imports",method="POST",status="202"}': 1,
      'dataflow_http_requests_total{route="/admin/clients",method="POST",status="201"}': 1,
      'dataflow_http_requests_total{route="none",method="GET",status="404"}': 1,
      'dataflow_http_requests_total{route="none",method="other",status="405"}': 1,
      'dataflow_http_request_seconds_count{route="/imports"}': 1,
      'dataflow_http_request_seconds_bucket{route="/imports",le="+Inf"}': 1,
      'dataflow_http_request_seconds_count{route="none"}': 2,
      dataflow_uploads_active: 0,
      dataflow_upload_bytes_total: 24,
      [`dataflow_build_info{version="${version}"}`]: 1,
    });
  });

  test("metrics cover chunks, handlers, places of the worker, and held batches", async () => {
    await start({ extra: [shop as never] });
    const before = await metrics(system.url);
    for (const phase of ["validate", "deliver", "check", "review"])
      expect(before.get(`dataflow_chunk_seconds_count{phase="${phase}"}`)).toBe(0);
    await become({
      'dataflow_worker_slots{state="busy"}': 0,
      'dataflow_worker_slots{state="free"}': 4,
      'dataflow_worker_slots{state="paused"}': 0,
      dataflow_oldest_held_age_seconds: 0,
    });
    const client = await newClient(system.url, { handler: "shop.book", chunkRecords: 1 });
    const { id } = await accepted(system.url, client, '{"a":1}\n{"a":2}\n');
    await batchWhen(system.url, client, id);
    const checked = await newClient(system.url, { requiresApproval: "afterValidation" });
    const held = await accepted(system.url, checked, '{"a":1}\n');
    await batchWhen(system.url, checked, held.id, ({ status }) => status === "held");
    await admin(system.url, `/nodes/${system.broker.nodeID}/pause`, { method: "POST" });
    await become({
      'dataflow_chunk_seconds_count{phase="deliver"}': 2,
      'dataflow_chunk_seconds_count{phase="review"}': 1,
      'dataflow_handler_seconds_count{handler="shop.book"}': 2,
      'dataflow_worker_slots{state="busy"}': 0,
      'dataflow_worker_slots{state="free"}': 0,
      'dataflow_worker_slots{state="paused"}': 4,
    });
    await until(async () => ((await metrics(system.url)).get("dataflow_oldest_held_age_seconds") ?? 0) > 0);
  });

  test("logins for the console are counted by role and outcome", async () => {
    await start({ env: { LOG_LEVEL: "fatal" } });
    const client = await newClient(system.url);
    const logins = [
      { token: ADMIN_TOKEN },
      { clientIdentifier: client.identifier, secret: client.secret },
      { clientIdentifier: client.identifier, secret: "wrong" },
      { token: "wrong" },
      { token: "wrong" },
      { nonsense: 1 },
    ];
    const answers = [];
    for (const body of logins) answers.push((await login(body)).status);
    expect(answers).toEqual([200, 200, 401, 401, 401, 422]);
    await become({
      'dataflow_sessions_total{outcome="begun",role="admin"}': 1,
      'dataflow_sessions_total{outcome="begun",role="partner"}': 1,
      'dataflow_sessions_total{outcome="refused",role="partner"}': 1,
      'dataflow_sessions_total{outcome="refused",role="operator"}': 2,
    });
  });

  test("a node has each metric that is named in deploy/ or in the documentation", async () => {
    await start();
    await importOnce();
    await system.broker.call("batch.get", { publicId: "nobody" }).catch(() => {});
    const known = metricsIn(await (await fetch(`${system.url}/metrics`)).text());
    expect(metricsIn(texts()).filter((name) => !known.includes(name) && !otherNames.includes(name))).toEqual([]);
    for (const source of [alerts.map(({ expr }) => expr), queries])
      expect(metricsIn(source.join("\n")).length).toBeGreaterThan(20);
  });

  const found = spawnSync("promtool", ["--version"]).status === 0;
  const testPromtool = canRun("the text of /metrics", [found ? null : "promtool (Debian's package prometheus)"])
    ? test
    : test.skip;

  testPromtool("promtool finds no fault in our metrics", async () => {
    await start();
    await importOnce();
    const text = await (await fetch(`${system.url}/metrics`)).text();
    const checked = spawnSync("promtool", ["check", "metrics"], { input: text, encoding: "utf8" });
    // Exit code 3: the metrics are valid, but some names are unusual. These are Moleculer's, which have been public for long.
    expect([0, 3]).toContain(checked.status);
    const faults = `${checked.stdout}${checked.stderr}`.split("\n").filter((line) => !line.startsWith("moleculer_"));
    expect(faults).toEqual([""]);
  });
}
