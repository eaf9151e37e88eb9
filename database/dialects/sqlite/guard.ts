/**
 * Checks that the open files of a database still are the files at their paths. A process can go on writing to a file
 * that was deleted, moved or replaced, but all that it writes there is lost when the process ends.
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
  /** Whether the last check found the open files at their paths. */
  #isSure = true;

  /** Remembers which files are at the paths now. Call the constructor right after the files were opened. */
  constructor(file: string) {
    this.#known = [file, walFileOf(file), lockFileOf(file)].map((path) => [path, identityOf(path)]);
  }

  /**
   * The reason why the database must not be used any more, or null. A reason stays even if the files come back, because
   * another process may have written to them.
   */
  get lost(): DatabaseUnavailable | null {
    return this.#lost;
  }

  /** Checks the files. Answers the error only once, when the check first finds the loss. */
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

  /** Confirms a COMMIT; call it after `look`. Throws DatabaseUnavailable if the COMMIT may have gone to a lost file. */
  confirm(): void {
    if (this.#isSure) return;
    throw new DatabaseUnavailable(this.#lost?.message ?? "The files of the database cannot be looked at.", {
      isOutcomeUnknown: true,
    });
  }
}

/** Device and inode of the file at a path. Empty: no file is there. */
function identityOf(path: string): string {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found ? `${found.dev}:${found.ino}` : "";
}
