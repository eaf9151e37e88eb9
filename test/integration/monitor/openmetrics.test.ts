/**
 * The promise: both kinds of nodes answer /metrics in OpenMetrics to a client that asks for it. Requests and chunks link to their
 * traces there.
 */
import { context, propagation, trace } from "@opentelemetry/api";
import { NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import { accepted, batchWhen, newClient } from "../../helpers/http.ts";
import { until } from "../../helpers/patience.ts";
import { start, stopAfterEach, system } from "./metrics.kit.ts";

const TEXT = "text/plain; version=0.0.4; charset=utf-8";
const OPEN = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/** The `Accept` headers of Prometheus 2.42 and 3.5. */
const prometheus = [
  "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
  "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
];
const others = [
  "*/*",
  "text/plain",
  "text/html",
  "text/plain, application/openmetrics-text;q=0.5",
  "*/*;q=0.1, application/openmetrics-text;q=0",
];

async function ask(url: string, accept?: string) {
  const answer = await fetch(`${url}/metrics`, accept === undefined ? {} : { headers: { accept } });
  return { text: await answer.text(), type: answer.headers.get("content-type"), vary: answer.headers.get("vary") };
}

/** The names of all metrics except those of requests, which these requests change. */
const names = (text: string) => new Set(text.match(/^(?!dataflow_http_)\w+/gm));

stopAfterEach();
afterEach(() => {
  for (const part of [trace, context, propagation]) part.disable();
});

const worker = ["batch", "batchLock", "batchProcessor", "clientCache", "outbox", "policy", "rateLimiter"];

test.each([
  ["an api node", {}],
  ["a worker", { services: worker, env: { METRICS_PORT: "0" } }],
])("%s answers in the format that is asked for, with the same samples", async (_node, options) => {
  await start(options);
  const { port } = system.broker.getLocalService("monitor") as unknown as {
    port: { server: { address(): { port: number } } } | null;
  };
  const url = port ? `http://127.0.0.1:${port.server.address().port}` : system.url;
  const [text, open] = await Promise.all([ask(url), ask(url, prometheus[0])]);
  expect([text.type, text.vary, open.type, open.vary]).toEqual([TEXT, "Accept", OPEN, "Accept"]);
  expect(open.text).toMatch(/\n# EOF\n$/);
  expect(names(open.text)).toEqual(names(text.text));
  expect((await ask(url, prometheus[1])).type).toBe(OPEN);
  const types = await Promise.all(others.map(async (accept) => (await ask(url, accept)).type));
  expect(types).toEqual(others.map(() => TEXT));
});

test("of a traced import, request, chunk and handler tell the trace as an exemplar", async () => {
  new NodeTracerProvider().register();
  const traceId = "0af7651916cd43dd8448eb211c80319c";
  const handler = { importHandler: true, handler: () => undefined };
  await start({ extra: [{ name: "shop", actions: { book: handler } } as never] });
  const client = await newClient(system.url, { handler: "shop.book" });
  const traceparent = `00-${traceId}-b7ad6b7169203331-01`;
  const { id } = await accepted(system.url, client, '{"a":1}\n', undefined, { traceparent });
  await batchWhen(system.url, client, id);
  const shown = (sample: string) => new RegExp(`^${sample}.* # {trace_id="${traceId}"} \\S+ \\S+$`, "m");
  await until(async () => {
    const { text } = await ask(system.url, prometheus[0]);
    return [
      'dataflow_http_request_seconds_bucket{route="/imports"',
      'dataflow_chunk_seconds_bucket{phase="deliver"',
      'dataflow_handler_seconds_bucket{handler="shop.book"',
    ].every((sample) => shown(sample).test(text));
  }, "an exemplar of each");
  expect((await ask(system.url)).text).not.toContain(traceId);
});
