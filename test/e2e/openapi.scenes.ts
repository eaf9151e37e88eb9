/** The client and the batch for operations that the usual ones do not fit. */
import type { WithDatabase } from "../../mixins/database.ts";
import { accepted, admin, batchWhen, newClient } from "../helpers/http.ts";
import type { Operation } from "../helpers/openapi.ts";
import { ADMIN_TOKEN } from "../helpers/system.ts";
import { checkedBatch, freshClient, type Scene, system, TWO_ORDERS, url, usual, withBatch } from "./openapi.kit.ts";

const held = () => withBatch({ requiresApproval: true }, "held");
const failed = () => withBatch({ maxErrors: 0 }, "failed");
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

/** A dataset of its own, granted to one client. `id` is the client's. */
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

/** The only node. It has a worker. */
const node = async (): Promise<Scene> => ({ ...usual, name: system.broker.nodeID });

/** Enough for two pages. */
async function twoTables(): Promise<Scene> {
  const { database } = system.broker.getLocalService("policy") as unknown as WithDatabase;
  for (const name of ["example_a", "example_b"])
    await database.sequelize.query(`CREATE TABLE IF NOT EXISTS ${name} (id integer NOT NULL PRIMARY KEY, note text)`);
  return usual;
}

/** The scenes of operations that need another batch than the usual ended one. */
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
  // The usual batch was taken back.
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

/** The scene of an operation. GETs change nothing, so those with the same scene share it. Any other call has its own. */
export async function sceneOf({ operationId, method }: Operation): Promise<Scene> {
  const make = scenes[operationId];
  if (!make) return usual;
  if (method !== "GET") return make();
  const scene = shared.get(make) ?? make();
  shared.set(make, scene);
  return scene;
}
