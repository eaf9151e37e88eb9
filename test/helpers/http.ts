/** Calls of partners and operators over HTTP. */

import { until } from "./patience.ts";
import { ADMIN_TOKEN } from "./system.ts";

export interface TestClient {
  id: string;
  identifier: string;
  secret: string;
  /** The header `Authorization` of every request. */
  auth: string;
}

/** A batch as the API shows it, with the members that tests use. */
export interface Batch {
  id: string;
  status: string;
  counts: { received: number; accepted: number; rejected: number; duplicate: number };
  progress: number;
  attempts: number;
  error: { code: string; detail: string } | null;
  hold: { reason: string; until?: string | null; batchId?: string } | null;
  [member: string]: unknown;
}

let clients = 0;

export function admin(url: string, path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`${url}/admin${path}`, {
    ...init,
    headers: { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json", ...init.headers },
  });
}

/** Creates a client, with this policy and these names if given. Its rate is high, so that tests do not reach it. */
export async function newClient(
  url: string,
  policy: Record<string, unknown> = {},
  named: { identifier: string; name: string } | null = null,
): Promise<TestClient> {
  const identifier = named?.identifier ?? `client-${process.pid}-${++clients}`;
  const rate = { requests: 1_000_000, windowSeconds: 60 };
  const response = await admin(url, "/clients", {
    method: "POST",
    body: JSON.stringify({
      clientIdentifier: identifier,
      name: named?.name ?? identifier,
      policy: { rate, ...policy },
    }),
  });
  const body = (await response.json()) as { id: string; secret: string };
  if (response.status !== 201) throw new Error(`POST /admin/clients: ${response.status} ${JSON.stringify(body)}`);
  const auth = `Basic ${Buffer.from(`${identifier}:${body.secret}`).toString("base64")}`;
  return { id: body.id, identifier, secret: body.secret, auth };
}

export function post(
  url: string,
  client: TestClient,
  body: RequestInit["body"],
  type = "application/x-ndjson",
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(`${url}/imports`, {
    method: "POST",
    body: body as string,
    headers: { authorization: client.auth, "content-type": type, ...headers },
    ...(body instanceof ReadableStream ? { duplex: "half" } : {}),
  } as RequestInit);
}

export function get(
  url: string,
  client: TestClient,
  path: string,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(`${url}${path}`, { headers: { authorization: client.auth, ...headers } });
}

/** Posts a body that must be accepted, and answers its batch. */
export async function accepted(...args: Parameters<typeof post>): Promise<Batch> {
  const response = await post(...args);
  if (response.status !== 202) throw new Error(`POST /imports: ${response.status} ${await response.text()}`);
  return (await response.json()) as Batch;
}

const FINAL = ["completed", "completed_with_errors", "failed", "rejected", "cancelled", "validated"];

/**
 * Waits until `isThere` holds for a batch (omitted: until it has ended), and answers the batch. The system itself waits for the end, or
 * for the next change, a second at most: a look every few milliseconds would be many requests.
 */
export async function batchWhen(
  url: string,
  client: TestClient,
  id: string,
  isThere?: (batch: Batch) => boolean,
  timeoutMs = 20_000,
): Promise<Batch> {
  let batch: Batch | undefined;
  let tag: string | null = null;
  const look = async () => {
    const known = isThere && tag ? { "if-none-match": tag } : undefined;
    // What is no end is often there already.
    const wait = isThere && !tag ? undefined : { prefer: "wait=1" };
    const response = await get(url, client, `/imports/${id}`, { ...wait, ...known });
    tag = response.headers.get("etag");
    if (response.status !== 304) batch = (await response.json()) as Batch;
    return batch && (isThere?.(batch) ?? FINAL.includes(batch.status)) ? batch : null;
  };
  return until(look, () => `the batch is ${JSON.stringify(batch)}`, timeoutMs);
}

/** The lines of an NDJSON answer. */
export async function lines<T>(response: Promise<Response>): Promise<T[]> {
  const text = await (await response).text();
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as T);
}
