/** Answers that stay open, by client: bounded for each, since the limit of requests does not bound what lasts. */
import { Problem } from "../errors.ts";

export interface OpenAnswer {
  /** Everything was sent, or the connection is gone. */
  closed: Promise<unknown>;
}

export class OpenAnswers {
  private readonly perClient = new Map<number, Set<OpenAnswer>>();
  private readonly most: number;
  private readonly name: string;

  /** `most` of each client on this node; `name` is their plural. */
  constructor(most: number, name: string) {
    this.most = most;
    this.name = name;
  }

  /** How many there are. */
  get size(): number {
    return [...this.perClient.values()].reduce((sum, answers) => sum + answers.size, 0);
  }

  /** Throws too-many-streams. */
  requirePlace(clientId: number): void {
    if ((this.perClient.get(clientId)?.size ?? 0) >= this.most)
      throw new Problem("too-many-streams", `${this.most} ${this.name} of this client are open.`, {
        limit: this.most,
        headers: { "Retry-After": "5" },
      });
  }

  /** Takes a place until the answer is closed. Throws what made it fail. */
  async keep(clientId: number, answer: OpenAnswer): Promise<void> {
    const answers = this.perClient.get(clientId) ?? new Set();
    this.perClient.set(clientId, answers.add(answer));
    try {
      await answer.closed;
    } finally {
      answers.delete(answer);
      if (answers.size === 0) this.perClient.delete(clientId);
    }
  }
}
