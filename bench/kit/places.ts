/** Keeps track of temporary folders, child processes and data in servers, and removes all of them however the benchmark ends. */
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folders = new Set<string>();
const children = new Map<ChildProcess, NodeJS.Signals>();
const leftovers = new Set<() => Promise<void>>();

export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "dataflow-bench-"));
  folders.add(folder);
  return folder;
}

export function removeFolder(folder: string): void {
  // A child that was just killed may still be closing its files.
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  folders.delete(folder);
}

/** Notes a child that the clean-up has to end. `signal`: a nested benchmark needs a signal that lets it clean up. */
export function keepTrack<C extends ChildProcess>(child: C, signal: NodeJS.Signals = "SIGKILL"): C {
  children.set(child, signal);
  child.once("exit", () => children.delete(child));
  return child;
}

/** Tells a child to end, and waits for it. */
export function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once("exit", () => resolve()));
}

/** Registers a clean-up step. `remove` runs once: when the caller calls the returned function, or at the end of the process. */
export function atEnd(remove: () => Promise<void>): () => Promise<void> {
  const once = async () => {
    if (leftovers.delete(once)) await remove();
  };
  leftovers.add(once);
  return once;
}

/** Removes everything. It ends processes first, because they may still use what is removed next. */
export async function cleanUp(): Promise<void> {
  const going = [...children];
  for (const [child, signal] of going) child.kill(signal);
  await Promise.all(going.map(([child]) => ended(child)));
  for (const remove of [...leftovers])
    await remove().catch((error: Error) => console.error(`Something was left behind: ${error.message}`));
  leaveNothing();
}

/** The part of the clean-up that still works while the process exits. */
export function leaveNothing(): void {
  for (const [child, signal] of children) child.kill(signal);
  for (const folder of [...folders]) removeFolder(folder);
}
