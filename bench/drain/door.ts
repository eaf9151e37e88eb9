/** The HTTP server of a peer, in a process of its own. Each body becomes a job. The server answers once the job is durable. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { serveParent } from "../kit/child.ts";
import { type DrainPeerName, drainPeers, type Job, type Place } from "./peers.ts";

/** Starts the server and answers its port. */
async function start({ name, place }: { name: DrainPeerName; place: Place }): Promise<number> {
  const add = await drainPeers[name].open(place);
  const server = bodiesTo(add);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

function bodiesTo(add: (job: Job) => Promise<unknown>) {
  let jobs = 0;
  return createServer((req, res) => {
    const pieces: Buffer[] = [];
    req.on("data", (piece: Buffer) => pieces.push(piece));
    req.on("end", async () => {
      const id = ++jobs;
      await add({ id, body: Buffer.concat(pieces).toString() });
      res.writeHead(202, { "content-type": "application/json" });
      res.end(JSON.stringify({ id }));
    });
  });
}

serveParent(start, () => {});
