/**
 * What operators can do with a batch: when it is offered, what its consequence is, and what it is called afterwards. The table
 * holds for one batch and for many.
 */

/** @import { Batch } from "../types.d.ts" */

/** @typedef {"approve" | "reject" | "redrive" | "skip" | "cancel" | "commit" | "retry"} MoveName */

/**
 * @typedef {object} Move
 * @property {MoveName} name of the call: `POST /admin/batches/{id}/approve`
 * @property {string} label the button
 * @property {string} done "approved": what is said afterwards
 * @property {string} consequence of one batch
 * @property {string} icon
 * @property {readonly Batch["status"][]} from
 * @property {boolean} [isDanger]
 * @property {"optional" | "required"} reason
 */

/** @type {Move[]} */
export const moves = [
  {
    name: "approve",
    label: "Approve",
    done: "approved",
    consequence: "It becomes ready, and workers store its records as soon as one is free.",
    icon: "check",
    from: ["held"],
    reason: "optional",
  },
  {
    name: "reject",
    label: "Reject",
    done: "rejected",
    consequence:
      "It ends as rejected: none of its records is stored. Its partner sees that, and your reason. This cannot be taken back.",
    icon: "cross",
    from: ["held"],
    isDanger: true,
    reason: "required",
  },
  {
    name: "commit",
    label: "Commit",
    done: "committed",
    consequence:
      "Its file was only checked. Now its records are checked again and stored, by its partner's rules of today. It may still be held, as any upload.",
    icon: "check",
    from: ["validated"],
    reason: "optional",
  },
  {
    name: "redrive",
    label: "Redrive",
    done: "redriven",
    consequence: "It goes on where it failed, with all its attempts again. What is stored already is not stored twice.",
    icon: "retry",
    from: ["failed"],
    reason: "optional",
  },
  {
    name: "skip",
    label: "Skip",
    done: "skipped",
    consequence:
      "Batches behind it need not wait for it any longer. It keeps its state; if it goes on later, it comes last.",
    icon: "chevron",
    from: ["failed", "held"],
    reason: "optional",
  },
  {
    name: "cancel",
    label: "Cancel",
    done: "cancelled",
    consequence:
      "It stops after the chunk at hand. What it has stored stays; the rest is never stored. It cannot go on afterwards.",
    icon: "stop",
    from: ["received", "held", "ready", "processing"],
    isDanger: true,
    reason: "optional",
  },
];

/** Only for many batches. A single batch has a button of its own, which leads to the new batch. @type {Move} */
const retry = {
  name: "retry",
  label: "Retry rejected of",
  done: "sent again",
  consequence: "Its rejected records become a new batch of the same partner, checked by today's rules.",
  icon: "retry",
  from: ["completed_with_errors"],
  reason: "optional",
};

export const movesOfMany = [...moves, retry];

/** @param {Batch} batch */
export const movesOf = ({ status, hold }) =>
  moves.filter(
    ({ name, from }) =>
      from.includes(status) &&
      // A batch that waits only for the one in front cannot be approved.
      !(name === "approve" && hold?.reason === "order"),
  );

/** States whose records can be taken back. */
export const undoable = ["completed", "completed_with_errors", "failed", "cancelled"];
