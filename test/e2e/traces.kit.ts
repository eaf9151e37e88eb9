/** What the tests of traces share: an api and a worker process, and receivers of their spans, events and webhooks. */
import { existsSync, writeFileSync } from "node:fs";
import { connect } from "amqplib";
import type { CloudEvent } from "../../services/outbox/outbox.domain.ts";
import { newNamespace, rabbitUrl, removeNamespace } from "../helpers/amqp.ts";
import { migratedPostgres, type Schema } from "../helpers/database.ts";
import { accepted, newClient, type TestClient } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import { killLeftOvers, type RunningProcess, startProcess, startWorker, temporaryFolder } from "../helpers/process.ts";
import { type Received, type Receiver, startReceiver } from "../helpers/receiver.ts";
import { freshPrefix, looker, redisUrl } from "../helpers/redis.ts";
import { type CollectedSpan, type Collector, startCollector } from "../helpers/spans.ts";

export const SERVER = 2;
export const CLIENT = 3;
export const CALLER = "b7ad6b7169203331";
let traces = 0;
/** The headers of a caller, and the trace that they name. */
export function caller(flags = "01") {
  const traceId = `0af7651916cd43dd8448eb21${String(++traces).padStart(8, "0")}`;
  return { traceId, traceparent: `00-${traceId}-${CALLER}-${flags}` };
}
export const traceIdOf = (traceparent = "") => traceparent.split("-")[1];
export const spanIdOf = (traceparent = "") => traceparent.split("-")[2];

/** A handler that fails at the first try for each batch, and one that waits at each chunk for a file. */
const HANDLERS = `import { existsSync, writeFileSync } from "node:fs";
const seen = new Set();
const time = ({ params: { batchId } }) => {
  if (!seen.has(batchId)) { seen.add(batchId); throw new Error("not yet"); }
};
const gate = async ({ params: { batchId, chunk } }) => {
  const file = import.meta.dirname + "/" + batchId + "-" + chunk;
  writeFileSync(file + ".there", "");
  while (!existsSync(file + ".open")) await new Promise((resolve) => setTimeout(resolve, 10));
};
const handlers = [["time", time], ["gate", gate]].map(([name, handler]) => [name, { importHandler: true, handler }]);
export default { name: "second", actions: Object.fromEntries(handlers) };`;

export class World {
  readonly heard: { headers: Record<string, string>; event: CloudEvent }[] = [];
  readonly nodes: RunningProcess[] = [];
  /** Its webhook wants `batch.completed`. The first attempt fails, and is retried at once. */
  client!: TestClient;
  url = "";
  #env: Record<string, string> = {};
  readonly #namespace = newNamespace();
  readonly #prefix = freshPrefix();
  readonly #folder = temporaryFolder();
  #schema: Schema | undefined;
  #collector!: Collector;
  #hooks!: Receiver;
  #outsider: Awaited<ReturnType<typeof connect>> | undefined;

  async start(): Promise<void> {
    this.#schema = await migratedPostgres();
    this.#collector = await startCollector();
    // The first attempt of each event fails.
    const seen: string[] = [];
    this.#hooks = await startReceiver((_number, _res, { event }) =>
      seen.push(event.id) === seen.indexOf(event.id) + 1 ? 503 : 200,
    );
    const { folder } = this.#folder;
    writeFileSync(`${folder}/second.service.js`, HANDLERS);
    writeFileSync(`${folder}/package.json`, '{"type":"module"}');
    this.#env = {
      DATABASE_URL: this.#schema.url,
      REDIS_URL: redisUrl,
      AMQP_URL: rabbitUrl,
      NAMESPACE: this.#namespace,
      REDIS_KEY_PREFIX: this.#prefix,
      METRICS_PORT: "0",
      HANDLERS_DIR: folder,
      WEBHOOK_ALLOWED_HOSTS: "127.0.0.1",
      SWEEP_INTERVAL: "200ms",
      POLL_INTERVAL: "500ms",
      BATCH_LEASE: "3s",
      BATCH_SLICE: "0s",
      WORKER_CONCURRENCY: "1",
      LOG_LEVEL: "debug",
      OTEL_EXPORTER_OTLP_ENDPOINT: this.#collector.url,
      OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=test",
      OTEL_BSP_SCHEDULE_DELAY: "100",
    };
    this.nodes.push(...(await Promise.all([startProcess(this.#env, "start:api"), startWorker(this.#env)])));
    this.url = this.nodes[0]?.url ?? "";
    await this.#listen();
    this.client = await newClient(this.url, {
      webhook: { url: this.#hooks.url, events: ["batch.completed"] },
      backoff: { type: "fixed", delayMs: 1, maxMs: 1_000 },
    });
  }

  async #listen(): Promise<void> {
    this.#outsider = await connect(rabbitUrl);
    const channel = await this.#outsider.createChannel();
    const { queue } = await channel.assertQueue("", { exclusive: true });
    await channel.bindQueue(queue, `${this.#namespace}.events`, "#");
    const hear = ({ properties, content }: { properties: { headers?: object }; content: Buffer }) =>
      this.heard.push({ headers: { ...properties.headers }, event: JSON.parse(content.toString()) });
    await channel.consume(queue, (message) => void (message && hear(message)), { noAck: true });
  }

  async stop(): Promise<void> {
    const [, ...workers] = this.nodes;
    const dead = workers.slice(0, -1);
    const stopped = await Promise.all(this.nodes.filter((node) => !dead.includes(node)).map((node) => node.stop()));
    killLeftOvers();
    await this.#outsider?.close();
    await this.#hooks?.close();
    await this.#collector?.close();
    await this.#schema?.drop();
    await looker(this.#prefix).end();
    await removeNamespace(this.#namespace);
    this.#folder.remove();
    expect(stopped).toMatchObject([{ code: 0 }, { code: 0 }]);
  }

  /** Kills the worker, and starts another one in its place. */
  async replaceWorker(): Promise<void> {
    await this.nodes.at(-1)?.stop("SIGKILL");
    this.nodes.push(await startWorker(this.#env));
  }

  readonly spans = (): CollectedSpan[] => this.#collector.spans();
  readonly spansOf = (traceId: string | undefined) => this.spans().filter((span) => span.traceId === traceId);
  readonly named = (name: string, traceId: string | undefined) =>
    this.spansOf(traceId).filter((span) => span.name === name);
  readonly spanOf = (name: string, traceId: string | undefined): Promise<CollectedSpan> =>
    until(
      async () => this.named(name, traceId)[0],
      () => `a span ${name} among ${this.spansOf(traceId).map((span) => span.name)}`,
    );

  /** The n-th run (from 1) of a batch that is not part of this trace. */
  readonly runBeside = (id: string, traceId: string, n = 1): Promise<CollectedSpan> =>
    until(
      async () =>
        this.spans().filter(
          (span) =>
            span.name === "batch.run" && span.attributes["dataflow.batch.id"] === id && span.traceId !== traceId,
        )[n - 1],
      `run ${n} of a trace of its own`,
    );

  readonly hooked = (id: string, n: number): Promise<Received> =>
    until(
      async () => this.#hooks.got.filter(({ event }) => event.subject === id)[n - 1],
      `attempt ${n} of a webhook`,
      30_000,
    );

  readonly send = async (headers: Record<string, string>, body = '{"a":1}', client = this.client) =>
    (await accepted(this.url, client, body, undefined, headers)).id;

  /** Waits until the handler `second.gate` has this chunk. */
  readonly atGate = (id: string, chunk: number) =>
    until(async () => existsSync(`${this.#folder.folder}/${id}-${chunk}.there`), `chunk ${chunk} at the gate`);

  readonly open = (id: string, chunk: number) => writeFileSync(`${this.#folder.folder}/${id}-${chunk}.open`, "");
}
