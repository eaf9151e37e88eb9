/** Short messages at the edge of the page about what was just done. An error is shown beside the thing that it is about. */
import { signal } from "@preact/signals";
import { asProblem } from "../api/problem.js";
import { href } from "../state/router.js";
import { html } from "./html.js";
import { Icon } from "./icons.js";

/** @import { ApiProblem } from "../api/problem.js" */

/** @typedef {"good" | "bad" | "plain"} ToastKind */

/** @typedef {{ id: number, text: string, kind: ToastKind, problem: ApiProblem | null }} Toast */

const toasts = signal(/** @type {Toast[]} */ ([]));
let made = 0;
const SHOWN_MS = 6_000;

/**
 * @param {string} text
 * @param {ToastKind} [kind] `bad` stays until it is closed
 */
export function toast(text, kind = "good") {
  const id = show(text, kind);
  if (kind !== "bad") setTimeout(() => drop(id), SHOWN_MS);
}

/**
 * Shows an error that came before a dialog was open, with its code, its request id, and a link to its explanation.
 * @param {string} title what was tried: "It cannot be taken back"
 * @param {unknown} error
 */
export function toastProblem(title, error) {
  const problem = asProblem(error);
  show(`${title}: ${problem.errors[0]?.detail ?? problem.detail}`, "bad", problem);
}

/** @param {string} text @param {ToastKind} kind @param {ApiProblem | null} [problem] */
function show(text, kind, problem = null) {
  const id = ++made;
  toasts.value = [...toasts.peek().slice(-3), { id, text, kind, problem }];
  return id;
}

/** @param {number} id */
const drop = (id) => {
  toasts.value = toasts.peek().filter((one) => one.id !== id);
};

const icons = { good: "check", bad: "error", plain: "info" };

export function Toasts() {
  return html`<div class="toasts" role="status" aria-live="polite">
    ${toasts.value.map(
      ({ id, text, kind, problem }) => html`<div key=${id} class=${`toast ${kind}`}>
        <${Icon} name=${icons[kind]} /><span>${text}${problem && html`<${About} problem=${problem} />`}</span>
        <button type="button" class="bare" aria-label="Close" onClick=${() => drop(id)}><${Icon} name="cross" /></button>
      </div>`,
    )}
  </div>`;
}

/** @param {{ problem: ApiProblem }} props */
function About({ problem: { status, code, requestId } }) {
  if (status === 0) return null;
  return html`<span class="meta"><span>Code <code>${code}</code></span>${requestId && html`<span>Request <code>${requestId}</code></span>`}<a href=${href("/errors", { code })}>What this means</a></span>`;
}
