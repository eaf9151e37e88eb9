/** A peer: its HTTP server and its worker, in two processes, on a schema of their own. */
import { startChild } from "../kit/child.ts";
import { postgresUrl } from "../kit/needs.ts";
import { atEnd } from "../kit/places.ts";
import { dropSchema } from "../kit/servers.ts";
import { headOf } from "../small.ts";
import { type Generator, sendAll } from "./ours.ts";
import { type DrainPeerName, drainPeers, type Place } from "./peers.ts";
import type { Ask } from "./worker.ts";

export async function startDrainPeer(name: DrainPeerName) {
  const place: Place = { url: postgresUrl, schema: `bench_drain_${process.pid}_${name.toLowerCase()}` };
  const remove = atEnd(() => dropSchema(place.schema));
  await drainPeers[name].prepare(place);
  const door = startChild<{ name: DrainPeerName; place: Place }, number>("drain/door.ts");
  const worker = startChild<Ask, number>("drain/worker.ts");
  const port = await door.ask({ name, place });
  await worker.ask({ name, place });
  return {
    pids: [door.pid, worker.pid],
    /** Batches per second, from the first POST to the last one done. */
    async drained(generator: Generator, count: number): Promise<number> {
      const last = worker.ask({ count });
      const { from } = await sendAll(generator, { port, head: headOf("127.0.0.1", []) }, count);
      return (count / ((await last) - from)) * 1000;
    },
    async stop() {
      await Promise.all([door.stop(), worker.stop()]);
      await remove();
    },
  };
}
