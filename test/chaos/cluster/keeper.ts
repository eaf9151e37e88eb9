/**
 * Runs as a process of its own beside a test run. If the run is aborted (Ctrl-C, a kill), this process ends the nodes and removes
 * their data from the servers. The run writes a line of JSON to its stdin whenever something changes; the last line counts.
 */
import { createInterface } from "node:readline";

/** What an aborted run leaves behind. */
export interface Left {
  pids: number[];
  nodeIds: string[];
  namespace: string;
  prefix: string;
  databaseUrl: string;
  /** The folder of the logs. It is kept. */
  folder: string;
}

let left: Left | null = null;
// Ctrl-C reaches all processes of the terminal, but this process has to survive it.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => {});
for await (const line of createInterface({ input: process.stdin })) left = JSON.parse(line) as Left | null;
if (left) await remove(left);

async function remove({ pids, nodeIds, namespace, prefix, databaseUrl, folder }: Left): Promise<void> {
  for (const pid of pids) kill(pid);
  const [{ removeNamespace }, { dropDatabase }, { looker }] = await Promise.all([
    import("../../helpers/amqp.ts"),
    import("../../helpers/database.ts"),
    import("../../helpers/redis.ts"),
  ]);
  await Promise.allSettled([removeNamespace(namespace, nodeIds), dropDatabase(databaseUrl), looker(prefix).end()]);
  process.stderr.write(`The run was broken off; its faults and the nodes' logs are in ${folder}\n`);
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // The process has ended meanwhile.
  }
}
