/** Controls for single values. All take the same props and change the draft at each key press. */

import { useState } from "preact/hooks";
import { parseExact } from "../ui/exact-json.js";
import { fieldOf } from "../ui/fields.js";
import { html } from "../ui/html.js";
import { choices } from "./fields.js";
import { isSame } from "./pointers.js";
import { isNullable, typesOf } from "./schema.js";
import { numberOf, readable, unitOf } from "./units.js";

/** @import { Schema } from "./schema.js" */

/**
 * @typedef {object} ControlProps
 * @property {string} id of the input
 * @property {string} name of the field
 * @property {Schema} schema
 * @property {any} value
 * @property {(value: unknown) => void} onChange
 * @property {boolean} isReadOnly
 * @property {boolean} isWrong
 * @property {string | undefined} describedBy
 * @property {string[]} [options] values to choose from, beside the present value
 * @property {string} [label] for a control without a visible label
 */

/** @param {ControlProps} props */
const common = ({ id, isReadOnly, isWrong, describedBy, label }) => ({
  id,
  disabled: isReadOnly,
  "aria-invalid": isWrong ? "true" : undefined,
  "aria-describedby": describedBy,
  "aria-label": label,
});

/** @param {ControlProps} props */
export function NumberControl(props) {
  const { name, schema, value, onChange } = props;
  const [typed, setTyped] = useState(/** @type {string | null} */ (null));
  const own = value === null || value === undefined ? "" : String(value);
  const input = (/** @type {any} */ event) => {
    const { value: text } = event.target;
    setTyped(text);
    if (text.trim() === "" && isNullable(schema)) return onChange(null);
    // A text that is no number goes into the draft as it is. The API's check then says what it expects.
    onChange(numberOf(name, text) ?? text);
  };
  const unit = unitOf(name);
  const said = readable(name, value);
  return html`<span class="with-unit">
    <input type="text" inputmode="decimal" autocomplete="off" ...${common(props)} value=${typed ?? own} placeholder=${isNullable(schema) ? "none" : ""}
      onInput=${input} onBlur=${() => setTyped(null)} />
    ${(unit || said) && html`<span class="unit">${unit}${said && ` = ${said}`}</span>`}
  </span>`;
}

/** @param {ControlProps} props */
export function TextControl(props) {
  const { schema, value, onChange, options = [], id } = props;
  const isLong =
    (schema.maxLength ?? 0) >= 1000 && options.length === 0 && !schema.pattern && props.name === "description";
  const input = (/** @type {any} */ event) => {
    const { value: text } = event.target;
    onChange(text === "" && isNullable(schema) ? null : text);
  };
  const shown = value === null || value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value);
  if (isLong) return html`<textarea rows="2" ...${common(props)} onInput=${input} value=${shown}></textarea>`;
  const list = options.length > 0 ? `${id}-list` : undefined;
  return html`<input type=${schema.pattern?.includes("[01]\\d") ? "time" : "text"} autocomplete="off" spellcheck=${false} ...${common(props)} list=${list} value=${shown}
      placeholder=${isNullable(schema) ? "none" : ""} onInput=${input} />
    ${list && html`<datalist id=${list}>${options.map((option) => html`<option key=${option} value=${option}></option>`)}</datalist>`}`;
}

/** A choice of one value out of a few. @param {ControlProps} props */
export function ChoiceControl(props) {
  const { name, schema, value, onChange, options } = props;
  const all = options ?? schema.enum ?? [];
  const isThere = all.some((one) => isSame(one, value));
  const words = choices[name] ?? {};
  return html`<select ...${common(props)} value=${isThere ? String(all.findIndex((one) => isSame(one, value))) : "own"} onChange=${(
    /** @type {Event} */ event,
  ) => {
    const { value: index } = fieldOf(event);
    if (index !== "own") onChange(all[Number(index)]);
  }}>
    ${!isThere && html`<option value="own">${value === undefined || value === null ? "–" : String(value)}</option>`}
    ${all.map((one, index) => {
      const text = String(one);
      return html`<option key=${text} value=${String(index)}>${words[text] ? `${words[text]} (${text})` : text}</option>`;
    })}
  </select>`;
}

/** @param {ControlProps} props */
export function FlagControl(props) {
  const { value, onChange } = props;
  return html`<span class="check"><input type="checkbox" ...${common(props)} checked=${value === true} onChange=${(/** @type {Event} */ event) => onChange(fieldOf(event).checked)} /><span aria-hidden="true">${value === true ? "yes" : "no"}</span></span>`;
}

/**
 * Check boxes for any of a few values. A present value that is not among the options stays, and is marked.
 * @param {ControlProps & { isOneOrMany?: boolean }} props `isOneOrMany`: no choice is stored as null, and a single one without a
 *   list
 */
export function BoxesControl({ id, schema, value, onChange, isReadOnly, options, isOneOrMany = false }) {
  const all = options ?? /** @type {string[]} */ (schema.items?.enum ?? []);
  const chosen = Array.isArray(value) ? value : value === null || value === undefined ? [] : [value];
  const others = chosen.filter((one) => !all.includes(one));
  const toggle = (/** @type {string} */ one) => {
    const isOn = chosen.includes(one);
    // Chosen options come in the order of the options, then the values that are not among them.
    const next = isOn
      ? chosen.filter((other) => other !== one)
      : [...all, ...others].filter((other) => other === one || chosen.includes(other));
    if (!isOneOrMany) return onChange(next.length === 0 && isNullable(schema) ? null : next);
    onChange(next.length === 0 ? null : next.length === 1 ? next[0] : next);
  };
  return html`<span class="boxes">
    ${[...all, ...others].map(
      (one, index) =>
        html`<label key=${one} class="check"><input type="checkbox" id=${index === 0 ? id : undefined} disabled=${isReadOnly} checked=${chosen.includes(one)} onChange=${() => toggle(one)} />
          <span>${one}${others.includes(one) && html` <span class="quiet">is no field of the schema</span>`}</span></label>`,
    )}
  </span>`;
}

/** For a value of several possible types: a text, or JSON if the text begins like JSON. @param {ControlProps} props */
export function LooseControl(props) {
  const { value, onChange, schema } = props;
  const isTextOnly = typesOf(schema).includes("string");
  const [typed, setTyped] = useState(/** @type {string | null} */ (null));
  const own = value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value);
  const input = (/** @type {any} */ event) => {
    setTyped(event.target.value);
    onChange(isTextOnly ? event.target.value : loose(event.target.value));
  };
  const list = props.options && props.options.length > 0 ? `${props.id}-list` : undefined;
  return html`<input type="text" autocomplete="off" spellcheck=${false} ...${common(props)} list=${list} value=${typed ?? own} onInput=${input} onBlur=${() => setTyped(null)} />
    ${list && html`<datalist id=${list}>${props.options?.map((option) => html`<option key=${option} value=${option}></option>`)}</datalist>`}`;
}

/** @param {string} text */
function loose(text) {
  if (!/^\s*([[{"]|-?\d|true$|false$|null$)/.test(text)) return text;
  try {
    return parseExact(text);
  } catch {
    return text;
  }
}
