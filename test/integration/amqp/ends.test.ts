/**
 * The promise: a request that waits on one node hears at once by RabbitMQ when another node ends the batch. Without RabbitMQ it
 * hears within 2 s.
 */
import type { AddressInfo } from "node:net";
import type { ServiceBroker, ServiceSchema } from "moleculer";
import api from "../../../services/api/api.service.ts";
import audit from "../../../services/audit/audit.service.ts";
import batch from "../../../services/batch/batch.service.ts";
import batchLock from "../../../services/batchLock/batchLock.service.ts";
import batchProcessor from "../../../services/batchProcessor/batchProcessor.service.ts";
import clientCache from "../../../services/clientCache/clientCache.service.ts";
import imports from "../../../services/imports/imports.service.ts";
import operator from "../../../services/operator/operator.service.ts";
import outbox from "../../../services/outbox/outbox.service.ts";
import policy from "../../../services/policy/policy.service.ts";
import rateLimiter from "../../../services/rateLimiter/rateLimiter.service.ts";
import {
  describeWithRabbit,
  newNamespace,
  rabbitTarget,
  rabbitUrl,
  rabbitUrlAt,
  removeNamespace,
} from "../../helpers/amqp.ts";
import { describePostgres, migratedPostgres, type Schema } from "../../helpers/database.ts";
import { readEvents } from "../../helpers/events.ts";
import { accepted, type Batch, get, newClient, post, type TestClient } from "../../helpers/http.ts";
import { startNode } from "../../helpers/nodes.ts";
import { patience, until } from "../../helpers/patience.ts";
import { startProxy, type TcpProxy } from "../../helpers/proxy.ts";

/** The chunks that the worker's handler holds, each with the function that releases it. */
const held: (() => void)[] = [];
const gate = {
  name: "gate",
  actions: {
    hold: { importHandler: true, timeout: 0, handler: () => new Promise<void>((resolve) => void held.push(resolve)) },
  },
} as unknown as ServiceSchema;

const common = [batch, clientCache, outbox, policy];
const QUERY_MS = 2_000;

const everyServer = (name: string, suite: () => void) =>
  describePostgres(name, () => describeWithRabbit("by RabbitMQ", suite));

everyServer("the end of a batch on another node", () => {
  const namespace = newNamespace();
  let schema: Schema;
  let proxy: TcpProxy;
  let door: ServiceBroker;
  let worker: ServiceBroker;
  let url: string;
  let client: TestClient;

  beforeAll(async () => {
    schema = await migratedPostgres();
    proxy = await startProxy(rabbitTarget);
    const env = { DATABASE_URL: schema.url, NAMESPACE: namespace, PORT: "0", POLL_INTERVAL: "200ms" };
    [worker, door] = await Promise.all([
      startNode({
        nodeID: `${namespace}-worker`,
        env: { ...env, AMQP_URL: rabbitUrl },
        services: [...common, batchLock, batchProcessor, gate],
      }),
      startNode({
        nodeID: `${namespace}-door`,
        env: { ...env, AMQP_URL: rabbitUrlAt(proxy.port, 1) },
        services: [...common, audit, imports, rateLimiter, operator, api],
      }),
    ]);
    const { server } = door.getLocalService("api") as unknown as { server: { address(): AddressInfo } };
    url = `http://127.0.0.1:${server.address().port}`;
    await Promise.all([
      door.waitForServices("gate", patience(10_000), 10),
      worker.waitForServices("api", patience(10_000), 10),
    ]);
    client = await newClient(url, { handler: "gate.hold", chunkRecords: 1 });
  });

  afterAll(async () => {
    letAllGo();
    await Promise.all([door?.stop(), worker?.stop()]);
    await proxy?.close();
    await schema?.drop();
    await removeNamespace(namespace, [`${namespace}-door`, `${namespace}-worker`]);
  });

  function letAllGo(): void {
    for (const letGo of held.splice(0)) letGo();
  }
  const watches = () => (door.getLocalService("api") as unknown as { watches: { size: number } }).watches;

  /** The time from the end of a batch until a waiting request heard of it. */
  async function heardAfter(): Promise<number> {
    const { id } = await accepted(url, client, '{"a":1}');
    await until(() => held.length === 1, "the batch at its handler");
    const asked = get(url, client, `/imports/${id}`, { prefer: "wait=30" });
    await until(() => watches().size === 1, "the request to wait");
    const began = performance.now();
    letAllGo();
    expect((await (await asked).json()) as Batch).toMatchObject({ status: "completed" });
    return performance.now() - began;
  }

  test("the end of a batch on another node answers a waiting request at once, every time", async () => {
    const times: number[] = [];
    for (let i = 0; i < 10; i++) times.push(await heardAfter());
    // The usual time is some 10 ms. One short time could be luck, if the polling query came just then; ten cannot.
    for (const ms of times) expect(ms).toBeLessThan(patience(QUERY_MS / 2));
  });

  test("the end of a batch on another node ends a stream and a waiting POST at once", async () => {
    const posted = post(url, client, '{"a":1}', undefined, { prefer: "wait=30" });
    await until(() => held.length === 1, "the batch at its handler");
    const [{ id }] = ((await (await get(url, client, "/imports?status=processing")).json()) as { items: [Batch] })
      .items;
    const reader = await readEvents(url, client, `/imports/${id}/events`);
    await until(() => reader.events.length === 1, "the first event");
    const began = performance.now();
    letAllGo();
    expect((await posted).status).toBe(200);
    await reader.ended;
    expect(performance.now() - began).toBeLessThan(patience(QUERY_MS / 2));
    expect(reader.events.at(-1)?.batch.status).toBe("completed");
  });

  test("while RabbitMQ is away, polling finds the end of a batch", async () => {
    await proxy.shut();
    const ms = await heardAfter();
    expect(ms).toBeLessThan(patience(QUERY_MS * 2));
    // A node that stops while it is cut off would leave Moleculer's reconnect timer behind.
    await proxy.open();
    const { transit } = door as unknown as { transit: { tx: { connected: boolean } } };
    await until(() => transit.tx.connected, "Moleculer's own link");
  });
});
