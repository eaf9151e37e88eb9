/** Moves many batches in pieces, so that each call is short and a bar can show the progress. */
import { post } from "../api/client.js";
import { asProblem } from "../api/problem.js";

/** @import { Query } from "../types.d.ts" */
/** @import { ApiProblem } from "../api/problem.js" */

/** @typedef {{ ids: string[] } | { filter: Query }} Which */
/** @typedef {{ id: string, code: string }[]} Refused */
/** @typedef {{ matched: number, isMore: boolean, examples: string[], done: number, refused: Refused, remaining: number, next: string | null }} Moved */

/**
 * @typedef {object} Outcome
 * @property {number} done
 * @property {Refused} refused
 * @property {number} left batches that were not reached, because the work was stopped or a call failed
 * @property {ApiProblem | null} problem why it has ended early
 */

const PIECE = 100;

/** @param {Which} which @param {string | null} cursor @param {number} at @param {number} limit */
const pieceOf = (which, cursor, at, limit) =>
  "ids" in which ? { ids: which.ids.slice(at, at + limit) } : { ...which, limit, ...(cursor !== null && { cursor }) };

/**
 * Moves the first `most` batches. Throws an ApiProblem if the first call fails; a later problem is part of the outcome.
 * @param {object} body `action` and `reason`
 * @param {Which} which
 * @param {object} how
 * @param {number} how.most
 * @param {() => boolean} how.isStopped
 * @param {(looked: number) => void} how.onProgress
 * @returns {Promise<Outcome>}
 */
export async function moveInPieces(body, which, { most, isStopped, onProgress }) {
  const outcome = /** @type {Outcome} */ ({ done: 0, refused: [], left: most, problem: null });
  let cursor = /** @type {string | null} */ (null);
  while (outcome.left > 0 && !isStopped()) {
    const at = most - outcome.left;
    try {
      const piece = pieceOf(which, cursor, at, Math.min(PIECE, outcome.left));
      const moved = /** @type {Moved} */ (await post("/admin/batches/actions", { ...body, ...piece }));
      outcome.done += moved.done;
      outcome.refused.push(...moved.refused);
      outcome.left -= moved.matched - moved.remaining;
      onProgress(most - outcome.left);
      cursor = moved.next;
      // Fewer batches match now than in the dry run.
      if ("filter" in which && cursor === null && moved.remaining === 0) outcome.left = 0;
    } catch (error) {
      if (at === 0) throw error;
      outcome.problem = asProblem(error);
      return outcome;
    }
  }
  return outcome;
}
