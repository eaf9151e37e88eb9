/**
 * Chooses the batches that a worker may claim. Reads clients in the order of their turns, and notes clients without a
 * batch.
 */
import type { Candidate } from "../services/batch/batch.domain.ts";

/** A batch that may be claimed, or (id null) a client that has none. */
export type Seen = Candidate | { id: null; clientId: number };

export interface CandidateSource {
  /** Reads `limit + spare` clients in the order of their turns. Answers their batches, and the clients without one. */
  look(limit: number, spare: number): Promise<Seen[]>;
  /** Writes when each client's next batch is due. Skips a client for which a batch becomes ready at this moment. */
  settle(clientIds: number[]): Promise<void>;
}

/** How many clients without a batch one read may meet. Each costs a look-up; `settle` costs a commit, so it takes many at once. */
const SPARE = 16;
/** If a read finds too few batches, the next read may find this many times more. */
const MORE = 16;

/** At most `limit + groupSize` batches that may be claimed, fair among clients: in the order of their turns. */
export async function chooseCandidates(
  { look, settle }: CandidateSource,
  limit: number,
  groupSize = 0,
): Promise<Candidate[]> {
  for (let spare = SPARE; ; spare *= MORE) {
    const seen = await look(limit, spare);
    const found = seen.filter((one): one is Candidate => one.id !== null);
    const without = seen.filter(({ id }) => id === null).map(({ clientId }) => clientId);
    if (without.length >= SPARE) await settle(without);
    const walked = without.length + new Set(found.map(({ clientId }) => clientId)).size;
    if (found.length >= limit || walked < limit + spare) return found.slice(0, limit + groupSize);
  }
}
