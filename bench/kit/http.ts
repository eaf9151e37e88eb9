/** A partner's calls: create a client, upload, wait for the end. */
import { once } from "node:events";
import { Agent, type IncomingMessage, type RequestOptions, request } from "node:http";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { setTimeout as pause } from "node:timers/promises";
import { knownFormats } from "../../formats/formats.ts";
import { ADMIN_TOKEN } from "./node.ts";
import type { BodyFormat } from "./orders.ts";

const agent = new Agent({ keepAlive: true });
const bearer = { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" };

export interface Batch {
  id: string;
  status: string;
  counts: { received: number; accepted: number; rejected: number };
  createdAt: string;
  startedAt: string | null;
  finishedAt: string | null;
}

export interface Partner {
  url: string;
  auth: string;
}

type Body = AsyncIterable<Buffer> | Iterable<Buffer>;

async function send(url: string, options: RequestOptions, body: Body = []): Promise<IncomingMessage> {
  const req = request(url, { agent, ...options });
  const answered = once(req, "response");
  await Promise.all([answered, pipeline(Readable.from(body), req)]);
  return (await answered)[0] as IncomingMessage;
}

async function json<T>(response: IncomingMessage, status: number): Promise<T> {
  const body = await text(response);
  if (response.statusCode !== status) throw new Error(`${response.statusCode}: ${body}`);
  return JSON.parse(body) as T;
}

/** A client whose limits do not affect the measurement. */
export async function newPartner(url: string, policy: object = {}): Promise<Partner> {
  const clientIdentifier = `bench-${Math.random().toString(36).slice(2, 10)}`;
  const rate = { requests: 1_000_000_000, windowSeconds: 60 };
  const document = { clientIdentifier, name: "bench", policy: { rate, ...policy } };
  const options = { method: "POST", headers: bearer };
  const response = await send(`${url}/admin/clients`, options, [Buffer.from(JSON.stringify(document))]);
  const { secret } = await json<{ secret: string }>(response, 201);
  return { url, auth: `Basic ${Buffer.from(`${clientIdentifier}:${secret}`).toString("base64")}` };
}

/** `more`: headers that are added or replaced. `query`: the query string with its question mark. */
export async function upload(
  { url, auth }: Partner,
  format: BodyFormat | "xlsx",
  body: Body,
  more: Record<string, string> = {},
  query = "",
): Promise<Batch> {
  const headers = { authorization: auth, "content-type": knownFormats[format].mediaTypes[0], ...more };
  return json<Batch>(await send(`${url}/imports${query}`, { method: "POST", headers }, body), 202);
}

/** Reads a whole answer to a GET as text. */
export async function textOf({ url, auth }: Partner, path: string): Promise<string> {
  const response = await send(`${url}${path}`, { headers: { authorization: auth } });
  const body = await text(response);
  if (response.statusCode !== 200) throw new Error(`GET ${path}: ${response.statusCode}: ${body}`);
  return body;
}

/**
 * Waits until a batch has ended; throws if its state is not `wanted`. Asks rarely, because the measured node has to answer. The
 * times come from the node's answer.
 */
export async function endOf({ url, auth }: Partner, id: string, wanted = "completed"): Promise<Batch> {
  for (;;) {
    const response = await send(`${url}/imports/${id}`, { headers: { authorization: auth } });
    const batch = await json<Batch>(response, 200);
    if (batch.status === wanted) return batch;
    if (batch.finishedAt) throw new Error(`The batch ended as ${JSON.stringify(batch)}`);
    await pause(25);
  }
}

/** All batches that were created since a time, newest first. */
export async function* batchesSince(url: string, since: number): AsyncGenerator<Batch> {
  for (let cursor = ""; ; ) {
    const response = await send(`${url}/admin/batches?limit=200${cursor}`, { headers: bearer });
    const { items, next } = await json<{ items: Batch[]; next: string | null }>(response, 200);
    for (const batch of items) {
      if (Date.parse(batch.createdAt) < since) return;
      yield batch;
    }
    if (next === null) return;
    cursor = `&cursor=${encodeURIComponent(next)}`;
  }
}

/** A prepared body in a form that can be written to a socket. */
export function* slices(body: Buffer, size = 256 * 1024): Generator<Buffer> {
  for (let at = 0; at < body.length; at += size) yield body.subarray(at, at + size);
}
