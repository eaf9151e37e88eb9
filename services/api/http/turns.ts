/** Exports of a node take turns, so that however many there are, the database and the event loop are free for all others. */
import { setImmediate as nextTurn } from "node:timers/promises";

/** Pages that are read at once: SQLite has one thread, where each lets a write wait for some milliseconds. */
const READS_AT_ONCE = 2;

export class Turns {
  private readonly lanes: Promise<unknown>[] = Array.from({ length: READS_AT_ONCE }, async () => {});
  private reads = 0;
  private last: Promise<unknown> = Promise.resolve();

  /** Reads once those that came before have been read. Throws what `page` throws. */
  read<T>(page: () => Promise<T>): Promise<T> {
    const lane = this.reads++ % READS_AT_ONCE;
    const result = (this.lanes[lane] as Promise<unknown>).then(page);
    this.lanes[lane] = result.catch(() => {});
    return result;
  }

  /** Waits for a turn of the event loop of its own. */
  own(): Promise<unknown> {
    this.last = this.last.then(() => nextTurn());
    return this.last;
  }
}
