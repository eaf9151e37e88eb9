/** The history of a batch in words: when, what, who, why. */
import { html } from "../ui/html.js";
import { count } from "../ui/numbers.js";
import { toneOf, wordOf } from "../ui/states.js";

/** @import { Batch, HistoryEntry } from "../types.d.ts" */
/** @import { Entry } from "../ui/timeline.js" */

/** @type {Record<string, string>} */
const holds = {
  approval: "an operator has to approve it",
  window: "its window is not open",
  order: "a batch in front of it has not ended",
};

/** @param {Pick<HistoryEntry, "from" | "to" | "code">} entry */
const isFailedAttempt = ({ from, to, code }) => from === "processing" && to === "ready" && code !== null;

/** @param {HistoryEntry} entry */
function whatOf({ from, to, code, attempt, chunk, by }) {
  if (code === "retried") return "Rejected records sent again";
  if (from === null) return to === "held" ? "Received, and held" : "Received";
  if (code === "skipped") return "Skipped: others may go first";
  if (isFailedAttempt({ from, to, code }))
    return `${attempt === null ? "An attempt" : `Attempt ${count(attempt)}`} failed${chunk === null ? "" : ` at chunk ${count(chunk + 1)}`}`;
  if (from === "validated") return "Committed";
  if (from === "held" && to === "ready") return by.kind === "operator" ? "Approved" : "Released";
  if (from === "failed" && to === "ready") return "Redriven";
  if (to === "processing") return "Work began";
  if (to === "ready") return "Ready";
  const word = wordOf(to);
  return word[0]?.toUpperCase() + word.slice(1);
}

/** @type {Record<string, string>} */
const icons = {
  ready: "clock",
  processing: "play",
  completed: "check",
  validated: "check",
  held: "pause",
  failed: "error",
};

/** @param {HistoryEntry} entry */
function iconOf({ from, to, code }) {
  if (code === "retried") return "retry";
  if (from === null) return "upload";
  if (isFailedAttempt({ from, to, code })) return "warning";
  return icons[to] ?? (to === "completed_with_errors" ? "warning" : to.startsWith("undo") ? "undo" : "stop");
}

/** @param {HistoryEntry} entry @returns {import("../ui/states.js").Tone} */
function toneIn({ from, to, code }) {
  if (isFailedAttempt({ from, to, code })) return "warn";
  if (from === null || to === "ready" || code === "retried") return to === "held" ? "warn" : "calm";
  return toneOf(to);
}

/** @param {HistoryEntry} entry */
const whoOf = ({ by: { kind, name }, node }) => (kind === "system" ? undefined : (name ?? node ?? kind));

/** @param {HistoryEntry} entry */
function whyOf({ code, detail, reason }) {
  const hold = code === null ? undefined : holds[code];
  const told = code === "retried" || code === "skipped" ? detail : hold ? `Because ${hold}.` : detail;
  return (
    (told || reason || code) &&
    html`${reason && html`<q>${reason}</q> `}${told}${code && !hold && code !== "retried" && code !== "skipped" && html` <code>${code}</code>`}`
  );
}

/** @param {HistoryEntry[]} items @returns {Entry[]} */
export const storyOf = (items) =>
  items.map((entry) => ({
    at: entry.at,
    what: whatOf(entry),
    who: whoOf(entry),
    why: whyOf(entry),
    tone: toneIn(entry),
    icon: iconOf(entry),
  }));

/**
 * @param {Entry[]} entries
 * @param {Batch} batch
 * @param {any} [waits]
 * @returns {Entry[]} the entries, and a last one for a batch that has not ended
 */
export const withTheEnd = (entries, { finishedAt, status }, waits) =>
  finishedAt !== null && status !== "undoing"
    ? entries
    : [...entries, { at: null, what: "The end", why: waits, icon: "clock", tone: "wait" }];
