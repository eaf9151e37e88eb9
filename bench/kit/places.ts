/** Temporary folders, child processes, and what is left in servers: whatever ends the bench, all of it is gone. */
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

/** `signal`: what ends it; another bench needs one that lets it clean up behind itself. */
export function keepTrack<C extends ChildProcess>(child: C, signal: NodeJS.Signals = "SIGKILL"): C {
  children.set(child, signal);
  child.once("exit", () => children.delete(child));
  return child;
}

/** Ends a child that was told to, and waits for it. */
export function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once("exit", () => resolve()));
}

/** Runs `remove` once: when the answer is called, or at the end at the latest. */
export function atEnd(remove: () => Promise<void>): () => Promise<void> {
  const once = async () => {
    if (leftovers.delete(once)) await remove();
  };
  leftovers.add(once);
  return once;
}

/** First the processes, which may still use what is removed then. */
export async function cleanUp(): Promise<void> {
  const going = [...children];
  for (const [child, signal] of going) child.kill(signal);
  await Promise.all(going.map(([child]) => ended(child)));
  for (const remove of [...leftovers])
    await remove().catch((error: Error) => console.error(`Something was left behind: ${error.message}`));
  leaveNothing();
}

/** What can still be done while the process exits. */
export function leaveNothing(): void {
  for (const [child, signal] of children) child.kill(signal);
  for (const folder of [...folders]) removeFolder(folder);
}
