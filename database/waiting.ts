/** Choosing batches: a look at the clients that may have some, and what becomes of those that turn out to have none. */
import type { Candidate } from "./store.ts";

/** A batch that may be claimed, or a client that a look found without one. */
export type Seen = Candidate | { id: null; clientId: number };

export interface Looking {
  /**
   * Walks `limit + spare` clients in the order of their turns. Answers those without a batch, and at least as many batches as
   * are wanted.
   */
  look(limit: number, spare: number): Promise<Seen[]>;
  /** Writes down when each client's next batch is due. A client of which a batch becomes ready right now is left as it is. */
  settle(clientIds: number[]): Promise<void>;
}

/**
 * Clients without a batch that a look may pass by. Each costs a look-up; to write down that it has none costs a commit,
 * so that is done for many at once.
 */
const SPARE = 16;
const MORE = 16;

/** At most `limit + together` batches that may be claimed, in the order of fairness. */
export async function chosen({ look, settle }: Looking, limit: number, together = 0): Promise<Candidate[]> {
  for (let spare = SPARE; ; spare *= MORE) {
    const seen = await look(limit, spare);
    const found = seen.filter((one): one is Candidate => one.id !== null);
    const without = seen.filter(({ id }) => id === null).map(({ clientId }) => clientId);
    if (without.length >= SPARE) await settle(without);
    const walked = without.length + new Set(found.map(({ clientId }) => clientId)).size;
    if (found.length >= limit || walked < limit + spare) return found.slice(0, limit + together);
  }
}
