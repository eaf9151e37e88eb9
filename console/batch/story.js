/** What happened to a batch: when, who, why. Operators read it from its history; partners see the times of the batch itself. */
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

/** @param {HistoryEntry} entry */
function whatOf({ from, to, code, attempt, chunk, by }) {
  if (code === "retried") return "Rejected records sent again";
  if (from === null) return to === "held" ? "Received, and held" : "Received";
  if (code === "skipped") return "Skipped: others may go first";
  if (from === "processing" && to === "ready" && attempt !== null)
    return `Attempt ${count(attempt)} failed${chunk === null ? "" : ` at chunk ${count(chunk + 1)}`}`;
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
function iconOf({ from, to, code, attempt }) {
  if (code === "retried") return "retry";
  if (from === null) return "upload";
  if (attempt !== null && to === "ready") return "warning";
  return icons[to] ?? (to === "completed_with_errors" ? "warning" : to.startsWith("undo") ? "undo" : "stop");
}

/** @param {HistoryEntry} entry @returns {import("../ui/states.js").Tone} */
function toneIn({ from, to, code, attempt }) {
  if (attempt !== null && to === "ready") return "warn";
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

/** Of a batch whose history is not for the reader. @param {Batch} batch @returns {Entry[]} */
export function ownStoryOf({ createdAt, readyAt, startedAt, finishedAt, status, error }) {
  /** @type {Entry[]} */
  const entries = [{ at: createdAt, what: "Received", icon: "upload" }];
  if (readyAt) entries.push({ at: readyAt, what: "Ready" });
  if (startedAt) entries.push({ at: startedAt, what: "Work began", icon: "play", tone: "busy" });
  if (finishedAt)
    entries.push({
      at: finishedAt,
      what: whatOf(/** @type {any} */ ({ from: "processing", to: status, attempt: null, code: null, by: {} })),
      why: error ? html`${error.detail} <code>${error.code}</code>` : undefined,
      tone: toneOf(status),
      icon: icons[status] ?? "warning",
    });
  return entries;
}

/** @param {Entry[]} entries @param {Batch} batch @param {any} [waits] @returns {Entry[]} with what has not come yet */
export const withTheEnd = (entries, { finishedAt, status }, waits) =>
  finishedAt !== null && status !== "undoing"
    ? entries
    : [...entries, { at: null, what: "The end", why: waits, icon: "clock", tone: "wait" }];
