import type { LockOutcome } from "./batchLock.contract.ts";
import type { LockProvider, Names } from "./batchLock.provider.ts";

const OWN = "own:";
const OTHER = "other:";

/**
 * A provider with a fallback. Each acquire asks the first provider, so nothing has to switch back when it returns. A held
 * lock is extended and released where it came from; its token tells which. During a change two workers may hold the same
 * lock, one from each provider. Then the fence of the batch decides, as always.
 */
export class LocksWithFallback implements LockProvider {
  readonly figures = { acquired: 0, busy: 0, fallbacks: 0, unavailable: 0 };
  private readonly first: LockProvider;
  private readonly second: LockProvider | null;

  constructor(first: LockProvider, second: LockProvider | null) {
    this.first = first;
    this.second = second;
  }

  async acquire(names: Names, ttlMs: number): Promise<LockOutcome> {
    const outcome = marked(OWN, await this.first.acquire(names, ttlMs));
    if (outcome.outcome !== "unavailable" || !this.second) return this.counted(outcome);
    this.figures.fallbacks++;
    return this.counted(marked(OTHER, await this.second.acquire(names, ttlMs)));
  }

  async extend(names: Names, token: string, ttlMs: number): Promise<boolean> {
    const [provider, given] = this.giver(token);
    return provider ? provider.extend(names, given, ttlMs) : false;
  }

  async release(names: Names, token: string): Promise<void> {
    const [provider, given] = this.giver(token);
    await provider?.release(names, given);
  }

  private giver(token: string): [LockProvider | null, string] {
    if (token.startsWith(OWN)) return [this.first, token.slice(OWN.length)];
    return [this.second, token.slice(OTHER.length)];
  }

  private counted(outcome: LockOutcome): LockOutcome {
    this.figures[outcome.outcome]++;
    return outcome;
  }
}

function marked(prefix: string, outcome: LockOutcome): LockOutcome {
  return outcome.outcome === "acquired" ? { ...outcome, token: prefix + outcome.token } : outcome;
}
