/** Limits the open answers of each reader: the rate limit does not bound answers that last for hours. */

import { setImmediate as nextTurn } from "node:timers/promises";
import { Problem } from "../../../lib/errors.ts";

/** Pages that are read at once. SQLite has one thread, and each page makes a write wait for some milliseconds. */
const READS_AT_ONCE = 2;

/** Exports of a node take turns. However many there are, the database and the event loop stay free for other work. */
export class Turns {
  private readonly lanes: Promise<unknown>[] = Array.from({ length: READS_AT_ONCE }, async () => {});
  private reads = 0;
  private last: Promise<unknown> = Promise.resolve();

  /** Runs `page` after the pages that were asked for earlier. Throws what `page` throws. */
  read<T>(page: () => Promise<T>): Promise<T> {
    const lane = this.reads++ % READS_AT_ONCE;
    const result = (this.lanes[lane] as Promise<unknown>).then(page);
    this.lanes[lane] = result.catch(() => {});
    return result;
  }

  /** Waits for a turn of the event loop that no other export uses. */
  own(): Promise<unknown> {
    this.last = this.last.then(() => nextTurn());
    return this.last;
  }
}

/** Streams live for hours, so the rate limit alone does not bound them. */
const MOST_STREAMS = 2_000;
/** Each holds a page in memory. Eight are more than a client can use at once, also if some of its readers are slow. */
const MOST_EXPORTS = 8;
/** Anybody may ask for files, and the system buffers some MB for each reader that then reads nothing. */
const MOST_FILES = 32;

export interface OpenAnswer {
  /** Called when everything was sent, or the connection is gone. */
  closed: Promise<unknown>;
}

export class OpenAnswers<Reader = number> {
  private readonly perReader = new Map<Reader, Set<OpenAnswer>>();
  /** The most of each reader. */
  readonly most: number;
  private readonly name: string;
  private readonly headers: Record<string, string>;

  /** `most`: for each reader on this node. `name`: what the refusal calls them. `headers`: those of the refusal. */
  constructor(most: number, name: string, headers: Record<string, string> = {}) {
    this.most = most;
    this.name = name;
    this.headers = headers;
  }

  /** How many are open. */
  get size(): number {
    return [...this.perReader.values()].reduce((sum, answers) => sum + answers.size, 0);
  }

  /** How many of this reader are open. */
  openOf(reader: Reader): number {
    return this.perReader.get(reader)?.size ?? 0;
  }

  /** Throws too-many-streams. */
  requirePlace(reader: Reader): void {
    if (this.openOf(reader) >= this.most)
      throw new Problem("too-many-streams", `${this.most} ${this.name} are open.`, {
        limit: this.most,
        headers: { "Retry-After": "5", ...this.headers },
      });
  }

  /** Takes a place until the answer is closed. Throws the error that the answer failed with. */
  async keep(reader: Reader, answer: OpenAnswer): Promise<void> {
    const answers = this.perReader.get(reader) ?? new Set();
    this.perReader.set(reader, answers.add(answer));
    try {
      await answer.closed;
    } finally {
      answers.delete(answer);
      if (answers.size === 0) this.perReader.delete(reader);
    }
  }
}

/** The event streams of this node, by client; those of operators by their name. */
export class OpenStreams extends OpenAnswers<number | string> {
  constructor() {
    super(MOST_STREAMS, "event streams of this caller");
  }
}

/** The exports of this node, by client; those of operators by their name. */
export class OpenExports extends OpenAnswers<number | string> {
  readonly turns = new Turns();

  constructor() {
    super(MOST_EXPORTS, "exports of this caller");
  }
}

/** The large files that this node sends, by the address that reads them. */
export class OpenFiles extends OpenAnswers<string> {
  constructor() {
    super(MOST_FILES, "files that this address reads", { Connection: "close" });
  }
}

/** Tabs of a caller on this node, and of all callers. Each has a stream. */
const MOST_FEEDS = 50;
const MOST_FEEDS_OF_NODE = 1_000;

/** The event streams of pages, by caller. */
export class OpenFeeds extends OpenAnswers<string> {
  constructor() {
    super(MOST_FEEDS, "event streams of this caller");
  }

  /** Throws too-many-streams, unavailable. */
  override requirePlace(reader: string): void {
    super.requirePlace(reader);
    if (this.size >= MOST_FEEDS_OF_NODE)
      throw new Problem("unavailable", `${MOST_FEEDS_OF_NODE} event streams are open at this node.`, {
        headers: { "Retry-After": "5" },
      });
  }
}
