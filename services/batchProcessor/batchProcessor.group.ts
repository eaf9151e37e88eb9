/** What the runs of a group share: the lock, and one commit for a chunk of each. */

import type { ServiceBroker } from "moleculer";
import { actors } from "../actors.ts";
import type { WorkerCommit } from "../batch/batch.contract.ts";
import type { BatchRow } from "../batch/batch.domain.ts";
import type { LockedClaim } from "../batchLock/batchLock.contract.ts";
import type { Keeping } from "./batchProcessor.lock.ts";
import type { Claimable } from "./batchProcessor.units.ts";

interface Waiting {
  batch: BatchRow;
  commit: WorkerCommit;
  resolve(batch: BatchRow | null): void;
  reject(error: unknown): void;
}

/** How long the commits of a group wait for the slowest run. Checking a small batch takes a few ms, unless its schema is costly. */
const COMPANY_MS = 100;

/**
 * Joins the commits of a group. It sends them once each current run has added its own, or once the first commit has waited long enough.
 */
export class GroupCommits {
  private readonly broker: ServiceBroker;
  /** Runs that may add a commit. */
  private runs: number;
  private waiting: Waiting[] = [];
  /** Set while a commit waits. */
  private timer: NodeJS.Timeout | undefined;
  private readonly wentAhead: () => void;

  /** `wentAhead`: called when some batches are committed while others still run. */
  constructor(broker: ServiceBroker, runs: number, wentAhead: () => void) {
    this.broker = broker;
    this.runs = runs;
    this.wentAhead = wentAhead;
  }

  /** Commits as `batch.commitChunk` does. */
  commit(batch: BatchRow, commit: WorkerCommit): Promise<BatchRow | null> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ batch, commit, resolve, reject });
      this.timer ??= setTimeout(() => void this.sendAll().then(this.wentAhead), COMPANY_MS);
      this.sendIfAll();
    });
  }

  /** A run has ended, with any outcome, so the others no longer wait for its commit. */
  leave(): void {
    this.runs--;
    this.sendIfAll();
  }

  private sendIfAll(): void {
    if (this.waiting.length > 0 && this.waiting.length === this.runs) void this.sendAll();
  }

  private sendAll(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    return this.send(this.waiting.splice(0));
  }

  /** Never rejects. */
  private async send(all: Waiting[]): Promise<void> {
    this.runs -= all.length;
    try {
      const commits = all.map(({ batch, commit }) => ({ batch, commit }));
      const answers = await actors.batch.commitChunks(this.broker, { commits });
      this.runs += all.length;
      for (const [i, one] of all.entries()) {
        const answer = answers[i] as (typeof answers)[number];
        if ("error" in answer) one.reject(answer.error);
        else one.resolve(answer.batch);
      }
    } catch (error) {
      this.runs += all.length;
      for (const one of all) one.reject(error);
    }
  }
}

/** A lock over the claims of a group, under one token. */
interface Lock {
  claims: LockedClaim[];
  token: string;
}

/** The locks of a group. They are extended independently of the work, until every run has released its share. */
export class GroupLock {
  private readonly broker: ServiceBroker;
  private readonly locks: Lock[];
  private readonly timer: NodeJS.Timeout;
  private holders = 0;

  /**
   * Locks those claims that no other worker has locked, and answers them as `free`. If no lock is available, the fence alone decides.
   */
  static async acquire(broker: ServiceBroker, batches: Claimable[], keeping: Keeping) {
    const claims = batches.map(({ publicId: batchId, fence }) => ({ batchId, fence }));
    const got = await actors.batchLock.acquireAll(broker, { claims });
    if (got.outcome !== "busy") {
      const locks = got.outcome === "acquired" ? [{ claims, token: got.token }] : [];
      return { free: batches, lock: new GroupLock(broker, locks, keeping) };
    }
    const each = await Promise.all(claims.map((claim) => actors.batchLock.acquire(broker, claim)));
    const locks = each.flatMap((one, i) =>
      one.outcome === "acquired" ? [{ claims: [claims[i] as LockedClaim], token: one.token }] : [],
    );
    const free = batches.filter((_batch, i) => each[i]?.outcome !== "busy");
    return { free, lock: new GroupLock(broker, locks, keeping) };
  }

  private constructor(broker: ServiceBroker, locks: Lock[], { everyMs, lost }: Keeping) {
    this.broker = broker;
    this.locks = locks;
    this.timer = setInterval(async () => {
      const held = this.locks.map((lock) => actors.batchLock.extendAll(broker, lock).catch(() => false));
      if (!(await Promise.all(held)).every((isHeld) => isHeld)) await lost();
    }, everyMs);
  }

  /** The share of one run. When the last run has released its share, the locks are released. */
  share(): { giveBack(): Promise<void> } {
    this.holders++;
    let given: Promise<void> | null = null;
    return {
      giveBack: () => {
        given ??= --this.holders === 0 ? this.free() : Promise.resolve();
        return given;
      },
    };
  }

  /** Locks that cannot be released expire. */
  async free(): Promise<void> {
    clearInterval(this.timer);
    await Promise.all(this.locks.map((lock) => actors.batchLock.releaseAll(this.broker, lock).catch(() => {})));
  }
}
