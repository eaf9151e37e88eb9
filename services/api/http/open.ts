/** Limits the open answers of each reader: the rate limit does not bound answers that last. */
import { Problem } from "../../../lib/errors.ts";
import { Turns } from "./turns.ts";

/** Streams live for hours, so the limit of requests alone does not bound them. */
const MOST_STREAMS = 2_000;
/** Each holds a page in memory. Eight are more than a client can make use of, and few enough for all of its slow ones. */
const MOST_EXPORTS = 8;
/** Anybody may ask for files, and the system buffers up to some MB for each who then reads nothing. */
const MOST_FILES = 32;

export interface OpenAnswer {
  /** Everything was sent, or the connection is gone. */
  closed: Promise<unknown>;
}

export class OpenAnswers<Reader = number> {
  private readonly perReader = new Map<Reader, Set<OpenAnswer>>();
  private readonly most: number;
  private readonly name: string;
  private readonly headers: Record<string, string>;

  /** `most` of each reader on this node; `name` is their plural, and whose they are; `headers` those of a refusal. */
  constructor(most: number, name: string, headers: Record<string, string> = {}) {
    this.most = most;
    this.name = name;
    this.headers = headers;
  }

  /** How many there are. */
  get size(): number {
    return [...this.perReader.values()].reduce((sum, answers) => sum + answers.size, 0);
  }

  /** Throws too-many-streams. */
  requirePlace(reader: Reader): void {
    if ((this.perReader.get(reader)?.size ?? 0) >= this.most)
      throw new Problem("too-many-streams", `${this.most} ${this.name} are open.`, {
        limit: this.most,
        headers: { "Retry-After": "5", ...this.headers },
      });
  }

  /** Takes a place until the answer is closed. Throws what made it fail. */
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

/** The event streams of this node, by client. */
export class OpenStreams extends OpenAnswers {
  constructor() {
    super(MOST_STREAMS, "event streams of this client");
  }
}

/** The exports of this node, by client. */
export class OpenExports extends OpenAnswers {
  readonly turns = new Turns();

  constructor() {
    super(MOST_EXPORTS, "exports of this client");
  }
}

/** The large files that this node sends, by the address that reads them. */
export class OpenFiles extends OpenAnswers<string> {
  constructor() {
    super(MOST_FILES, "files that this address reads", { Connection: "close" });
  }
}
