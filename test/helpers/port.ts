/** Ports for servers of a test's own: named before somebody listens there, and still free when they come back after a cut. */
import { once } from "node:events";
import { createServer } from "node:net";

/**
 * Below those that systems give to outgoing connections (Linux from 32768, others from 49152): one that the system names may be
 * the near end of somebody's connection a moment later.
 */
const [FIRST, COUNT] = [10_000, 10_000];

/** Each process begins elsewhere, and none is named twice by one. */
let next = Math.floor(Math.random() * COUNT);

/** A port of 127.0.0.1 where nobody listens. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < COUNT; tries++) {
    const port = FIRST + (next++ % COUNT);
    if (await isFree(port)) return port;
  }
  throw new Error(`Nothing is free from ${FIRST} on.`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const found = await new Promise<boolean>((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => resolve(true));
  });
  if (!found) return false;
  server.close();
  await once(server, "close");
  return true;
}
