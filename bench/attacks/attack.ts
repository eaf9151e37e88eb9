/** The form of an attack, and helpers for all of them: a client, requests that may fail, sockets that nobody reads. */
import { connect, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { brotliCompressSync, constants, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { newPartner, type Partner } from "../kit/http.ts";

export interface Attack {
  /** The attack in a few words. */
  name: string;
  /** Runs before the measurement, and makes what the attack needs, for example a batch to read. */
  prepare?(target: Target): Promise<void>;
  /** Attacks until the attack is done or `stop` is aborted. A refused request is not an error. */
  run(target: Target, stop: AbortSignal): Promise<void>;
}

export interface Target {
  url: string;
  port: number;
  /** The attacker's login. Some attacks do not use it. */
  partner: Partner;
  /** Ids of the batches that `prepare` made. */
  batches: string[];
}

/** Creates the client that attacks. */
export async function targetOf(url: string, policy: object): Promise<Target> {
  const partner = await newPartner(url, { maxConcurrentUploads: 1_000, ...policy });
  return { url, port: Number(new URL(url).port), partner, batches: [] };
}

export interface Answer {
  status: number;
  /** How many bytes of the answer's body have arrived. */
  bytes: number;
  text: string;
}

/** Sends a request. Status 0 means that the connection broke. The answer's text is kept up to `keep` characters. */
export async function ask(target: Target, path: string, init: RequestInit = {}, keep = 100_000): Promise<Answer> {
  const headers = { authorization: target.partner.auth, ...(init.headers as Record<string, string> | undefined) };
  const answer: Answer = { status: 0, bytes: 0, text: "" };
  try {
    const response = await fetch(target.url + path, { ...init, headers });
    const decoder = new TextDecoder();
    for await (const piece of response.body ?? []) {
      answer.bytes += piece.length;
      if (answer.text.length < keep) answer.text += decoder.decode(piece, { stream: true });
    }
    answer.status = response.status;
  } catch {
    // Closing the connection is a valid refusal too.
  }
  return answer;
}

/** Compresses a body. Each coding uses a level that makes repeated text very small, but does not take long. */
const codings = {
  gzip: (bytes: Buffer) => gzipSync(bytes),
  deflate: (bytes: Buffer) => deflateSync(bytes, { level: 9 }),
  br: (bytes: Buffer) =>
    brotliCompressSync(bytes, {
      params: { [constants.BROTLI_PARAM_QUALITY]: 5, [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS },
    }),
  // The largest window that a node accepts.
  zstd: (bytes: Buffer) => zstdCompressSync(bytes, { params: { [constants.ZSTD_c_windowLog]: 23 } }),
};
export type Coding = keyof typeof codings;

export interface Body {
  type: string;
  bytes: Buffer;
  coding: Coding;
}

export interface Packing {
  coding?: Coding;
  encoding?: "utf8" | "utf16le";
}

/** Makes a compressed body from parts. Each part says how often it is repeated. */
export function packed(
  type: string,
  parts: [text: string, times: number][],
  { coding = "gzip", encoding = "utf8" }: Packing = {},
): Body {
  const bytes = Buffer.concat(parts.map(([text, times]) => Buffer.from(text.repeat(times), encoding)));
  return { type, bytes: codings[coding](bytes), coding };
}

export function post(target: Target, { type, bytes, coding }: Body, stop?: AbortSignal): Promise<Answer> {
  const headers = { "content-type": type, "content-encoding": coding };
  return ask(target, "/imports", { method: "POST", headers, body: new Uint8Array(bytes), signal: stop ?? null });
}

/** Uploads, and waits until the batch has ended or `stop` is aborted. */
export async function imported(target: Target, body: Body, stop: AbortSignal): Promise<void> {
  const { status, text } = await post(target, body, stop);
  if (status !== 202) return;
  const { id } = JSON.parse(text) as { id: string };
  target.batches.push(id);
  while (!stop.aborted) {
    const { text: batch } = await ask(target, `/imports/${id}`);
    if (/"finishedAt":"/.test(batch)) return;
    await pause(100);
  }
}

/** Opens `count` connections, writes `request` `times` times to each and never reads. They close when `stop` is aborted. */
export async function unread(target: Target, request: string, count: number, times: number, stop: AbortSignal) {
  const sockets: Socket[] = [];
  for (let i = 0; i < count && !stop.aborted; i++) {
    const socket = connect(target.port, "127.0.0.1").pause();
    socket.on("error", () => socket.destroy());
    socket.write(request.repeat(times));
    sockets.push(socket);
    // Opening all at once would only measure the kernel's queue of connections.
    if (i % 50 === 49) await pause(50);
  }
  await aborted(stop);
  for (const socket of sockets) socket.destroy();
}

export function aborted(stop: AbortSignal): Promise<void> {
  if (stop.aborted) return Promise.resolve();
  return new Promise((resolve) => stop.addEventListener("abort", () => resolve(), { once: true }));
}

/** Runs `count` loops at once until `stop` is aborted. */
export async function loops(count: number, stop: AbortSignal, once: (i: number) => Promise<unknown>): Promise<void> {
  const loop = async (i: number) => {
    while (!stop.aborted) await once(i);
  };
  await Promise.all(Array.from({ length: count }, (_, i) => loop(i)));
}

export const getOf = (path: string, headers: string[] = []) =>
  `${[`GET ${path} HTTP/1.1`, "host: 127.0.0.1", ...headers].join("\r\n")}\r\n\r\n`;
