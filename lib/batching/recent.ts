/**
 * An answer that costs something, for a question that anybody may ask as often as he likes: who asks while it is found
 * out waits for the same one, and who asks soon after gets it again.
 */
export class Recent<T> {
  private readonly ask: () => Promise<T>;
  private readonly keepMs: (answer: T) => number;
  private asking: Promise<T> | null = null;
  private known: { answer: T; until: number } | null = null;

  /** `keepMs`: for how long an answer is good. What `ask` throws is not kept. */
  constructor(ask: () => Promise<T>, keepMs: (answer: T) => number) {
    this.ask = ask;
    this.keepMs = keepMs;
  }

  /** The answer of now, or of a moment ago. Throws what `ask` throws. */
  async get(): Promise<T> {
    if (this.known && performance.now() < this.known.until) return this.known.answer;
    this.asking ??= this.found().finally(() => {
      this.asking = null;
    });
    return this.asking;
  }

  private async found(): Promise<T> {
    this.known = null;
    const answer = await this.ask();
    this.known = { answer, until: performance.now() + this.keepMs(answer) };
    return answer;
  }
}
