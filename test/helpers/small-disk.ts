/** A small disk, if this user may mount one. */
import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface SmallDisk {
  folder: string;
  /** Fills the disk. */
  fill(): void;
  /** Frees what `fill` took. */
  empty(): void;
  remove(): void;
}

const PIECE = Buffer.alloc(4096);

/** Mounts a disk of this many MB. Null if this user may not mount one; a message then says that `name` is skipped. */
export function smallDisk(name: string, megabytes: number): SmallDisk | null {
  const folder = mkdtempSync(join(tmpdir(), "dataflow-disk-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", folder], { stdio: "ignore" });
  } catch {
    rmdirSync(folder);
    console.warn(`SKIPPED "${name}": it needs the right to mount a small disk.`);
    return null;
  }
  const filler = join(folder, "filler");
  return {
    folder,
    fill: () => fillUp(filler),
    empty: () => rmSync(filler),
    remove() {
      execFileSync("umount", [folder]);
      rmdirSync(folder);
    },
  };
}

function fillUp(path: string): void {
  const file = openSync(path, "a");
  try {
    for (;;) writeSync(file, PIECE);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
  } finally {
    closeSync(file);
  }
}
