import { inTime } from "../../lib/time-limit.ts";

/** A batch that this worker holds. */
export interface Held {
  id: number;
  fence: number;
  /** Ends the run: the batch is no longer ours, or we can no longer know. */
  lose(why: string): void;
}

/**
 * Renews the leases of all batches that a worker holds, apart from the work itself. A batch that is missing
 * in the answer, or has another fence there, was taken away. If no answer comes for a whole lease (monotonic clock), the
 * batch may be taken away at any moment, so its run ends.
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

  /** A chunk's commit has moved the lease. */
  renewed(id: number): void {
    const entry = this.held.get(id);
    if (entry) entry.renewedAt = performance.now();
  }

  drop(id: number): void {
    this.held.delete(id);
  }

  /**
   * Renews all leases in one call. Never throws: after a failure the leases get older. An answer that hangs is one:
   * over a frozen link it would come only when the lease is long over.
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
