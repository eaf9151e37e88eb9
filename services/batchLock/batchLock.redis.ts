import { randomUUID } from "node:crypto";
import Redlock, { type RedlockClient } from "redlock";
import type { RedisLink } from "../../lib/redis/link.ts";
import type { LockOutcome } from "./batchLock.contract.ts";
import type { LockProvider, Names } from "./batchLock.provider.ts";

/** No retries: a worker that finds the lock held tries another batch. The lock may be held as long as the batch runs. */
const ONCE = { retryCount: 0 };
/**
 * Redlock refuses to extend a lock that it believes expired. Only the Redis nodes know, so we tell it that the lock
 * never expires.
 */
const UNKNOWN_END = Number.MAX_SAFE_INTEGER;

type Done = Parameters<RedlockClient["eval"]>[1];

/** A node as redlock calls it. A node that is away fails at once, so the quorum of the others does not wait for it. */
const clientOf = (link: RedisLink): RedlockClient => ({
  evalsha: (hash, args, done) =>
    tell(
      link.run((redis) => redis.evalsha(hash, ...(args as [number]))),
      done,
    ),
  eval: (args, done) =>
    tell(
      link.run((redis) => redis.eval(...(args as [string, number]))),
      done,
    ),
});

/** `done` returns a promise of redlock's that may reject. Nobody waits for it, so its rejection is handled here. */
function tell(answer: Promise<unknown>, done: Done): void {
  answer.then(
    (value) => void done(null, value),
    (error: Error) => void done(error),
  );
}

/** Node caches random bytes for UUIDs. The 16 bytes that redlock would ask the system for cost 7 µs a lock. */
class Locks extends Redlock {
  override _random(): string {
    return randomUUID();
  }
}

/**
 * Locks by Redlock over independent Redis nodes: a lock is held if a majority says so. Redlock 4 throws the same error for a
 * held lock and for nodes that are away. So each attempt counts the nodes that failed: if a majority answered, the lock is
 * `busy`, else `unavailable`.
 */
export class RedisLocks implements LockProvider {
  private readonly redlock: Redlock;
  private readonly nodes: number;

  constructor(links: RedisLink[]) {
    this.nodes = links.length;
    this.redlock = new Locks(links.map(clientOf), ONCE);
  }

  async acquire(names: Names, ttlMs: number): Promise<LockOutcome> {
    const attempt = this.attempt();
    try {
      const { value } = await attempt.redlock.acquire([names].flat(), ttlMs);
      return { outcome: "acquired", token: value };
    } catch {
      const isMajority = this.nodes - attempt.failures() > this.nodes / 2;
      return { outcome: isMajority ? "busy" : "unavailable" };
    }
  }

  async extend(names: Names, token: string, ttlMs: number): Promise<boolean> {
    const { redlock } = this.attempt();
    return redlock.extend(this.lock(redlock, names, token), ttlMs).then(
      () => true,
      () => false,
    );
  }

  async release(names: Names, token: string): Promise<void> {
    const { redlock } = this.attempt();
    await redlock.unlock(this.lock(redlock, names, token)).catch(() => {});
  }

  private lock(redlock: Redlock, names: Names, token: string) {
    return new Redlock.Lock(redlock, [names].flat(), token, UNKNOWN_END, 1, 0);
  }

  /**
   * A Redlock object for one call. It reports a node's failure by an event, and a shared object would not tell for
   * which call.
   */
  private attempt(): { redlock: Redlock; failures(): number } {
    let failures = 0;
    let isGivingUp = false;
    const redlock = Object.create(this.redlock) as Redlock;
    redlock.emit = () => {
      if (!isGivingUp) failures++;
      return true;
    };
    // After a failed attempt redlock releases the nodes that it had locked. Failures of that do not count for the attempt.
    redlock.unlock = (lock, done) => {
      isGivingUp = true;
      return Redlock.prototype.unlock.call(redlock, lock, done);
    };
    return { redlock, failures: () => failures };
  }
}
