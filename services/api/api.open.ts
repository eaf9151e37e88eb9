/** Answers that stay open, by who reads them: bounded for each, since the limit of requests does not bound what lasts. */
import { Problem } from "../errors.ts";

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
