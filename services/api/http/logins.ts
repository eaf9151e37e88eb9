/** Failed logins: they are counted by address, and answered with a delay. */

import { setTimeout as pause } from "node:timers/promises";
import { bounded } from "../../../lib/batching/recent.ts";
import { Problem } from "../../../lib/errors.ts";
import { addressOf, type Peer, sourceOf } from "./address.ts";

const MOST_FAILED_LOGINS = 100;
const PER_MS = 60_000;
const MOST_ADDRESSES = 10_000;
/**
 * The most addresses whose failed logins the audit lists for a minute. Failures from further addresses are counted
 * together.
 */
const MOST_TOLD = 1_000;
const OTHERS = "others";

/**
 * The shortest time from a request to its refusal. A random part of up to SPREAD_MS is added. The lookup (in memory, in
 * Redis, in the database) is faster, so the time of an answer does not tell whether an identifier exists. The spread is
 * in whole milliseconds, because timers round, so nothing of the lookup's time shows.
 */
const LEAST_MS = 50;
const SPREAD_MS = 10;
/** The delay for an address that has failed too often. */
const SLOWED_MS = 1_000;
/**
 * The most delayed refusals that may wait, for one address and in all. Further refusals are sent after the short delay,
 * and their connection ends.
 */
const MOST_SLOWED_EACH = 10;
const MOST_SLOWED = 1_000;

/** Failed logins of this node. Valid credentials are never refused, so an attacker cannot lock a client out. */
export class FailedLogins {
  private readonly trusted: readonly string[];
  private readonly failures = bounded<string, { count: number; until: number }>(MOST_ADDRESSES);
  private readonly slowed = new Map<string, number>();
  private allSlowed = 0;
  /** Failures by address that `taken` has not answered yet. */
  private untold = new Map<string, number>();

  /** `trusted` are the proxies whose `X-Forwarded-For` counts. */
  constructor(trusted: readonly string[] = []) {
    this.trusted = trusted;
  }

  /** The address that a request comes from. */
  sourceOf(peer: Peer): string {
    return sourceOf(peer, this.trusted);
  }

  /**
   * Throws the refusal, unauthenticated or too-many-failed-logins, after its delay. `beganAt`: when the request
   * arrived.
   */
  async refuse(peer: Peer, headers: Record<string, string>, beganAt = performance.now()): Promise<never> {
    const address = addressOf(peer, this.trusted);
    const { count, until } = this.count(address);
    const told = this.untold.has(address) || this.untold.size < MOST_TOLD ? address : OTHERS;
    this.untold.set(told, (this.untold.get(told) ?? 0) + 1);
    if (count <= MOST_FAILED_LOGINS) {
      await late(beganAt, LEAST_MS);
      throw new Problem("unauthenticated", "The credentials are missing or wrong.", { headers });
    }
    const isSlowed = await this.slow(address, beganAt);
    const seconds = Math.max(1, Math.ceil((until - performance.now()) / 1000));
    throw new Problem("too-many-failed-logins", `More than ${MOST_FAILED_LOGINS} failed logins a minute.`, {
      limit: MOST_FAILED_LOGINS,
      headers: { "Retry-After": String(seconds), ...(isSlowed ? {} : { Connection: "close" }) },
    });
  }

  /** The failures by address since the last call of `taken`. */
  taken(): [address: string, count: number][] {
    const all = [...this.untold];
    this.untold = new Map();
    return all;
  }

  private count(address: string) {
    const now = performance.now();
    const known = this.failures.get(address);
    const entry = known && known.until > now ? known : { count: 0, until: now + PER_MS };
    entry.count++;
    this.failures.set(address, entry);
    return entry;
  }

  /** Waits the long delay before a refusal. False if too many delayed refusals wait already. */
  private async slow(address: string, beganAt: number): Promise<boolean> {
    const waiting = this.slowed.get(address) ?? 0;
    if (waiting >= MOST_SLOWED_EACH || this.allSlowed >= MOST_SLOWED) {
      await late(beganAt, LEAST_MS);
      return false;
    }
    this.slowed.set(address, waiting + 1);
    this.allSlowed++;
    await late(beganAt, SLOWED_MS);
    this.allSlowed--;
    const left = (this.slowed.get(address) ?? 1) - 1;
    if (left > 0) this.slowed.set(address, left);
    else this.slowed.delete(address);
    return true;
  }
}

const late = (beganAt: number, ms: number) =>
  pause(Math.max(0, Math.ceil(beganAt + ms + Math.random() * SPREAD_MS - performance.now())));
