/**
 * Checks whether the open files still are the files at their paths. A process can go on writing to a file that was deleted,
 * moved or replaced, but all that it writes there is lost when the process ends.
 */
import { statSync } from "node:fs";
import { DatabaseUnavailable } from "../../errors.ts";

export const lockFileOf = (file: string): string => `${file}.lock`;
export const walFileOf = (file: string): string => `${file}-wal`;
export const shmFileOf = (file: string): string => `${file}-shm`;

const LOST =
  "A file of the database was deleted, moved or replaced while this node has it open. Nothing is read or written any more";

export class Guard {
  readonly #known: [path: string, identity: string][];
  #lost: DatabaseUnavailable | null = null;
  /** The last check found the open files at their paths. */
  #isSure = true;

  /** Call it right after the files were opened: it remembers which files are at the paths now. */
  constructor(file: string) {
    this.#known = [file, walFileOf(file), lockFileOf(file)].map((path) => [path, identityOf(path)]);
  }

  /** Why the database must not be used any more; null: it may. Stays set even if the files come back, because others may have written to them. */
  get lost(): DatabaseUnavailable | null {
    return this.#lost;
  }

  /** Checks the files. Answers the error once: when it first finds the loss. */
  look(): DatabaseUnavailable | null {
    if (this.#lost) return null;
    this.#isSure = false;
    try {
      if (this.#known.some(([path, identity]) => identityOf(path) !== identity))
        this.#lost = new DatabaseUnavailable(LOST);
      else this.#isSure = true;
    } catch {
      // A folder or disk that cannot be read now may be readable at the next check.
    }
    return this.#lost;
  }

  /** Call it after a COMMIT and `look`. Throws DatabaseUnavailable if the COMMIT may have gone to a lost file. */
  confirm(): void {
    if (this.#isSure) return;
    throw new DatabaseUnavailable(this.#lost?.message ?? "The files of the database cannot be looked at.", {
      isOutcomeUnknown: true,
    });
  }
}

/** Device and inode of the file. Empty: there is no file. */
function identityOf(path: string): string {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found ? `${found.dev}:${found.ino}` : "";
}
