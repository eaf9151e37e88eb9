/** What the tests of webhooks share: a system that retries quickly, receivers of the test, and what was sent to them. */
import { createHmac } from "node:crypto";
import { accepted, admin, newClient, type TestClient } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import { type Received, type Receiver, startReceiver } from "../helpers/receiver.ts";
import { type System, startSystem } from "../helpers/system.ts";

export interface Delivery {
  id: string;
  batchId: string;
  clientId: string;
  clientIdentifier: string;
  event: string;
  status: string;
  nextAt: string | null;
  createdAt: string;
  url: string | null;
  attempts: { at: string; status: number | null; error: string | null; ms: number }[];
}

export let system: System;
const receivers: Receiver[] = [];

/** Call it at the top of a test file. It starts a system for all tests of the file. */
export function startWebhooks(): void {
  beforeAll(async () => {
    system = await startSystem({
      env: { WEBHOOK_ALLOWED_HOSTS: "127.0.0.1", POLL_INTERVAL: "50ms", LOG_LEVEL: "fatal" },
      settings: { webhook: { delaysMs: [20, 20], attemptMs: 20_000 } },
    });
  });
  afterAll(() => system.stop());
  afterEach(async () => {
    for (const receiver of receivers.splice(0)) await receiver.close();
  });
}

export async function receiver(...args: Parameters<typeof startReceiver>): Promise<Receiver> {
  const started = await startReceiver(...args);
  receivers.push(started);
  return started;
}

export const json = async <T>(response: Promise<Response>) => (await (await response).json()) as T;
export type PolicyAnswer = { webhook: { url: string; events: string[]; secret?: string } | null };

export async function patch(client: TestClient, policy: object): Promise<PolicyAnswer> {
  return json(admin(system.url, `/clients/${client.id}/policy`, { method: "PATCH", body: JSON.stringify(policy) }));
}

/** A client whose webhook goes to this URL, with the webhook's secret. */
export async function subscribed(url: string, events?: string[]) {
  const client = await newClient(system.url);
  const { webhook } = await patch(client, { webhook: events ? { url, events } : { url } });
  return { client, secret: webhook?.secret ?? "" };
}

export const deliveries = async (query: string) =>
  (await json<{ items: Delivery[] }>(admin(system.url, `/deliveries?${query}`))).items;

export async function deliveryWhen(batchId: string, status: string): Promise<Delivery> {
  let last: Delivery | undefined;
  await until(async () => {
    [last] = await deliveries(`batch=${batchId}`);
    return last?.status === status;
  }, `the delivery is ${status}`);
  return last as Delivery;
}

/** Computes the signature only from the text of the standard. */
export function plainHmac({ headers, body }: Received, secret: string): string {
  const key = Buffer.from(secret.slice("whsec_".length), "base64");
  const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
  return `v1,${createHmac("sha256", key).update(signed).digest("base64")}`;
}

/** A client with failed deliveries, one for each of its events. */
export async function failing(events = ["batch.created", "batch.completed"]) {
  let isWell = false;
  const { url, got } = await receiver(() => (isWell ? 200 : 500));
  const { client, secret } = await subscribed(`${url}?token=of-the-receiver`, events);
  const { id: batchId } = await accepted(system.url, client, '{"a":1}');
  const own = () => deliveries(`client=${client.identifier}`);
  await until(
    async () => (await own()).filter(({ status }) => status === "failed").length === events.length,
    "all have failed",
  );
  const mend = () => {
    isWell = true;
  };
  return { url, got, client, secret, batchId, own, mend };
}
