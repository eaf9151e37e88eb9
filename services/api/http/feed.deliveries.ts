/**
 * Decides when event streams list the newest deliveries, and finds which deliveries have changed since the last list.
 */
import type { SystemStats } from "../../monitor/monitor.contract.ts";
import type { DeliveryRow } from "../../webhook/webhook.domain.ts";

/**
 * After this many looks, deliveries are listed even without a sign of news: a delivery may be made and sent between two
 * looks.
 */
const QUIET_LOOKS = 10;
/**
 * After this many looks, deliveries are listed if no figures are read that could tell of news. A list is two queries,
 * so lists then cost less than one query a second.
 */
const BLIND_LOOKS = 3;
/** The most deliveries that a look lists. */
export const NEWEST_DELIVERIES = 50;

export class DeliveryNews {
  /** The state of each delivery in the last list. Null if there was no list yet. */
  private last: Map<string, string> | null = null;
  /** What the figures said of deliveries at the last look. */
  private figured = "";
  private quietLooks = 0;
  /** Whether there may be news of deliveries, so that the next look must list them. */
  private isExpected = true;
  /** Whether the figures have changed since the last list. */
  private isUnexplained = false;
  /**
   * Whether deliveries may have changed that the last list had no room for. Readers of the streams then have to read
   * them again.
   */
  isMissing = false;

  /** Makes the next look list deliveries, because some deliveries may have changed. */
  expect(): void {
    this.isExpected = true;
  }

  /** Notices signs of news in the figures: the figures have changed, or deliveries are due. */
  notice({ due, failed24h }: SystemStats["deliveries"]): void {
    const now = `${due} ${failed24h}`;
    this.isExpected ||= due > 0 || now !== this.figured;
    this.isUnexplained ||= now !== this.figured;
    this.figured = now;
  }

  /** Whether this look has to list deliveries. */
  isLookDue(hasFigures: boolean): boolean {
    if (!this.isExpected && ++this.quietLooks < (hasFigures ? QUIET_LOOKS : BLIND_LOOKS)) return false;
    this.isExpected = false;
    this.quietLooks = 0;
    return true;
  }

  /**
   * The newest deliveries that were not in the last list, or had another state there, oldest first. The first list
   * tells of no changes.
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
