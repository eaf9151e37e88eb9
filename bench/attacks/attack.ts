/** What an attack is, and what all of them need: a client of its own, requests that may fail, sockets that nobody reads. */
import { connect, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { newPartner, type Partner } from "../kit/http.ts";

export interface Attack {
  /** What is done, in a few words. */
  name: string;
  /** Runs before others are measured: whatever the attack needs, for example a batch to read. */
  prepare?(target: Target): Promise<void>;
  /** Attacks until it has nothing left to do or `stop` is aborted. A refused request is no error. */
  run(target: Target, stop: AbortSignal): Promise<void>;
}

export interface Target {
  url: string;
  port: number;
  /** The attacker's login; nothing is known about it where an attack needs none. */
  partner: Partner;
  /** Ids of the batches that `prepare` has made. */
  batches: string[];
}

/** A client whose policy has no limit but those that every policy has. */
export async function targetOf(url: string, policy: object): Promise<Target> {
  const partner = await newPartner(url, { maxConcurrentUploads: 1_000, ...policy });
  return { url, port: Number(new URL(url).port), partner, batches: [] };
}

export interface Answer {
  status: number;
  /** The most bytes that were read of the answer's body. */
  bytes: number;
  text: string;
}

/** Status 0: the connection broke. The text is kept up to `keep` characters. */
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
    // A node that refuses by closing the connection is one of the right answers.
  }
  return answer;
}

export interface Body {
  type: string;
  bytes: Buffer;
}

/** `Content-Encoding: gzip` of a body that is given as its parts, each with how often it is repeated. */
export function packed(type: string, parts: [text: string, times: number][]): Body {
  return { type, bytes: gzipSync(Buffer.concat(parts.map(([text, times]) => Buffer.from(text.repeat(times))))) };
}

export function post(target: Target, { type, bytes }: Body, stop?: AbortSignal): Promise<Answer> {
  const headers = { "content-type": type, "content-encoding": "gzip" };
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
    // A connect storm would only measure the kernel's queue of connections.
    if (i % 50 === 49) await pause(50);
  }
  await aborted(stop);
  for (const socket of sockets) socket.destroy();
}

export function aborted(stop: AbortSignal): Promise<void> {
  if (stop.aborted) return Promise.resolve();
  return new Promise((resolve) => stop.addEventListener("abort", () => resolve(), { once: true }));
}

/** `count` loops at once, each again and again until `stop` is aborted. */
export async function loops(count: number, stop: AbortSignal, once: (i: number) => Promise<unknown>): Promise<void> {
  const loop = async (i: number) => {
    while (!stop.aborted) await once(i);
  };
  await Promise.all(Array.from({ length: count }, (_, i) => loop(i)));
}

export const getOf = (path: string, headers: string[] = []) =>
  `${[`GET ${path} HTTP/1.1`, "host: 127.0.0.1", ...headers].join("\r\n")}\r\n\r\n`;
