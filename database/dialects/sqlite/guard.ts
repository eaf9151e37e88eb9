/**
 * Whether the open files are still those that the names lead to. A file that was deleted, moved or replaced goes on working
 * for who has it open, and what is written there is lost with the process.
 */
import { statSync } from "node:fs";
import { lockFileOf, logFileOf } from "../../beside.ts";
import { DatabaseUnavailable } from "../../errors.ts";

const LOST =
  "A file of the database was deleted, moved or replaced while this node has it open. Nothing is read or written any more";

export class Guard {
  readonly #known: [path: string, identity: string][];
  #lost: DatabaseUnavailable | null = null;
  /** The last look found that they are there and ours. */
  #isSure = true;

  /** Its files are open, and their names lead to them. */
  constructor(file: string) {
    this.#known = [file, logFileOf(file), lockFileOf(file)].map((path) => [path, identityOf(path)]);
  }

  /** Why nothing may be asked any more; null: all is well. It never heals, for others may have written to the files meanwhile. */
  get lost(): DatabaseUnavailable | null {
    return this.#lost;
  }

  /** Answers `lost` once: when it finds that. */
  look(): DatabaseUnavailable | null {
    if (this.#lost) return null;
    this.#isSure = false;
    try {
      if (this.#known.some(([path, identity]) => identityOf(path) !== identity))
        this.#lost = new DatabaseUnavailable(LOST);
      else this.#isSure = true;
    } catch {
      // A folder that cannot be searched, or a disk that cannot be read, may be well again at the next look.
    }
    return this.#lost;
  }

  /** After a COMMIT and a look. Throws DatabaseUnavailable where it may have gone into a file that nobody will find. */
  confirm(): void {
    if (this.#isSure) return;
    throw new DatabaseUnavailable(this.#lost?.message ?? "The files of the database cannot be looked at.", {
      isUnknown: true,
    });
  }
}

/** Empty: nothing has this name. */
function identityOf(path: string): string {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found ? `${found.dev}:${found.ino}` : "";
}
