/** The worker of a peer, in a process of its own. It reports when each job has reached the first line of its handler. */
import { type Arrival, type PeerName, peers } from "./peers.ts";

const [, , name, place] = process.argv as [string, string, PeerName, string];
const tell = (id: string) => process.send?.({ id, at: String(process.hrtime.bigint()) } satisfies Arrival);

await peers[name].work(JSON.parse(place), tell);
process.once("disconnect", () => process.exit(0));
process.send?.({ id: "ready", at: "0" } satisfies Arrival);
