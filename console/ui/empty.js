/** Shown in place of an empty list: what will be here, and the next step. No part of a page is just blank. */
import { html } from "./html.js";
import { Icon } from "./icons.js";

/**
 * @param {object} props
 * @param {string} props.title "No batch has failed in the last 24 h."
 * @param {string} [props.icon]
 * @param {any} [props.children] the next step: a sentence, a link, a button
 */
export function Empty({ title, icon = "info", children }) {
  return html`<div class="empty"><${Icon} name=${icon} /><p class="empty-title">${title}</p>${children && html`<div>${children}</div>`}</div>`;
}

/** Grey lines that are shown until the data comes. @param {{ lines?: number, label?: string }} props */
export function Loading({ lines = 4, label = "Loading" }) {
  return html`<div class="loading" role="status" aria-label=${label}>
    ${Array.from({ length: lines }, (_, index) => html`<span key=${index} class="skeleton"></span>`)}
  </div>`;
}
