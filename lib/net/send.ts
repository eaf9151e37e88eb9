/**
 * Sends one document over HTTP, to a checked address, within a time limit: webhooks and alerts. It follows no redirect and
 * drops the answer's body.
 */
import { lookup } from "node:dns/promises";
import type { IncomingMessage, RequestOptions } from "node:http";
import https from "node:https";
import type { LookupFunction } from "node:net";
import { checkedAddresses, literalOf, nameOf, type Resolve, type Resolved, TargetRefused } from "./allowed-target.ts";
import { http } from "./http.ts";
import { retryAfterMs } from "./retries.ts";

export interface SendOptions {
  allowedHosts: readonly string[];
  /** Time limit of the whole attempt: DNS, connecting, and the head of the answer. */
  timeoutMs: number;
  /** Ends the attempt early. */
  signal: AbortSignal;
  resolve?: Resolve;
}

/** The result. `status` null: no answer. */
export interface Sent {
  status: number | null;
  error: string | null;
  retryAfterMs: number | null;
}

const resolveAll: Resolve = (name) => lookup(name, { all: true, verbatim: true });

/** How much of an answer is read, and for how long. A normal answer is read to its end; a longer one is cut off. */
const MOST_READ_BYTES = 16 * 1024;
const LONGEST_READ_MS = 1_000;
const LONGEST_ERROR = 500;

/** Never rejects. */
export async function send(
  url: URL,
  headers: Record<string, string>,
  body: string,
  { allowedHosts, timeoutMs, signal, resolve = resolveAll }: SendOptions,
): Promise<Sent> {
  const abort = new AbortController();
  const stop = () => abort.abort(new Error("the node stops"));
  const timer = setTimeout(() => abort.abort(new Error(`no answer within ${timeoutMs / 1000} s`)), timeoutMs);
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  try {
    const addresses = await unlessAborted(checkedAddresses(url, allowedHosts, resolve), abort.signal);
    return answered(await post(url, headers, body, addresses, abort.signal));
  } catch (error) {
    return { status: null, error: reasonOf(abort.signal.aborted ? abort.signal.reason : error), retryAfterMs: null };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
}

/** A DNS lookup cannot be aborted, so a late answer is ignored. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const stop = () => reject(signal.reason);
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  work.then(resolve, reject);
  return promise.finally(() => signal.removeEventListener("abort", stop));
}

/** Connects to the addresses that were checked, even if the name resolves to others by now. */
const pinned =
  (addresses: Resolved[]): LookupFunction =>
  (_name, options, done) => {
    if (options.all) done(null, addresses);
    else done(null, addresses[0]?.address ?? "", addresses[0]?.family);
  };

/** The head of the answer, after the body was read or cut off. The connection belongs to this attempt and ends with it. */
function post(url: URL, headers: Record<string, string>, body: string, addresses: Resolved[], signal: AbortSignal) {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const options: RequestOptions = {
    method: "POST",
    headers: { ...headers, "content-length": Buffer.byteLength(body), connection: "close" },
    lookup: pinned(addresses),
    // Node would expect a certificate for the name with its final dot.
    ...(literalOf(url) ? {} : { servername: nameOf(url) }),
    agent: false,
    signal,
    maxHeaderSize: MOST_READ_BYTES,
  };
  const request = (url.protocol === "https:" ? https : http).request(url, options);
  let head: IncomingMessage | null = null;
  request.on("response", (response) => {
    head = response;
    discard(response).then(() => resolve(response));
  });
  // The connection broke, or was cut, after the head. The status is known.
  request.on("error", (error) => (head ? resolve(head) : reject(error)));
  // After a switch of protocols there is no error to report.
  request.on("close", () => head ?? reject(new Error("the connection was closed without an answer")));
  request.end(body);
  return promise;
}

function discard(response: IncomingMessage): Promise<void> {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  let bytes = 0;
  const timer = setTimeout(() => response.destroy(), LONGEST_READ_MS);
  response.on("data", (piece: Buffer) => {
    bytes += piece.length;
    if (bytes > MOST_READ_BYTES) response.destroy();
  });
  // The connection broke after the head: the status is known.
  response.on("error", () => {});
  response.on("close", () => {
    clearTimeout(timer);
    resolve();
  });
  return closed;
}

function answered({ statusCode = 0, headers }: IncomingMessage): Sent {
  const isRight = statusCode >= 200 && statusCode < 300;
  return {
    status: statusCode,
    error: isRight ? null : refusalOf(statusCode),
    retryAfterMs: isRight ? null : retryAfterMs(headers["retry-after"], Date.now()),
  };
}

function refusalOf(status: number): string {
  if (status >= 300 && status < 400) return `a redirect (${status}), which is not followed`;
  return `answered ${status}`;
}

function reasonOf(error: unknown): string {
  if (error instanceof TargetRefused) return `refused: ${error.message}`.slice(0, LONGEST_ERROR);
  const { code, message } = error as NodeJS.ErrnoException;
  // After several addresses were tried, the message is in the errors of each one.
  return (message || code || "failed").slice(0, LONGEST_ERROR);
}
