/**
 * The steps of a batch in a worker, over one record (Run):
 *
 *   lock ─► claim ─► load ─► (read ─► reserve ─► deliver ─► commit)* ─► settle ─► release
 *
 * Each step is for one batch, so that a group of batches can take the same steps together. A run ends with one of a
 * closed set of outcomes (Outcome); only `settle` writes it. A kill between two steps loses nothing and repeats nothing.
 */

import type { ServiceBroker } from "moleculer";
import { actors } from "../actors.ts";
import type { Claim } from "../batch/batch.contract.ts";
import { logOf } from "../batches.ts";
import { GroupCommits, GroupLock } from "./batchProcessor.group.ts";
import type { LeaseKeeper } from "./batchProcessor.leases.ts";
import { giveBack, type Keeping, KeptLock, type Lock } from "./batchProcessor.lock.ts";
import type { Started } from "./batchProcessor.loop.ts";
import { Orphans } from "./batchProcessor.orphans.ts";
import { logOutcome, outcomeOf } from "./batchProcessor.outcomes.ts";
import { NODE_STOPS, type Run } from "./batchProcessor.run.ts";
import { Snoozed } from "./batchProcessor.snoozed.ts";
import { overtaken, readAhead, workThrough } from "./batchProcessor.steps.ts";
import type { Tools } from "./batchProcessor.tools.ts";
import { beginTrace, endTrace, inRun } from "./batchProcessor.traces.ts";
import type { Claimable, Unit } from "./batchProcessor.units.ts";

export interface ExecutorParts extends Omit<Tools, "renewed"> {
  logger: ServiceBroker["logger"];
  /** This worker's name in the rows of its batches. */
  owner: string;
  leases: LeaseKeeper;
  /** How often a lock is extended. */
  extendLockMs: number;
  /** Wakes the loop while the group still runs: some of its batches have ended, so their clients have free places. */
  wake(): void;
}

/** The usual upper bound of a group's run time. */
export const GROUP_MS = 200;

export class Executor {
  readonly snoozed: Snoozed;
  private readonly orphans: Orphans;
  private readonly parts: ExecutorParts;
  private readonly tools: Tools;
  private readonly broker: ServiceBroker;
  private readonly logger: ServiceBroker["logger"];
  /** The current runs, by the public id of their batch. */
  private readonly runs = new Map<string, Run>();
  /** Start times of the current groups. */
  private readonly groups = new Set<number>();

  constructor(parts: ExecutorParts) {
    this.parts = parts;
    this.broker = parts.broker;
    this.logger = parts.logger;
    this.tools = { ...parts, renewed: (id) => parts.leases.renewed(id) };
    this.orphans = new Orphans(parts.broker, parts.owner);
    this.snoozed = new Snoozed(parts.broker);
  }

  /** The public ids of the batches that run. */
  get running(): string[] {
    return [...this.runs.keys()];
  }

  /** Whether a group runs that has begun a short time ago. The loop waits for such a group, but not for a slow one. */
  get isGrouping(): boolean {
    return [...this.groups].some((beganAt) => performance.now() - beganAt < GROUP_MS);
  }

  /** Claims a batch, or a group, and starts its runs. Null: another worker has it. Throws if the outcome of the claim is unknown. */
  start({ batches, isGroup }: Unit): Promise<Started | null> {
    return isGroup ? this.startGroup(batches) : this.startOne(batches[0] as Claimable);
  }

  private async startOne(candidate: Claimable): Promise<Started | null> {
    const from = Date.now();
    const lock = await this.lock(candidate);
    if (lock === "busy") return null;
    const claim = await this.claim(candidate, lock);
    if (!claim) return null;
    const kept = lock && new KeptLock(this.broker, lock, this.keeping());
    return { end: this.execute(this.load(claim, { lock: kept, group: null, trace: beginTrace(claim, from) })) };
  }

  /** The batches of a group share the lock, the claim and the commits. Each has a run of its own between them. */
  private async startGroup(batches: Claimable[]): Promise<Started | null> {
    const from = Date.now();
    const { free, lock } = await GroupLock.acquire(this.broker, batches, this.keeping());
    const claims = await this.claimGroup(free).catch(async (error: unknown) => {
      await lock.free();
      throw error;
    });
    if (claims.length === 0) {
      await lock.free();
      return null;
    }
    const group = new GroupCommits(this.broker, claims.length, () => this.parts.wake());
    const beganAt = performance.now();
    this.groups.add(beganAt);
    const runs = claims.map((claim) => this.load(claim, { lock: lock.share(), group, trace: beginTrace(claim, from) }));
    const ended = Promise.all(runs.map((run) => this.execute(run))).then(() => {
      this.groups.delete(beganAt);
    });
    return { end: ended };
  }

  private async claimGroup(batches: Claimable[]): Promise<Claim[]> {
    if (batches.length === 0) return [];
    try {
      return await actors.batch.claimGroup(this.broker, { ids: batches.map(({ id }) => id), owner: this.parts.owner });
    } catch (error) {
      for (const { publicId } of batches) this.orphans.add(publicId);
      throw error;
    }
  }

  private keeping(): Keeping {
    return { everyMs: this.parts.extendLockMs, lost: () => this.parts.leases.renew() };
  }

  /** Everything after the claim. Never rejects. */
  private async execute(run: Run): Promise<void> {
    await inRun(run, async () => {
      await this.work(run);
      run.group?.leave();
      await this.settle(run);
    });
    if (run.trace) endTrace(run.trace, run.outcome);
    await this.release(run);
  }

  /** Takes the lock. Null: no lock is available, and the fence alone decides. */
  private async lock({ publicId: batchId, fence }: Claimable): Promise<Lock | null | "busy"> {
    const got = await actors.batchLock.acquire(this.broker, { batchId, fence });
    if (got.outcome === "busy") return "busy";
    return got.outcome === "acquired" ? { batchId, fence, token: got.token } : null;
  }

  /** Claims the batch. Null: another worker was faster. A claim that throws may still have been written. */
  private async claim({ id, publicId }: Claimable, lock: Lock | null): Promise<Claim | null> {
    let claim: Claim | null = null;
    try {
      claim = await actors.batch.claim(this.broker, { id, owner: this.parts.owner });
      return claim;
    } catch (error) {
      this.orphans.add(publicId);
      throw error;
    } finally {
      if (!claim && lock) await giveBack(this.broker, lock);
    }
  }

  /** Makes the record of the run. From now on its lease and lock are renewed, and its first chunk is read. */
  private load(
    { batch, chunk, policy, scope, clientPublicId, clientIdentifier }: Claim,
    own: Pick<Run, "lock" | "group" | "trace">,
  ): Run {
    const { leases } = this.parts;
    const stop = new AbortController();
    // Releases the lock at once: the run may hang, and the worker that has the batch now must not wait for this lock.
    stop.signal.addEventListener("abort", () => void own.lock?.giveBack());
    const run: Run = {
      batch,
      policy,
      ...(scope !== undefined && { scope }),
      clientPublicId,
      clientIdentifier,
      ...own,
      beganAt: performance.now(),
      stop,
      ahead: null,
      behind: null,
      sent: null,
      hasEntered: false,
      seen: null,
      chunk: null,
      chunkBeganAt: 0,
      outcome: null,
    };
    leases.hold({ id: batch.id, fence: batch.fence, lose: (why) => stop.abort(why) });
    this.runs.set(batch.publicId, run);
    readAhead(this.tools, run, batch, chunk);
    return run;
  }

  private async work(run: Run): Promise<void> {
    try {
      await workThrough(this.tools, run);
    } catch (error) {
      run.outcome = outcomeOf(error, run, logOf(this.logger, run.batch));
    }
  }

  /** Writes the outcome, unless the last commit has ended the batch. If that fails, the batch is an orphan for now. */
  private async settle({ batch, outcome }: Run): Promise<void> {
    if (!outcome || outcome.outcome === "done") return;
    const { publicId } = batch;
    const log = logOf(this.logger, batch);
    logOutcome(log, batch, outcome);
    try {
      const isSettled = outcome.outcome !== "lost" && (await this.snoozed.settle(batch, outcome));
      if (isSettled) return;
      this.orphans.add(publicId);
      if (outcome.outcome !== "lost") logOutcome(log, batch, overtaken);
    } catch (error) {
      this.orphans.add(publicId);
      log.error("The outcome of the run could not be written:", error);
    }
  }

  private async release({ batch, lock, stop }: Run): Promise<void> {
    this.parts.leases.drop(batch.id);
    this.runs.delete(batch.publicId);
    // This also ends the read of the next chunk.
    stop.abort("the run is over");
    await lock?.giveBack();
  }

  /** Throws when the database is away. */
  handBackOrphans(): Promise<void> {
    return this.orphans.handBack((batchId) => this.runs.has(batchId));
  }

  /** Aborts all runs, because a handler that does not answer must not keep a node from stopping. Another node runs the chunk again. */
  abandon(): void {
    for (const { stop } of this.runs.values()) stop.abort(NODE_STOPS);
  }
}
