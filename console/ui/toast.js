/** Short news at the edge of the page: what was just done. What went wrong with something stands beside that thing instead. */
import { signal } from "@preact/signals";
import { html } from "./html.js";
import { Icon } from "./icons.js";

/** @typedef {"good" | "bad" | "plain"} ToastKind */

/** @type {import("@preact/signals").Signal<{ id: number, text: string, kind: ToastKind }[]>} */
const toasts = signal(/** @type {{ id: number, text: string, kind: ToastKind }[]} */ ([]));
let made = 0;
const SHOWN_MS = 6_000;

/**
 * @param {string} text
 * @param {ToastKind} [kind] `bad` stays until it is closed
 */
export function toast(text, kind = "good") {
  const id = ++made;
  toasts.value = [...toasts.peek().slice(-3), { id, text, kind }];
  if (kind !== "bad") setTimeout(() => drop(id), SHOWN_MS);
}

/** @param {number} id */
const drop = (id) => {
  toasts.value = toasts.peek().filter((one) => one.id !== id);
};

const icons = { good: "check", bad: "error", plain: "info" };

export function Toasts() {
  return html`<div class="toasts" role="status" aria-live="polite">
    ${toasts.value.map(
      ({ id, text, kind }) => html`<div key=${id} class=${`toast ${kind}`}>
        <${Icon} name=${icons[kind]} /><span>${text}</span>
        <button type="button" class="bare" aria-label="Close" onClick=${() => drop(id)}><${Icon} name="cross" /></button>
      </div>`,
    )}
  </div>`;
}
