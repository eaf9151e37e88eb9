/** Sends batches to DataFlow, and finds when the last one was completed. */
import { setTimeout as pause } from "node:timers/promises";
import { batchesSince, newPartner } from "../kit/http.ts";
import type { Load, Loaded } from "../kit/load.ts";
import type { DataFlowNode } from "../kit/node.ts";
import { orderSchema } from "../kit/orders.ts";
import { body, headOf } from "../small.ts";

export const CONNECTIONS = 20;
/** A timeout, longer than any round takes. */
const LONGEST_MS = 600_000;
const LOOK_EVERY_MS = 200;

export type Generator = { ask(load: Load): Promise<Loaded> };

/** Where the requests go, and one head for each client. Connections take the heads in turns. The policies have default limits. */
export interface Target {
  port: number;
  head: string[];
}

export async function targetOf({ url }: DataFlowNode, clients: number): Promise<Target> {
  const { host, port } = new URL(url);
  const head: string[] = [];
  for (let client = 0; client < clients; client++) {
    const { auth } = await newPartner(url, { schema: orderSchema, maxConcurrentUploads: 1_000 });
    head.push(headOf(host, [`authorization: ${auth}`]));
  }
  return { port: Number(port), head };
}

export const sendAll = (generator: Generator, target: { port: number; head: string | string[] }, count: number) =>
  generator.ask({ ...target, connections: CONNECTIONS, ms: LONGEST_MS, count, body });

/** Answers batches per second, from the first POST to the last completed batch. */
export async function drained(generator: Generator, node: DataFlowNode, target: Target, count: number) {
  const { from } = await sendAll(generator, target, count);
  const ends = await endsSince(node.url, from, count);
  return (count / (Math.max(...ends) - from)) * 1000;
}

/** Answers when the `count` batches sent since a time have ended. It asks rarely, because the measured node has to answer. */
async function endsSince(url: string, since: number, count: number): Promise<number[]> {
  for (;;) {
    const ends: number[] = [];
    for await (const { status, finishedAt } of batchesSince(url, since)) {
      if (finishedAt === null) break;
      if (status !== "completed") throw new Error(`A batch ended as ${status}.`);
      ends.push(Date.parse(finishedAt));
    }
    if (ends.length >= count) return ends;
    await pause(LOOK_EVERY_MS);
  }
}
