import { inTime } from "../../lib/time-limit.ts";

/** A batch that this worker holds. */
export interface Held {
  id: number;
  fence: number;
  /** Ends the run, because the batch is no longer this worker's, or the lease could not be renewed in time. */
  lose(why: string): void;
}

/**
 * Renews the leases of all batches that a worker holds, independently of the work. If a batch is missing in the answer, or has another
 * fence, another worker has taken it. If no answer comes for the length of a lease (monotonic clock), another worker may take the batch
 * at any moment, so its run ends.
 */
export class LeaseKeeper {
  private readonly held = new Map<number, { run: Held; renewedAt: number }>();
  private readonly leaseMs: number;
  private readonly extend: (ids: number[]) => Promise<{ id: number; fence: number }[]>;

  constructor(leaseMs: number, extend: (ids: number[]) => Promise<{ id: number; fence: number }[]>) {
    this.leaseMs = leaseMs;
    this.extend = extend;
  }

  hold(run: Held): void {
    this.held.set(run.id, { run, renewedAt: performance.now() });
  }

  /** A commit of a chunk has renewed the lease. */
  renewed(id: number): void {
    const entry = this.held.get(id);
    if (entry) entry.renewedAt = performance.now();
  }

  drop(id: number): void {
    this.held.delete(id);
  }

  /**
   * Renews all leases in one call. Never throws: after a failure the leases get older. A call without an answer counts as a failure,
   * because over a frozen connection the answer could come after the leases have expired.
   */
  async renew(): Promise<void> {
    // A batch that is claimed during the call is not in its answer, so the answer says nothing about it.
    const asked = [...this.held.values()];
    if (asked.length === 0) return;
    const askedAt = performance.now();
    try {
      const answer = await inTime(this.leaseMs / 3, this.extend(asked.map((entry) => entry.run.id)));
      const ours = new Map(answer.map(({ id, fence }) => [id, fence]));
      for (const entry of asked) this.judge(entry, ours.get(entry.run.id), askedAt);
    } catch {
      for (const { run, renewedAt } of asked)
        if (performance.now() - renewedAt > this.leaseMs) run.lose("its lease could not be renewed");
    }
  }

  private judge(entry: { run: Held; renewedAt: number }, fence: number | undefined, askedAt: number): void {
    if (this.held.get(entry.run.id) !== entry) return;
    if (fence === entry.run.fence) entry.renewedAt = Math.max(entry.renewedAt, askedAt);
    else entry.run.lose("its fence was raised");
  }
}
