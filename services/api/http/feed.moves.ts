/** Tells from the figures whether batches may have moved since the last look of the event streams. */
import { movingStates } from "../../batch/batch.domain.ts";
import type { SystemStats } from "../../monitor/monitor.contract.ts";

/**
 * After this many looks, batches are read even without a sign: two moves may leave each state with as many batches as
 * before.
 */
const QUIET_LOOKS = 10;

export class BatchSigns {
  private figured = "";
  private quietLooks = 0;
  private isExpected = true;

  /**
   * Notices signs of moves in the figures. Batches that run, or wait only for a worker, move by themselves. Other
   * batches have moved if the number of batches in a state has changed.
   */
  notice(states: SystemStats["batches"]): void {
    const now = JSON.stringify(Object.entries(states).sort());
    this.isExpected ||= now !== this.figured || movingStates.some((state) => (states[state] ?? 0) > 0);
    this.figured = now;
  }

  /** Whether this look has to read the batches, although no event has named one. */
  isLookDue(): boolean {
    if (!this.isExpected && ++this.quietLooks < QUIET_LOOKS) return false;
    this.isExpected = false;
    this.quietLooks = 0;
    return true;
  }

  reset(): void {
    this.isExpected = true;
  }
}
