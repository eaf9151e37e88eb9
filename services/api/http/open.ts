/** Limits the open answers of each reader, because the rate limit does not bound answers that last for hours. */

import { setImmediate as nextTurn } from "node:timers/promises";
import { Problem } from "../../../lib/errors.ts";

/**
 * The most pages that are read at once. SQLite has one thread, and each page makes a write wait for some milliseconds.
 */
const READS_AT_ONCE = 2;

/**
 * Lets the exports of a node take turns. However many exports there are, the database and the event loop stay free for
 * other work.
 */
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

/** The most event streams of a reader. Streams live for hours, so the rate limit alone does not bound them. */
const MOST_STREAMS = 2_000;
/**
 * The most exports of a reader. Each holds a page in memory. Eight are more than a client can use at once, also if some
 * of its readers are slow.
 */
const MOST_EXPORTS = 8;
/**
 * The most large files for a reader. Anybody may ask for files, and the system buffers some MB for each reader that
 * then reads nothing.
 */
const MOST_FILES = 32;

export interface OpenAnswer {
  /** Settles when everything was sent, or when the connection is gone. */
  closed: Promise<unknown>;
}

export class OpenAnswers<Reader = number> {
  private readonly perReader = new Map<Reader, Set<OpenAnswer>>();
  /** The most open answers of each reader. */
  readonly most: number;
  private readonly name: string;
  private readonly headers: Record<string, string>;

  /**
   * `most`: open answers of each reader on this node. `name`: what the refusal calls the answers. `headers`: the
   * headers of the refusal.
   */
  constructor(most: number, name: string, headers: Record<string, string> = {}) {
    this.most = most;
    this.name = name;
    this.headers = headers;
  }

  /** The number of open answers. */
  get size(): number {
    return [...this.perReader.values()].reduce((sum, answers) => sum + answers.size, 0);
  }

  /** The number of open answers of this reader. */
  openOf(reader: Reader): number {
    return this.perReader.get(reader)?.size ?? 0;
  }

  /** Refuses a reader that has too many open answers. Throws too-many-streams. */
  requirePlace(reader: Reader): void {
    if (this.openOf(reader) >= this.most)
      throw new Problem(
        "too-many-streams",
        `${this.most} ${this.name} are open already, and no more are allowed. Close one first.`,
        {
          limit: this.most,
          headers: { "Retry-After": "5", ...this.headers },
        },
      );
  }

  /** Counts the answer until it is closed. Throws the error that the answer failed with. */
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

/** The event streams of this node, by the id of the client or by the name of the operator. */
export class OpenStreams extends OpenAnswers<number | string> {
  constructor() {
    super(MOST_STREAMS, "event streams of this caller");
  }
}

/** The exports of this node, by the id of the client or by the name of the operator. */
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

/** The most event streams of pages on this node, for one caller and for all callers. Each open tab has one stream. */
const MOST_FEEDS = 50;
const MOST_FEEDS_OF_NODE = 1_000;

/** The event streams of pages, by caller. */
export class OpenFeeds extends OpenAnswers<string> {
  constructor() {
    super(MOST_FEEDS, "event streams of this caller");
  }

  /** Refuses a stream if the caller, or the node, has too many. Throws too-many-streams, unavailable. */
  override requirePlace(reader: string): void {
    super.requirePlace(reader);
    if (this.size >= MOST_FEEDS_OF_NODE)
      throw new Problem(
        "unavailable",
        `${MOST_FEEDS_OF_NODE} event streams are open at this node, and it takes no more. Try again later.`,
        {
          headers: { "Retry-After": "5" },
        },
      );
  }
}
