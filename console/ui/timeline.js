/** A list of events: when, what, who, why. */
import { html } from "./html.js";
import { Icon } from "./icons.js";
import { Time } from "./time.js";

/**
 * @typedef {object} Entry
 * @property {string | number | null} at null: not yet
 * @property {any} what
 * @property {any} [who]
 * @property {any} [why]
 * @property {"good" | "warn" | "bad" | "busy" | "wait" | "calm"} [tone]
 * @property {string} [icon]
 */

/** @param {{ entries: Entry[], label: string }} props */
export function Timeline({ entries, label }) {
  return html`<ol class="timeline" aria-label=${label}>
    ${entries.map(
      ({ at, what, who, why, tone = "calm", icon = "clock" }, index) => html`<li key=${index} class=${tone}>
        <span class="timeline-mark"><${Icon} name=${icon} /></span>
        <div><p>${what}${who && html` <span class="quiet">by ${who}</span>`}</p>${why && html`<p class="quiet">${why}</p>`}</div>
        <span class="timeline-at">${at === null ? html`<span class="quiet">not yet</span>` : html`<${Time} at=${at} />`}</span>
      </li>`,
    )}
  </ol>`;
}
