/** What a worker takes at once: a batch, or small ones that are claimed, committed and published together. */
import type { Candidate } from "../../database/store.ts";
import type { SizedCandidate } from "./batchProcessor.sizes.ts";

/** What a worker has to know of a batch to try for it. */
export type Claimable = Pick<Candidate, "id" | "publicId" | "fence">;

/** It takes one slot of the worker. */
export interface Unit {
  batches: Claimable[];
  isGroup: boolean;
}

/** The batches of a group. All of it takes some ten ms, far less than a slice; more gain little, and make the first one wait. */
export const MOST_TOGETHER = 32;
const MOST_RECORDS = 5_000;
const MOST_BYTES = 1024 * 1024;

interface Situation {
  /** Slots that are free. */
  slots: number;
  /** A group is being worked here. */
  isGrouping: boolean;
}

/**
 * Candidates, in their order, as units: at most one group. While a group runs here another one begins only when it is full:
 * what comes meanwhile goes together with the next, and a batch that comes alone waits for nobody. `isAll`: there are no more.
 */
export function unitsOf(
  candidates: SizedCandidate[],
  { slots, isGrouping }: Situation,
): { found: Unit[]; isAll: boolean } {
  const places = new Places();
  const group = new Group();
  const alone: Unit[] = [];
  let isAll = true;
  for (const candidate of candidates) {
    if (candidate.isSmall) {
      if (group.fits(candidate) && places.share(candidate)) group.add(candidate);
      else isAll = false;
    } else if (alone.length < slots && places.take(candidate)) alone.push({ batches: [candidate], isGroup: false });
  }
  const isWanted = group.batches.length > 0 && (!isGrouping || group.isFull);
  const units = isWanted ? [{ batches: group.batches, isGroup: true }, ...alone] : alone;
  return { found: units.slice(0, slots), isAll: isAll && units.length < slots };
}

class Group {
  readonly batches: SizedCandidate[] = [];
  isFull = false;
  private records = 0;
  private bytes = 0;

  fits({ records, bytes }: SizedCandidate): boolean {
    this.isFull ||=
      this.batches.length >= MOST_TOGETHER || this.records + records > MOST_RECORDS || this.bytes + bytes > MOST_BYTES;
    return !this.isFull;
  }

  add(candidate: SizedCandidate): void {
    this.batches.push(candidate);
    this.records += candidate.records;
    this.bytes += candidate.bytes;
    if (this.batches.length === MOST_TOGETHER) this.isFull = true;
  }
}

/** The places that each client has left. */
class Places {
  private readonly taken = new Map<number, number>();
  private readonly sharing = new Set<number>();

  take({ clientId, room }: SizedCandidate): boolean {
    const taken = this.taken.get(clientId) ?? 0;
    if (taken >= room) return false;
    this.taken.set(clientId, taken + 1);
    return true;
  }

  /** One for all of the client's in the group. */
  share(candidate: SizedCandidate): boolean {
    if (!this.sharing.has(candidate.clientId) && !this.take(candidate)) return false;
    this.sharing.add(candidate.clientId);
    return true;
  }
}
