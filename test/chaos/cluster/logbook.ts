/** What is needed to see why a run failed: the faults with their times, and all that every node said. */
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Place } from "./place.ts";

/** What no fault of a server, a link or a process excuses. */
const DEFECTS = [
  /unhandled|uncaught/i,
  /"level":"fatal"/,
  /Request \S+ failed:/,
  /Batch \S+ failed at chunk/,
  /The consumer of \S+ failed/,
  /The sweep leaves batch/,
  /is not acked|MaxListenersExceeded/,
];

export class Logbook {
  private readonly beganAt = performance.now();
  private readonly lines: string[] = [];

  tell = (text: string): void => {
    this.lines.push(`${((performance.now() - this.beganAt) / 1000).toFixed(2).padStart(8)} s  ${text}`);
  };

  /** The lines of any node that show a defect. */
  defects(places: Place[]): string[] {
    return places.flatMap(({ name, lives }) =>
      lives.flatMap(({ node, nodeId }) =>
        node
          .logs()
          .split("\n")
          .filter((line) => DEFECTS.some((defect) => defect.test(line)))
          .map((line) => `${name} (${nodeId}): ${line.slice(0, 1_000)}`),
      ),
    );
  }

  /** Writes all of it to a folder, and answers where that is. */
  keep(places: Place[], title: string): string {
    const folder = mkdtempSync(join(tmpdir(), "dataflow-chaos-"));
    writeFileSync(join(folder, "faults.txt"), `${title}\n${this.lines.join("\n")}\n`);
    for (const { name, lives } of places)
      for (const { node, nodeId } of lives) writeFileSync(join(folder, `${name}.${nodeId}.log`), node.logs());
    return folder;
  }
}
