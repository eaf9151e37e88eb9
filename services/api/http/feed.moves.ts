/** Whether the figures tell that batches have moved since the last look. */
import { movingStates } from "../../batch/batch.domain.ts";
import type { SystemStats } from "../../monitor/monitor.contract.ts";

/** Batches are looked at after this many looks even without a sign: two moves may leave each state with as many as before. */
const QUIET_LOOKS = 10;

export class BatchSigns {
  private figured = "";
  private quietLooks = 0;
  private isExpected = true;

  /** Batches that run, or wait only for a worker, move by themselves. Others have moved where a state has more or fewer of them. */
  notice(states: SystemStats["batches"]): void {
    const now = JSON.stringify(Object.entries(states).sort());
    this.isExpected ||= now !== this.figured || movingStates.some((state) => (states[state] ?? 0) > 0);
    this.figured = now;
  }

  /** Whether this look has to read batches that no stream has named. */
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
