/** Temporary folders and child processes: whatever ends the bench, both are gone. */
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folders = new Set<string>();
const children = new Set<ChildProcess>();

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

export function keepTrack<C extends ChildProcess>(child: C): C {
  children.add(child);
  child.once("exit", () => children.delete(child));
  return child;
}

/** Ends a child that was told to, and waits for it. */
export function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once("exit", () => resolve()));
}

export function cleanUp(): void {
  for (const child of children) child.kill("SIGKILL");
  for (const folder of [...folders]) removeFolder(folder);
}
