/** A bar for long work. Screen readers announce every quarter, not every percent. */
import { html } from "./html.js";
import { percent } from "./numbers.js";

/**
 * @param {object} props
 * @param {number | null} props.value 0 to 1; null: not known
 * @param {string} props.label "Sent"
 * @param {any} [props.more] at the right: "4,812 records/s, 12 s left"
 */
export function Progress({ value, label, more }) {
  const quarter = value === null ? "" : `${label}: ${Math.floor(value * 4) * 25} %`;
  return html`<div class="progress">
    <div class="progress-head"><span>${label}</span><span>${value === null ? "" : percent(value, 1)}${more && html` <span class="quiet">${more}</span>`}</span></div>
    <progress max="1" value=${value === null ? undefined : value} aria-label=${label}></progress>
    <span class="offscreen" aria-live="polite">${quarter}</span>
  </div>`;
}

/**
 * Shares of a whole as one bar, such as accepted, rejected and duplicate records. The words stand beside it.
 * @param {{ label: string, parts: { name: string, value: number, tone: string }[], all?: number }} props
 */
export function Shares({ label, parts, all }) {
  const whole = all ?? parts.reduce((sum, { value }) => sum + value, 0);
  const text = parts.map(({ name, value }) => `${name} ${percent(value, whole)}`).join(", ");
  return html`<svg class="shares" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label=${`${label}: ${text}`}>
    <rect class="fill-none" x="0" y="0" width="100" height="6" />
    ${parts.map(({ name, value, tone }, index) => {
      const before = parts.slice(0, index).reduce((sum, part) => sum + part.value, 0);
      return html`<rect key=${name} class=${`fill-${tone}`} x=${whole ? (100 * before) / whole : 0} y="0" width=${whole ? (100 * value) / whole : 0} height="6" />`;
    })}
  </svg>`;
}
