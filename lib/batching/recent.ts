import { LRUCache } from "lru-cache";

const one = () => 1;

/**
 * An LRU cache that takes memory as it fills. With `max`, LRUCache allocates room for all entries at once: 10 MB and
 * 35 ms of each node's start. A read or write takes 6 % more time.
 */
export const bounded = <K extends {}, V extends {}>(
  mostEntries: number,
  options: Partial<LRUCache.OptionsTTLLimit<K, V, unknown>> = {},
): LRUCache<K, V> => new LRUCache<K, V>({ ...options, maxSize: mostEntries, sizeCalculation: one });

/**
 * Caches a costly answer for a short time. Callers during the work wait for the same answer, and callers
 * soon after get it again.
 */
export class Recent<T> {
  private readonly ask: () => Promise<T>;
  private readonly keepMs: (answer: T) => number;
  private asking: Promise<T> | null = null;
  private known: { answer: T; until: number } | null = null;

  /** `keepMs`: how long an answer is kept. An error is not kept. */
  constructor(ask: () => Promise<T>, keepMs: (answer: T) => number) {
    this.ask = ask;
    this.keepMs = keepMs;
  }

  /** The answer, at most `keepMs` old. Throws what `ask` throws. */
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
