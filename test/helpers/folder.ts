/** Folders for databases of tests. */
import { accessSync, constants, mkdtempSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const IN_MEMORY = "/dev/shm";
/** More than all files of the workers need at once. Docker gives a container 64 MB. */
const ROOM = 2 ** 31;

function hasRoomInMemory(): boolean {
  try {
    accessSync(IN_MEMORY, constants.W_OK);
    const { bavail, bsize } = statfsSync(IN_MEMORY);
    return bavail * bsize >= ROOM;
  } catch {
    return false;
  }
}

const place = hasRoomInMemory() ? IN_MEMORY : tmpdir();

/** A new folder, in memory where there is room: thousands of commits there wait for no disk. */
export const folderForDatabase = (): string => mkdtempSync(join(place, "dataflow-test-"));
