/**
 * Run as a process of its own beside a run: when that is broken off (Ctrl-C, a kill), it ends the nodes and removes what
 * they had in the servers. It hears of them over stdin, a line of JSON each time something changes; the last line holds.
 */
import { createInterface } from "node:readline";

/** What a broken-off run leaves behind. */
export interface Left {
  pids: number[];
  nodeIds: string[];
  namespace: string;
  prefix: string;
  databaseUrl: string;
  /** Of the logs, which stay. */
  folder: string;
}

let left: Left | null = null;
// Ctrl-C reaches the whole terminal.
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
    // It has ended meanwhile.
  }
}
