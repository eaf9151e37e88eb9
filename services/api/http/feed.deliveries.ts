/** When event streams list the newest deliveries, and which of them have changed since. */
import type { SystemStats } from "../../monitor/monitor.contract.ts";
import type { DeliveryRow } from "../../webhook/webhook.domain.ts";

/** Deliveries are listed after this many looks even without a sign of news: one may be made and sent between two looks. */
const QUIET_LOOKS = 10;
/** The same where no figures tell of news. A list is two queries: so streams cost less than one a second. */
const BLIND_LOOKS = 3;
/** Deliveries that a look lists. */
export const NEWEST_DELIVERIES = 50;

export class DeliveryNews {
  /** The state of each delivery in the last list. Null: there was no list yet. */
  private last: Map<string, string> | null = null;
  /** What the figures said of deliveries last. */
  private figured = "";
  private quietLooks = 0;
  /** Something tells that there may be news of deliveries. */
  private isExpected = true;
  /** Whether the figures have changed since the last list. */
  private isUnexplained = false;
  /** Deliveries that the last list had no room for may have changed: their readers read again. */
  isMissing = false;

  /** Makes the next look list deliveries, because some may have changed. */
  expect(): void {
    this.isExpected = true;
  }

  /** Figures that have changed, and deliveries that are due, are signs of news. */
  notice({ due, failed24h }: SystemStats["deliveries"]): void {
    const now = `${due} ${failed24h}`;
    this.isExpected ||= due > 0 || now !== this.figured;
    this.isUnexplained ||= now !== this.figured;
    this.figured = now;
  }

  /** Whether this look lists deliveries. */
  isLookDue(hasFigures: boolean): boolean {
    if (!this.isExpected && ++this.quietLooks < (hasFigures ? QUIET_LOOKS : BLIND_LOOKS)) return false;
    this.isExpected = false;
    this.quietLooks = 0;
    return true;
  }

  /**
   * The newest deliveries that were not in the last list, or had another state there, oldest first. After the first list there
   * are none.
   */
  changed(newest: DeliveryRow[]): DeliveryRow[] {
    const before = this.last;
    this.last = new Map(
      newest.map(({ publicId, state, dueAt, attempts }) => [publicId, `${state} ${dueAt} ${attempts.length}`]),
    );
    const now = this.last;
    const changed = before ? newest.filter(({ publicId }) => before.get(publicId) !== now.get(publicId)) : [];
    const isFull = before !== null && newest.length >= NEWEST_DELIVERIES;
    this.isMissing = isFull && (changed.length === newest.length || (this.isUnexplained && changed.length === 0));
    this.isUnexplained = false;
    return changed.reverse();
  }

  reset(): void {
    this.last = null;
    this.isExpected = true;
  }
}
