/** What the tests of the OpenAPI document share: a client that may call an operation, and the id that it is called with. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { WithDatabase } from "../../mixins/database.ts";
import { consoleFiles } from "../../services/api/routes/console.files.ts";
import { accepted, admin, batchWhen, newClient, type TestClient } from "../helpers/http.ts";
import type { Operation } from "../helpers/openapi.ts";
import { ADMIN_TOKEN, type System, startSystem } from "../helpers/system.ts";

/** Of the console, in the paths of its files. */
let consoleHash: string;
let system: System;
export let url: string;

/** What an operation needs: who asks, and the id in its path. */
export interface Scene {
  client: TestClient;
  id: string;
  /** Of a dataset or an operator. */
  name?: string;
  keyId?: string;
  /** Of a session. */
  cookie?: string;
}
export let usual: Scene;

const schema = { type: "object", properties: { quantity: { type: "integer", minimum: 1 } } };
const TWO_ORDERS = '{"order_id":"SO-1","quantity":5}\n{"order_id":"SO-2","quantity":0}\n';

export async function withBatch(policy: object, status: string): Promise<Scene> {
  const client = await newClient(url, { schema, ...policy });
  const { id } = await accepted(url, client, TWO_ORDERS);
  await batchWhen(url, client, id, (batch) => batch.status === status);
  return { client, id };
}

/** A batch that was only checked. */
export async function checkedBatch(policy: Record<string, unknown> = {}): Promise<Scene> {
  const client = await newClient(url, policy);
  const headers = { authorization: client.auth, "content-type": "application/x-ndjson", prefer: "wait=20" };
  const response = await fetch(`${url}/imports?validateOnly=true`, { method: "POST", headers, body: TWO_ORDERS });
  return { client, id: ((await response.json()) as { id: string }).id };
}

const held = () => withBatch({ requiresApproval: true }, "held");
const failed = () => withBatch({ maxErrors: 0 }, "failed");
export const freshClient = async (policy = {}): Promise<Scene> => {
  const client = await newClient(url, policy);
  return { client, id: client.id };
};
const subscribed = { webhook: { url: "http://127.0.0.1:1/hooks" } };

/** Enough for two pages. */
async function twoBatches(): Promise<Scene> {
  const scene = await withBatch(subscribed, "completed_with_errors");
  await batchWhen(url, scene.client, (await accepted(url, scene.client, TWO_ORDERS)).id);
  return scene;
}

async function delivery(): Promise<Scene> {
  const { client, id } = await withBatch(subscribed, "completed_with_errors");
  const { items } = (await (await admin(url, `/deliveries?batch=${id}`)).json()) as { items: { id: string }[] };
  return { client, id: items[0]?.id as string };
}

async function csvBatch(): Promise<Scene> {
  const client = await newClient(url, { schema: { properties: { n: { minimum: 1 } } }, keepBodyDays: 1 });
  const { id } = await accepted(url, client, "n\n0\n1\n", "text/csv");
  await batchWhen(url, client, id);
  return { client, id };
}

const change = (method: string, body: object) => ({ method, body: JSON.stringify(body) });

async function disabledClient(): Promise<Scene> {
  const scene = await freshClient();
  await admin(url, `/clients/${scene.id}`, change("PATCH", { status: "disabled" }));
  return scene;
}

/** Enough for two pages; `id` is that of the last one. */
async function twoErasures(): Promise<Scene> {
  const { client } = await freshClient();
  const asked = { client: client.id, dataset: "default", where: { email: "a@b.example" } };
  await admin(url, "/erasures", change("POST", asked));
  const last = await admin(url, "/erasures", change("POST", asked));
  return { client, id: ((await last.json()) as { id: string }).id };
}

let datasets = 0;

/** A dataset of its own, which one client has; `id` is the client's. */
async function dataset(isGranted = true): Promise<Scene> {
  const name = `orders-${++datasets}`;
  const scene = await freshClient();
  const json = { method: "PUT", body: "{}" };
  await admin(url, `/datasets/${name}`, json);
  if (isGranted) await admin(url, `/clients/${scene.id}/datasets/${name}`, json);
  return { ...scene, name };
}

/** Enough for two pages. */
async function twoDatasets(): Promise<Scene> {
  const scene = await dataset();
  const { name } = await dataset(false);
  await admin(url, `/clients/${scene.id}/datasets/${name}`, { method: "PUT", body: "{}" });
  return scene;
}

/** Enough for two pages, of the dataset and of the client's policy. */
async function twoVersions(): Promise<Scene> {
  const scene = await dataset();
  for (const path of [`/datasets/${scene.name}`, `/clients/${scene.id}/policy`])
    for (const maxErrors of [1, 2]) await admin(url, path, change("PATCH", { maxErrors }));
  return scene;
}

async function key(): Promise<Scene> {
  const scene = await freshClient();
  const made = await admin(url, `/clients/${scene.id}/keys`, change("POST", { name: "nightly" }));
  return { ...scene, keyId: ((await made.json()) as { id: string }).id };
}

let operators = 0;

async function operator(): Promise<Scene> {
  const name = `alice-${++operators}`;
  await admin(url, "/operators", { method: "POST", body: JSON.stringify({ name, role: "viewer" }) });
  return { ...usual, name };
}

/** Enough for two pages. */
async function twoOperators(): Promise<Scene> {
  await operator();
  return operator();
}

/** The cookie of a session of ADMIN_TOKEN. */
async function cookie(): Promise<string> {
  const headers = { "content-type": "application/json", origin: url };
  const body = JSON.stringify({ token: ADMIN_TOKEN });
  const response = await fetch(`${url}/session`, { method: "POST", headers, body });
  return response.headers.getSetCookie()[0]?.split(";")[0] as string;
}

/** The only node, which has a worker. */
const node = async (): Promise<Scene> => ({ ...usual, name: system.broker.nodeID });

/** Enough for two pages. */
async function twoTables(): Promise<Scene> {
  const { database } = system.broker.getLocalService("policy") as unknown as WithDatabase;
  for (const name of ["example_a", "example_b"])
    await database.sequelize.query(`CREATE TABLE IF NOT EXISTS ${name} (id integer NOT NULL PRIMARY KEY, note text)`);
  return usual;
}

/** Those that are not asked of a batch that has ended. */
const scenes: Record<string, () => Promise<Scene>> = {
  createImport: freshClient,
  listImports: twoBatches,
  listDeliveries: twoBatches,
  getAccount: () => freshClient(subscribed),
  rotateOwnSecret: freshClient,
  listOwnDeliveries: twoBatches,
  getDelivery: delivery,
  getOwnDelivery: delivery,
  replayOwnDelivery: delivery,
  replayDeliveries: () => freshClient(subscribed),
  testWebhook: () => freshClient(subscribed),
  cancelImport: held,
  commitImport: checkedBatch,
  commitBatch: checkedBatch,
  previewImport: checkedBatch,
  checkImport: freshClient,
  checkDatasetImport: dataset,
  getImportBody: () => withBatch({ keepBodyDays: 1 }, "completed_with_errors"),
  getRejectedFile: csvBatch,
  getBatchRejectedFile: csvBatch,
  previewBatch: checkedBatch,
  // The usual one was taken back.
  listBatchRecords: () => withBatch({}, "completed_with_errors"),
  correctImport: () => withBatch({}, "completed_with_errors"),
  retryImport: failed,
  getClient: freshClient,
  changeClient: freshClient,
  pauseClient: freshClient,
  resumeClient: freshClient,
  getUsage: freshClient,
  pauseNode: node,
  resumeNode: node,
  listTables: twoTables,
  checkPolicy: freshClient,
  rotateSecret: freshClient,
  rotateWebhookSecret: () => freshClient(subscribed),
  createKey: freshClient,
  listKeys: key,
  getKey: key,
  deleteKey: key,
  getPolicy: freshClient,
  listPolicyVersions: twoVersions,
  listDatasetVersions: twoVersions,
  replacePolicy: freshClient,
  changePolicy: freshClient,
  listOwnDatasets: dataset,
  getOwnDataset: dataset,
  getTemplate: dataset,
  createDatasetImport: dataset,
  checkDataset: dataset,
  tryDataset: dataset,
  listDatasets: twoDatasets,
  getDataset: dataset,
  putDataset: dataset,
  changeDataset: dataset,
  deleteDataset: () => dataset(false),
  listGrants: twoDatasets,
  getGrant: dataset,
  grantDataset: dataset,
  revokeDataset: dataset,
  approveBatch: held,
  rejectBatch: held,
  redriveBatch: failed,
  retryBatch: failed,
  skipBatch: () => withBatch({ requiresApproval: true, order: "fifo" }, "held"),
  cancelBatch: held,
  replayDelivery: delivery,
  listOperators: twoOperators,
  getOperator: operator,
  changeOperator: operator,
  rotateOperator: operator,
  deleteOperator: operator,
  login: freshClient,
  getSession: async () => ({ ...usual, cookie: await cookie() }),
  eraseClient: disabledClient,
  erasePerson: freshClient,
  listErasures: twoErasures,
  getErasure: twoErasures,
};

const shared = new Map<() => Promise<Scene>, Promise<Scene>>();

/** A GET changes nothing: those that need the same scene share one. Any other call has its own. */
export async function sceneOf({ operationId, method }: Operation): Promise<Scene> {
  const make = scenes[operationId];
  if (!make) return usual;
  if (method !== "GET") return make();
  const scene = shared.get(make) ?? make();
  shared.set(make, scene);
  return scene;
}

export const credentials = (
  { tags: [group] }: Operation,
  { client, cookie: session }: Scene,
): Record<string, string> => {
  if (group === "sessions") return { origin: url, ...(session && { cookie: session }) };
  if (group === "clients") return { authorization: client.auth };
  return group === "operators" ? { authorization: `Bearer ${ADMIN_TOKEN}` } : {};
};

export type Sent = { headers?: Record<string, string>; body?: unknown; path?: string; method?: string; query?: string };

export function send(
  { method, path }: Operation,
  { id, name = "orders", keyId = "default" }: Pick<Scene, "id" | "name" | "keyId">,
  sent: Sent,
): Promise<Response> {
  const there = (sent.path ?? path)
    .replace("{id}", id)
    .replace(/\{(name|node)\}/, name)
    .replace("{keyId}", keyId)
    .replace("{hash}/{folder}/{asset}", `${consoleHash}/ui/html.js`)
    .replace("{hash}/{asset}", `${consoleHash}/main.js`)
    .replace("{section}/{chapter}", "partners/start")
    .replace("{page}", "errors");
  const init = { method: sent.method ?? method, headers: sent.headers ?? {} };
  return fetch(`${url}${there}${sent.query ? `?${sent.query}` : ""}`, {
    ...init,
    ...(sent.body === undefined ? {} : { body: sent.body as string }),
  });
}

/** To be called at the top of a test file: the system is there for all of its tests. */
export function startOpenApi(): void {
  const folder = mkdtempSync(join(tmpdir(), "dataflow-openapi-"));
  beforeAll(async () => {
    const file = join(folder, "warehouse.db");
    new DatabaseSync(file).close();
    const tables = { TABLES_ALLOWED: "*,warehouse:*", TABLE_DATABASES: `warehouse=sqlite:${file}` };
    const quick = { POLL_INTERVAL: "50ms", LOG_LEVEL: "fatal" };
    system = await startSystem({
      env: { WEBHOOK_ALLOWED_HOSTS: "127.0.0.1", PARTNERS_ROTATE: "true", ...quick, ...tables },
    });
    url = system.url;
    consoleHash = (await consoleFiles()).hash;
    usual = await withBatch({}, "completed_with_errors");
  });
  afterAll(async () => {
    await system.stop();
    rmSync(folder, { recursive: true, force: true });
  });
}
