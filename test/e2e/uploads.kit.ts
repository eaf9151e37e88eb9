/** What the tests of repeated uploads share: a client for each test, and uploads by key and piece by piece. */
import type { Database } from "../../database/database.ts";
import { type Batch, get, newClient, post, type TestClient } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import { type System, startSystem } from "../helpers/system.ts";

export const ndjson = "application/x-ndjson";
export const DAY_S = 86_400;

export let system: System;
export let url: string;
export let client: TestClient;

/** Makes a new client the client of the test, and answers it. */
export async function useClient(policy: Record<string, unknown> = {}): Promise<TestClient> {
  client = await newClient(url, policy);
  return client;
}

/** Call it at the top of a test file. It starts a system for all tests of the file. */
export function startUploads(): void {
  beforeAll(async () => {
    system = await startSystem({ env: { SWEEP_INTERVAL: "200ms" } });
    url = system.url;
  });
  afterAll(() => system.stop());
  beforeEach(async () => {
    client = await newClient(url, { chunkRecords: 100 });
  });
}

let keys = 0;
export const newKey = () => `key-${++keys}`;
export const send = (
  key: string,
  body: RequestInit["body"] = '{"a":1}\n',
  headers: Record<string, string> = {},
  type = ndjson,
) => post(url, client, body, type, { "idempotency-key": key, ...headers });
export const told = async (response: Response) => ({
  status: response.status,
  isReplayed: response.headers.get("idempotent-replayed") === "true",
  location: response.headers.get("location"),
  body: (await response.json()) as Batch & { code?: string },
});
export const batchesOf = async (who: TestClient) =>
  ((await (await get(url, who, "/imports?limit=200")).json()) as { items: Batch[] }).items;
/** A body of several chunks. */
export const long = Array.from({ length: 1_000 }, (_, i) => `{"a":${i}}`).join("\n");

/** A body that the test sends piece by piece. */
export function slowly() {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>({
    start(given) {
      controller = given;
    },
  });
  return {
    body,
    push: (text: string) => controller?.enqueue(Buffer.from(text)),
    end: () => controller?.close(),
  };
}

/** Waits until a running upload has the key. A request with the key could take it. */
export async function untilTaken(key: string): Promise<void> {
  const { database } = system.broker.getLocalService("batch") as unknown as { database: Database };
  const text = `SELECT COUNT(*) AS n FROM idempotency_key WHERE "key" = '${key}' AND answer IS NULL`;
  await until(async () => {
    const [[row]] = (await database.sequelize.query(text)) as [{ n: number | string }[], unknown];
    return Number(row?.n) === 1;
  }, "a running upload has the key");
}
