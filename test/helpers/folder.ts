/** Folders for the databases of tests. */
import { accessSync, constants, mkdtempSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const IN_MEMORY = "/dev/shm";
/**
 * The free space that is needed: more than the files of all workers take at once. Docker gives a container only 64 MB of shared
 * memory.
 */
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

/** Makes a folder. It is in memory if there is room, because thousands of commits then need not wait for a disk. */
export const folderForDatabase = (): string => mkdtempSync(join(place, "dataflow-test-"));
