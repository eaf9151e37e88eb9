/** One field of the form: its name, what it means, whether it is the default, what is wrong with it, and its control. */
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { plural } from "../ui/numbers.js";
import { BoxesControl, ChoiceControl, FlagControl, LooseControl, NumberControl, TextControl } from "./controls.js";
import { labelOf } from "./fields.js";
import { optionsOf } from "./options.js";
import { escaped, isObject, isSame, valueAt } from "./pointers.js";
import { boundsOf, isNullable, solid, startOf, typesOf } from "./schema.js";
import { SchemaControl } from "./schema-control.js";
import { ListControl, MapControl } from "./several.js";
import { Day, nightHere } from "./window.js";

/** @import { Schema } from "./schema.js" */
/** @import { Editing } from "./document.js" */

/** @typedef {Pick<Editing, "draft" | "faults" | "set" | "schema"> & { isReadOnly: boolean, chosen: import("./options.js").Chosen }} Form */

/** @param {string} pointer the field's pointer. Links lead to this id */
export const idOf = (pointer) => `field${pointer.replaceAll("/", "-").replaceAll(/[^\w-]/g, "_")}`;

/** Gives the focus to a field, or to the one around it. @param {string} pointer */
export function focusOn(pointer) {
  for (let at = pointer; at !== ""; at = at.slice(0, at.lastIndexOf("/"))) {
    const row = document.getElementById(`${idOf(at)}-row`);
    if (!row) continue;
    row.scrollIntoView({ block: "center" });
    const target = document.getElementById(idOf(at)) ?? row.querySelector("input, select, textarea, button");
    /** @type {HTMLElement | null} */ (target)?.focus({ preventScroll: true });
    return;
  }
}

/** @typedef {{ Control: any, isGroup: boolean, hasParts?: boolean, more?: object }} Kind */

/** @param {string} pointer @param {Schema} schema @param {string[] | undefined} options @param {boolean} isKey @returns {Kind} */
function kindOf(pointer, schema, options, isKey) {
  if (pointer === "/schema") return { Control: SchemaControl, isGroup: true };
  const known = solid(schema);
  const [type] = typesOf(known);
  if (known.enum) return { Control: ChoiceControl, isGroup: false };
  if (isKey)
    return options && options.length > 0
      ? { Control: BoxesControl, isGroup: true, more: { isOneOrMany: known.anyOf !== undefined } }
      : { Control: ListControl, isGroup: true, more: { isOneOrMany: known.anyOf !== undefined } };
  if (known.anyOf)
    return known.anyOf.some((one) => one.items)
      ? { Control: ListControl, isGroup: true, more: { isOneOrMany: true } }
      : { Control: LooseControl, isGroup: false };
  if (type === "array") return { Control: known.items?.enum ? BoxesControl : ListControl, isGroup: true };
  if (type === "object" && known.properties) return { Control: null, isGroup: true, hasParts: true };
  if (type === "object") return { Control: MapControl, isGroup: true, hasParts: true };
  if (type === "boolean") return { Control: FlagControl, isGroup: false };
  if (type === "integer" || type === "number") return { Control: NumberControl, isGroup: false };
  if (type === "string")
    return { Control: options && pointer === "/handler" ? ChoiceControl : TextControl, isGroup: false };
  return { Control: LooseControl, isGroup: false };
}

/** Fields that name fields of records, or columns. */
const keys = new Set(["/uniqueKey", "/sensitive", "/table/key"]);

/**
 * A fault that the browser can find before it asks the API.
 * @param {Schema} schema
 * @param {unknown} value
 * @returns {string | null}
 */
function plainFault(schema, value) {
  const known = solid(schema);
  const [type] = typesOf(known);
  if (type !== "integer" && type !== "number") return null;
  if (value === null || value === undefined) return null;
  const { minimum = -Infinity, maximum = Infinity } = known;
  const isNumber = typeof value === "number" && (type === "number" || Number.isInteger(value));
  return isNumber && value >= minimum && value <= maximum
    ? null
    : `expected ${type === "integer" ? "a whole number" : "a number"}, ${boundsOf(known)}`;
}

/** The first value of a field that is switched on. @param {string} pointer @param {Schema} schema */
const beginOf = (pointer, schema) => (pointer === "/window" ? nightHere() : startOf({ ...schema, default: undefined }));

/** @param {{ form: Form, pointer: string, name: string, schema: Schema, isPart?: boolean }} props */
export function Field({ form, pointer, name, schema, isPart = false }) {
  const { draft, isReadOnly } = form;
  const { default: usual } = schema;
  const stored = valueAt(draft, pointer);
  // A member that the document leaves out has its default.
  const value = stored === undefined ? usual : stored;
  const isChanged = usual !== undefined && !isSame(value, usual);
  const options = optionsOf(form, pointer);
  const { Control, isGroup, hasParts = false, more } = kindOf(pointer, schema, options, keys.has(pointer));
  const id = idOf(pointer);
  const isOff = (value === null || value === undefined) && isNullable(schema) && isGroup && !keys.has(pointer);
  const wrong = faultsAt(form, pointer, hasParts && !isOff);
  const own = wrong.length === 0 ? plainFault(schema, value) : null;
  const details = own === null ? wrong : [own];
  const bounds = boundsOf(solid(schema));
  const help = [schema.description, bounds && `${bounds.charAt(0).toUpperCase()}${bounds.slice(1)}.`].filter(Boolean);
  const onChange = (/** @type {unknown} */ next) => form.set(pointer, next);
  const describedBy =
    [help.length > 0 && `${id}-help`, details.length > 0 && `${id}-wrong`].filter(Boolean).join(" ") || undefined;
  const control = () => {
    if (isOff)
      return html`<span class="row"><span class="quiet">none</span>${!isReadOnly && html`<button type="button" id=${id} class="button small" aria-describedby=${describedBy} onClick=${() => onChange(beginOf(pointer, schema))}><${Icon} name="plus" />Set ${labelOf(name).toLowerCase()}</button>`}</span>`;
    if (Control === null) return html`<${Parts} form=${form} pointer=${pointer} schema=${solid(schema)} />`;
    const props = {
      id,
      name,
      schema:
        Control === NumberControl || Control === TextControl || Control === BoxesControl
          ? { ...solid(schema), type: schema.type }
          : solid(schema),
      value,
      onChange,
      isReadOnly,
      isWrong: details.length > 0,
      describedBy,
      options,
      pointer,
      form,
      ...more,
    };
    return html`<${Control} ...${props} render=${renderIn(form, solid(schema))} />`;
  };
  const head = html`${labelOf(name)} <code class="quiet">${name}</code>`;
  return html`<div class=${`form-field${isPart ? " part" : ""}${details.length > 0 ? " has-fault" : ""}`} id=${`${id}-row`} role=${isGroup ? "group" : undefined} aria-labelledby=${isGroup ? `${id}-label` : undefined}>
    <div class="form-head">
      ${isGroup ? html`<span class="form-label" id=${`${id}-label`}>${head}</span>` : html`<label class="form-label" for=${id}>${head}</label>`}
      ${usual !== undefined && html`<${Mark} isChanged=${isChanged} name=${name} usual=${usual} onReset=${isReadOnly ? undefined : () => onChange(usual)} />`}
      ${usual === undefined && isGroup && isNullable(schema) && !isOff && !isReadOnly && html`<button type="button" class="link" onClick=${() => onChange(null)}>Take it out</button>`}
    </div>
    <div class="form-control">
      ${control()}
      ${pointer === "/window" && html`<${Day} window=${value} />`}
      ${help.length > 0 && html`<p class="help" id=${`${id}-help`}>${withCode(help.join(" "))}</p>`}
      ${details.length > 0 && html`<p class="wrong" id=${`${id}-wrong`}><${Icon} name="error" /><span>${details.join(" · ")}</span></p>`}
    </div>
  </div>`;
}

/** Shows a description. A text between backticks becomes code. @param {string} text */
const withCode = (text) =>
  text.split("`").map((part, index) => (index % 2 === 1 ? html`<code key=${index}>${part}</code>` : part));

/** @param {Form} form @param {string} pointer @param {boolean} hasParts faults below the field are then shown at its parts */
function faultsAt({ faults }, pointer, hasParts) {
  return faults
    .filter((fault) => fault.pointer === pointer || (!hasParts && fault.pointer.startsWith(`${pointer}/`)))
    .map((fault) =>
      fault.pointer === pointer ? fault.detail : `${fault.pointer.slice(pointer.length + 1)}: ${fault.detail}`,
    );
}

/** @param {{ isChanged: boolean, name: string, usual: unknown, onReset?: () => void }} props */
function Mark({ isChanged, name, usual, onReset }) {
  if (!isChanged) return html`<span class="form-mark quiet">default</span>`;
  const shown = JSON.stringify(usual);
  return html`<span class="form-mark"><strong>changed</strong>${onReset && html`<button type="button" class="link" aria-label=${`Reset ${name} to its default, ${shown.slice(0, 100)}`} title=${`Default: ${shown.slice(0, 300)}`} onClick=${onReset}>Reset</button>`}</span>`;
}

/** A longer list of parts is folded, unless a part has a fault. */
const MOST_OPEN = 5;

/** The fields of an object. @param {{ form: Form, pointer: string, schema: Schema }} props */
export function Parts({ form, pointer, schema }) {
  const names = Object.keys(schema.properties ?? {});
  const hasFault = form.faults.some((fault) => fault.pointer.startsWith(`${pointer}/`));
  const parts = partsIn(form, pointer, schema);
  if (names.length <= MOST_OPEN) return parts;
  return html`<details class="fold-parts" open=${hasFault}><summary>${plural(names.length, "field")}: <span class="quiet">${names.map(labelOf).join(", ")}</span></summary>${parts}</details>`;
}

/** @param {Form} form @param {string} pointer @param {Schema} schema */
const partsIn = (form, pointer, schema) =>
  html`<div class="parts">${Object.entries(schema.properties ?? {}).map(
    ([name, part]) =>
      html`<${Field} key=${name} form=${form} pointer=${`${pointer}/${escaped(name)}`} name=${name} schema=${part} isPart />`,
  )}</div>`;

/** What stands below a name of a map. @param {Form} form @param {Schema} schema */
const renderIn = (form, schema) => (/** @type {string} */ pointer, /** @type {string} */ name) => {
  const item = isObject(schema.additionalProperties) ? /** @type {Schema} */ (schema.additionalProperties) : {};
  if (item.properties) return html`<${Parts} form=${form} pointer=${pointer} schema=${item} />`;
  return html`<${LooseControl} id=${idOf(pointer)} name=${name} schema=${item} value=${valueAt(form.draft, pointer)} isReadOnly=${form.isReadOnly} isWrong=${false} describedBy=${undefined} label=${name}
    options=${optionsOf(form, pointer)} onChange=${(/** @type {unknown} */ next) => form.set(pointer, next)} />`;
};
