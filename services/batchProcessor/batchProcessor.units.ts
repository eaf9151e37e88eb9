/** A unit is what a worker claims at once: a batch, or a group of small ones. */
import type { Candidate } from "../batch/batch.domain.ts";
import type { SizedCandidate } from "./batchProcessor.sizes.ts";

/** What a worker needs to claim a batch. */
export type Claimable = Pick<Candidate, "id" | "publicId" | "fence">;

/** One batch or one group. It takes one slot of the worker. */
export interface Unit {
  batches: Claimable[];
  isGroup: boolean;
}

/**
 * The most batches of a group. A group takes about ten ms, much less than a slice. Larger groups gain little and delay
 * their first batch.
 */
export const MOST_TOGETHER = 32;
const MOST_RECORDS = 5_000;
const MOST_BYTES = 1024 * 1024;

interface Situation {
  /** Free slots. */
  slots: number;
  /** Whether a group has just started on this worker. */
  isGrouping: boolean;
}

export interface Look {
  found: Unit[];
  /** Whether no candidate was left out. */
  isAll: boolean;
  /** Whether small batches were left for the next group. */
  isLeft: boolean;
}

/**
 * Candidates as units, in the order of their turns, with one group at most. A group has the turn of its first batch, so that a
 * flood of small batches does not delay a larger one. If a group has just begun here, the next one begins only when it is full:
 * small batches that arrive meanwhile go into it together. A small batch that arrives alone does not wait.
 */
export function unitsOf(candidates: SizedCandidate[], { slots, isGrouping }: Situation): Look {
  const places = new Places();
  const group = new Group();
  const units: Unit[] = [];
  let isAll = true;
  for (const candidate of candidates) {
    if (!candidate.isSmall) {
      if (places.take(candidate)) units.push({ batches: [candidate], isGroup: false });
    } else if (group.fits(candidate) && places.share(candidate)) {
      if (group.batches.length === 0) units.push({ batches: group.batches, isGroup: true });
      group.add(candidate);
    } else isAll = false;
  }
  const isLeft = isGrouping && group.batches.length > 0 && !group.isFull;
  const found = isLeft ? units.filter(({ isGroup }) => !isGroup) : units;
  return { found: found.slice(0, slots), isAll: isAll && found.length < slots, isLeft };
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

/** How many more batches each client may run. */
class Places {
  private readonly taken = new Map<number, number>();
  private readonly sharing = new Set<number>();

  take({ clientId, room }: SizedCandidate): boolean {
    const taken = this.taken.get(clientId) ?? 0;
    if (taken >= room) return false;
    this.taken.set(clientId, taken + 1);
    return true;
  }

  /** The group takes one place of the client, however many of the client's batches it has. */
  share(candidate: SizedCandidate): boolean {
    if (!this.sharing.has(candidate.clientId) && !this.take(candidate)) return false;
    this.sharing.add(candidate.clientId);
    return true;
  }
}
