/** Ports for servers of a test's own. A port is chosen before its server starts, and stays free while the server restarts. */
import { once } from "node:events";
import { createServer } from "node:net";

/**
 * The ports are below those that systems give to outgoing connections (Linux from 32768, others from 49152). A port that the
 * system chooses may be the local end of another connection a moment later.
 */
const [FIRST, COUNT] = [10_000, 10_000];

/** Each process begins at a random port and never returns the same port twice. */
let next = Math.floor(Math.random() * COUNT);

/** Finds a port of 127.0.0.1 on which nobody listens. */
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
