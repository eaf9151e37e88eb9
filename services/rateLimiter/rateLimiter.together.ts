import type { Met } from "./rateLimiter.window.ts";

/** As the script answers: how many are allowed, and the window before them. */
export type Answer = [allowed: number, previous: number, current: number, elapsedMs: number];
export type SpendInRedis = (key: string, limit: number, windowMs: number, requests: number) => Promise<Answer>;

interface Group {
  requests: number;
  answer: Promise<Answer>;
}

/** Redis does nothing else while it counts them: some 20 µs. */
const MOST_REQUESTS = 256;

/**
 * Requests of one client that come in the same turn of the loop are counted by one call: a client that sends many at once
 * costs Redis and this process little more than one that sends one. Each is told what it would have met by itself. A
 * request that comes alone does not wait for the end of its turn.
 */
export class SpendTogether {
  private readonly send: SpendInRedis;
  private readonly groups = new Map<string, Group>();
  private underWay = 0;
  /** The last ones to wait for company had some. */
  private isCrowded = false;

  constructor(send: SpendInRedis) {
    this.send = send;
  }

  /** Rejects as the call does, all of a group alike. */
  async spend(key: string, limit: number, windowMs: number): Promise<Met> {
    const group = this.groupOf(key, limit, windowMs);
    const before = group.requests++;
    const [allowed, previous, current, elapsedMs] = await group.answer;
    return { allowed: before < allowed, previous, current: current + Math.min(before, allowed), elapsedMs };
  }

  /** While a policy changes, a client's requests may come with two limits. */
  private groupOf(key: string, limit: number, windowMs: number): Group {
    if (this.underWay === 0 && !this.isCrowded) return { requests: 0, answer: this.call(key, limit, windowMs, 1) };
    const name = `${limit} ${key}`;
    const open = this.groups.get(name);
    if (open && open.requests < MOST_REQUESTS) return open;
    const { promise: answer, resolve } = Promise.withResolvers<Answer>();
    const group: Group = { requests: 0, answer };
    this.groups.set(name, group);
    setImmediate(() => {
      if (this.groups.get(name) === group) this.groups.delete(name);
      this.isCrowded = group.requests > 1;
      resolve(this.call(key, limit, windowMs, group.requests));
    });
    return group;
  }

  private call(key: string, limit: number, windowMs: number, requests: number): Promise<Answer> {
    this.underWay++;
    const answer = this.send(key, limit, windowMs, requests);
    const done = () => {
      this.underWay--;
    };
    answer.then(done, done);
    return answer;
  }
}
