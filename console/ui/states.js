/** The states of everything that has a state. Each has an icon and a word, never a colour alone. */
import { html } from "./html.js";
import { Icon } from "./icons.js";

/** @typedef {"good" | "warn" | "bad" | "busy" | "wait" | "calm"} Tone */

/** @type {Record<string, [icon: string, word: string, tone: Tone]>} */
const states = {
  // batches
  receiving: ["upload", "receiving", "wait"],
  received: ["clock", "received", "wait"],
  ready: ["clock", "ready", "wait"],
  processing: ["play", "processing", "busy"],
  completed: ["check", "completed", "good"],
  completed_with_errors: ["warning", "completed with errors", "warn"],
  failed: ["error", "failed", "bad"],
  rejected: ["cross", "rejected", "bad"],
  held: ["pause", "held", "warn"],
  cancelled: ["stop", "cancelled", "calm"],
  validated: ["check", "validated", "good"],
  undoing: ["undo", "undoing", "busy"],
  undone: ["undo", "undone", "calm"],
  // rejected records
  corrected: ["check", "corrected", "good"],
  open: ["clock", "not yet corrected", "wait"],
  // clients
  active: ["check", "active", "good"],
  disabled: ["lock", "disabled", "bad"],
  paused: ["pause", "paused", "warn"],
  at_limit: ["warning", "at its limit", "warn"],
  legal_hold: ["lock", "legal hold", "warn"],
  erased: ["check", "erased", "calm"],
  // deliveries
  pending: ["clock", "pending", "wait"],
  webhook_off: ["error", "webhook off", "bad"],
  delivered: ["check", "delivered", "good"],
  // nodes and servers
  up: ["check", "up", "good"],
  ok: ["check", "ok", "good"],
  degraded: ["warning", "degraded", "warn"],
  unavailable: ["error", "unavailable", "bad"],
  down: ["error", "down", "bad"],
  off: ["stop", "off", "calm"],
  unreachable: ["error", "unreachable", "bad"],
  // others
  expired: ["clock", "expired", "bad"],
  running: ["play", "running", "busy"],
  done: ["check", "done", "good"],
};

/** @param {string} state */
export const wordOf = (state) => states[state]?.[1] ?? state.replaceAll("_", " ");

/** @param {string} state */
export const iconOf = (state) => states[state]?.[0] ?? "info";

/** @param {string} state @returns {Tone} */
export const toneOf = (state) => states[state]?.[2] ?? "calm";

/** @param {{ of: string, more?: string }} props `more`: a text after the word, such as "for 12 s" */
export function State({ of, more }) {
  const [icon, word, tone] = states[of] ?? ["info", wordOf(of), "calm"];
  return html`<span class=${`state ${tone}`}><${Icon} name=${icon} />${word}${more ? ` ${more}` : ""}</span>`;
}
