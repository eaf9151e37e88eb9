/** Notes each fault with its time. Together with the nodes' logs it shows why a run has failed. */
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import type { Cluster } from "./cluster.ts";

/** Log lines that always show a defect. No fault of a server, a link or a process excuses them. */
const DEFECTS = [
  /unhandled|uncaught/i,
  /"level":"fatal"/,
  /Request failed:/,
  /Batch failed at chunk/,
  /The consumer of \S+ failed/,
  /The sweep could not move the batch/,
  /is not acked|MaxListenersExceeded/,
];

export class Logbook {
  private readonly beganAt = performance.now();
  private readonly cluster: Cluster;

  constructor(cluster: Cluster) {
    this.cluster = cluster;
  }

  tell = (text: string): void => {
    const seconds = ((performance.now() - this.beganAt) / 1000).toFixed(2).padStart(8);
    appendFileSync(join(this.cluster.folder, "faults.txt"), `${seconds} s  ${text}\n`);
  };

  /** The log lines of all nodes that show a defect. */
  defects(): string[] {
    return this.cluster.places.flatMap(({ name, lives }) =>
      lives.flatMap(({ node, nodeId }) =>
        node
          .logs()
          .split("\n")
          .filter((line) => DEFECTS.some((defect) => defect.test(line)))
          .map((line) => `${name} (${nodeId}): ${line.slice(0, 1_000)}`),
      ),
    );
  }

  /** Keeps the logs and the list of faults in their folder, and answers its path. */
  keep(): string {
    this.cluster.isKept = true;
    return this.cluster.folder;
  }
}
