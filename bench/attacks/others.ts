/** The other users, in a process of their own: one client posts small bodies, and a probe calls the health check. */
import { setTimeout as pause } from "node:timers/promises";
import { serveParent } from "../kit/child.ts";
import { ordersBody } from "../kit/orders.ts";

export interface Watch {
  url: string;
  auth: string;
  ms: number;
}

export interface Waited {
  posts: number[];
  healths: number[];
  /** Requests without an answer, or with a wrong one. */
  refused: number;
}

const RHYTHM_MS = 20;
/** A request that takes longer counts as this long. */
const PATIENCE_MS = 10_000;
const body = ordersBody("ndjson", 10);

async function watch({ url, auth, ms }: Watch): Promise<Waited> {
  const waited: Waited = { posts: [], healths: [], refused: 0 };
  const until = performance.now() + ms;
  const headers = { authorization: auth, "content-type": "application/x-ndjson" };
  const timed = async (times: number[], path: string, expected: number, init: RequestInit) => {
    while (performance.now() < until) {
      const began = performance.now();
      const signal = AbortSignal.timeout(PATIENCE_MS);
      const status = await fetch(url + path, { ...init, signal }).then(
        async (response) => {
          await response.arrayBuffer();
          return response.status;
        },
        () => 0,
      );
      times.push(performance.now() - began);
      if (status !== expected) waited.refused++;
      await pause(RHYTHM_MS);
    }
  };
  await Promise.all([
    timed(waited.posts, "/imports", 202, { method: "POST", headers, body: new Uint8Array(body) }),
    timed(waited.healths, "/health/live", 200, {}),
  ]);
  return waited;
}

serveParent(watch, () => {});
