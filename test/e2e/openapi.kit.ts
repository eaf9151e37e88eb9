/** What the tests of the OpenAPI document share: a caller that may use an operation, and the id in its path. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { consoleFiles } from "../../services/api/routes/console.files.ts";
import { accepted, batchWhen, newClient, type TestClient } from "../helpers/http.ts";
import type { Operation } from "../helpers/openapi.ts";
import { ADMIN_TOKEN, type System, startSystem } from "../helpers/system.ts";

/** The hash in the paths of the console's files. */
let consoleHash: string;
export let system: System;
export let url: string;

/** What an operation needs: who calls it, and the id in its path. */
export interface Scene {
  client: TestClient;
  id: string;
  /** The name of a dataset or an operator. */
  name?: string;
  keyId?: string;
  /** The cookie of a session. */
  cookie?: string;
}
export let usual: Scene;

export const schema = { type: "object", properties: { quantity: { type: "integer", minimum: 1 } } };
export const TWO_ORDERS = '{"order_id":"SO-1","quantity":5}\n{"order_id":"SO-2","quantity":0}\n';

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

export const freshClient = async (policy = {}): Promise<Scene> => {
  const client = await newClient(url, policy);
  return { client, id: client.id };
};
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

/** The URL of a chat that does not exist. The answer reports the failed test. */
const NOBODY = "http://127.0.0.1:9/chat";

/** Call it at the top of a test file. It starts a system for all tests of the file. */
export function startOpenApi(): void {
  const folder = mkdtempSync(join(tmpdir(), "dataflow-openapi-"));
  beforeAll(async () => {
    const file = join(folder, "warehouse.db");
    new DatabaseSync(file).close();
    const tables = { TABLES_ALLOWED: "*,warehouse:*", TABLE_DATABASES: `warehouse=sqlite:${file}` };
    const quick = { POLL_INTERVAL: "50ms", LOG_LEVEL: "fatal" };
    system = await startSystem({
      env: { WEBHOOK_ALLOWED_HOSTS: "127.0.0.1", PARTNERS_ROTATE: "true", ALERT_WEBHOOK: NOBODY, ...quick, ...tables },
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
