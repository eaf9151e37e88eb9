/** Controls for lists of values, and for objects whose members have free names. */
import { useState } from "preact/hooks";
import { fieldOf } from "../ui/fields.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { LooseControl, NumberControl, TextControl } from "./controls.js";
import { escaped, isObject } from "./pointers.js";
import { startOf, typesOf } from "./schema.js";

/** @import { ControlProps } from "./controls.js" */

/** @param {ControlProps & { isOneOrMany?: boolean }} props `isOneOrMany`: a single value is stored without a list */
export function ListControl(props) {
  const { id, name, schema, value, onChange, isReadOnly, options, isOneOrMany = false } = props;
  const items = Array.isArray(value) ? value : value === null || value === undefined ? [] : [value];
  const item = schema.items ?? schema.anyOf?.find((one) => one.items)?.items ?? {};
  const [type] = typesOf(item);
  const Control =
    type === "integer" || type === "number" ? NumberControl : type === "string" ? TextControl : LooseControl;
  const change = (/** @type {unknown[]} */ next) => onChange(isOneOrMany && next.length === 1 ? next[0] : next);
  return html`<span class="rows">
    ${items.map(
      (one, index) => html`<span key=${index} class="rows-one">
        <${Control} id=${index === 0 ? id : `${id}-${index}`} name=${name} schema=${item} value=${one} options=${options} isReadOnly=${isReadOnly} isWrong=${false} describedBy=${undefined}
          label=${`${name}, ${index + 1}`} onChange=${(/** @type {unknown} */ next) => change(items.with(index, next))} />
        ${!isReadOnly && html`<button type="button" class="bare" aria-label=${`Take out ${name} ${index + 1}`} onClick=${() => change(items.toSpliced(index, 1))}><${Icon} name="cross" /></button>`}
      </span>`,
    )}
    ${items.length === 0 && html`<span class="quiet">none</span>`}
    ${!isReadOnly && html`<button type="button" class="button small" id=${items.length === 0 ? id : undefined} onClick=${() => change([...items, startOf(item)])}><${Icon} name="plus" />Add</button>`}
  </span>`;
}

/**
 * An object with free names, such as the fields of a file or the columns of a table.
 * @param {ControlProps & { pointer: string, render: (pointer: string, name: string) => any }} props `render`: the fields of one member
 */
export function MapControl({ id, name, schema, value, onChange, isReadOnly, options = [], pointer, render }) {
  const [typed, setTyped] = useState("");
  const members = isObject(value) ? value : {};
  const item = typeof schema.additionalProperties === "object" ? schema.additionalProperties : {};
  const names = Object.keys(members);
  const left = options.filter((option) => !names.includes(option));
  const add = () => {
    const key = typed.trim();
    if (key === "" || names.includes(key)) return;
    onChange({ ...members, [key]: startOf(item) });
    setTyped("");
  };
  const press = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    add();
  };
  return html`<div class="members">
    ${names.map(
      (key) => html`<div key=${key} class="member">
        <span class="member-head"><strong>${key}</strong>
          ${!isReadOnly && html`<button type="button" class="bare" aria-label=${`Take out ${key}`} onClick=${() => onChange(Object.fromEntries(Object.entries(members).filter(([other]) => other !== key)))}><${Icon} name="cross" /></button>`}</span>
        ${render(`${pointer}/${escaped(key)}`, key)}
      </div>`,
    )}
    ${names.length === 0 && html`<span class="quiet">none</span>`}
    ${
      !isReadOnly &&
      html`<span class="rows-one">
        <input id=${id} type="text" autocomplete="off" spellcheck=${false} list=${`${id}-names`} aria-label=${`Name to add to ${name}`} placeholder="name" value=${typed} onInput=${(/** @type {Event} */ event) => setTyped(fieldOf(event).value)} onKeyDown=${press} />
        <datalist id=${`${id}-names`}>${left.map((option) => html`<option key=${option} value=${option}></option>`)}</datalist>
        <button type="button" class="button small" disabled=${typed.trim() === ""} onClick=${add}><${Icon} name="plus" />Add</button>
      </span>`
    }
  </div>`;
}
