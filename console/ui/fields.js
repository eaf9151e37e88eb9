/** Fields of forms: a label, the field, and below it a help text or a fault. */

import { useId } from "preact/hooks";
import { parseExact } from "./exact-json.js";
import { html } from "./html.js";

/**
 * @typedef {object} Said
 * @property {string} label
 * @property {any} [help]
 * @property {string | null} [wrong] what is wrong with the value
 */

/** @param {Said & { control: (more: { id: string, "aria-describedby": string | undefined, "aria-invalid": "true" | undefined }) => any }} props */
function Field({ label, help, wrong, control }) {
  const id = useId();
  const told = wrong ?? help;
  const more = /** @type {const} */ ({
    id,
    "aria-describedby": told ? `${id}-told` : undefined,
    "aria-invalid": wrong ? "true" : undefined,
  });
  return html`<div class="field"><label for=${id}>${label}</label>${control(more)}
    ${told && html`<span id=${`${id}-told`} class=${wrong ? "wrong" : "help"} role=${wrong ? "status" : undefined}>${told}</span>`}</div>`;
}

/** The field of a form that an event comes from. @param {Event} event */
export const fieldOf = (event) => /** @type {HTMLInputElement} */ (event.target);

/** @param {Said & { value: string, onValue: (value: string) => void, [attribute: string]: any }} props */
export function TextField({ label, help, wrong, value, onValue, ...more }) {
  const control = (/** @type {object} */ own) =>
    html`<input type="text" autocomplete="off" spellcheck=${false} ...${more} ...${own} value=${value} onInput=${(/** @type {Event} */ event) => onValue(fieldOf(event).value)} />`;
  return html`<${Field} label=${label} help=${help} wrong=${wrong} control=${control} />`;
}

/** @param {Said & { value: string, onValue: (value: string) => void, [attribute: string]: any }} props */
export function AreaField({ label, help, wrong, value, onValue, ...more }) {
  const control = (/** @type {object} */ own) =>
    html`<textarea rows="8" spellcheck=${false} ...${more} ...${own} value=${value} onInput=${(/** @type {Event} */ event) => onValue(fieldOf(event).value)}></textarea>`;
  return html`<${Field} label=${label} help=${help} wrong=${wrong} control=${control} />`;
}

/** @param {Said & { value: string, options: [value: string, label: string][], onValue: (value: string) => void }} props */
export function SelectField({ label, help, wrong, value, options, onValue }) {
  const control = (/** @type {object} */ own) =>
    html`<select ...${own} value=${value} onChange=${(/** @type {Event} */ event) => onValue(fieldOf(event).value)}>${options.map(([key, text]) => html`<option key=${key} value=${key}>${text}</option>`)}</select>`;
  return html`<${Field} label=${label} help=${help} wrong=${wrong} control=${control} />`;
}

/**
 * A choice of one value out of a few.
 * @param {{ label: string, name: string, value: string, options: [value: string, title: string, more?: string][], onValue:
 *   (value: string) => void }} props
 */
export function Choices({ label, name, value, options, onValue }) {
  return html`<fieldset class="field"><legend>${label}</legend><div class="options single">
    ${options.map(
      ([key, title, more]) =>
        html`<label key=${key}><input type="radio" name=${name} checked=${value === key} onChange=${() => onValue(key)} /><span><strong>${title}</strong>${more && ` ${more}`}</span></label>`,
    )}
  </div></fieldset>`;
}

/**
 * A choice of any of a few values.
 * @param {{ label: string, values: string[], options: [value: string, title: string, more?: string][], onValues: (values:
 *   string[]) => void }} props
 */
export function Checks({ label, values, options, onValues }) {
  const flip = (/** @type {string} */ key) =>
    onValues(values.includes(key) ? values.filter((one) => one !== key) : [...values, key]);
  return html`<fieldset class="field"><legend>${label}</legend><div class="options single">
    ${options.map(
      ([key, title, more]) =>
        html`<label key=${key}><input type="checkbox" checked=${values.includes(key)} onChange=${() => flip(key)} /><span><strong>${title}</strong>${more && ` ${more}`}</span></label>`,
    )}
  </div></fieldset>`;
}

/**
 * Parses a typed JSON object. Throws an Error that says where the text is wrong.
 * @param {string} text
 * @returns {Record<string, unknown>}
 */
export function objectIn(text) {
  const value = parsed(text);
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw new Error("This is JSON, but no object: it begins with { and ends with }.");
}

/** @param {string} text @returns {any} */
function parsed(text) {
  try {
    return parseExact(text);
  } catch (error) {
    throw new Error(`This is no JSON: ${error instanceof Error ? error.message : error}`);
  }
}
