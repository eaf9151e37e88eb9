/** The form of a document, made from the schema that the API publishes. */
import { useRef, useState } from "preact/hooks";
import { useKeys } from "../state/keys.js";
import { fieldOf } from "../ui/fields.js";
import { html } from "../ui/html.js";
import { plural } from "../ui/numbers.js";
import { Field, focusOn } from "./field.js";
import { groupsOf, labelOf, meantBy } from "./fields.js";
import { useChosen } from "./options.js";
import { isSame, valueAt } from "./pointers.js";

/** @import { Editing } from "./document.js" */

/** @param {{ editing: Editing, isReadOnly: boolean }} props */
export function Form({ editing, isReadOnly }) {
  const { draft, schema, faults, set } = editing;
  const [sought, setSought] = useState("");
  const [isChangedOnly, setChangedOnly] = useState(false);
  const chosen = useChosen(valueAt(draft, "/table/database"), draft.handler === "table");
  const properties = schema.properties ?? {};
  const names = Object.keys(properties);
  const isChanged = (/** @type {string} */ name) =>
    draft[name] !== undefined && !isSame(draft[name], properties[name]?.default);
  const changed = names.filter(isChanged);
  const text = sought.trim().toLowerCase();
  const shown = (isChangedOnly ? changed : names).filter(
    (name) => text === "" || `${name} ${labelOf(name)} ${properties[name]?.description}`.toLowerCase().includes(text),
  );
  const groups = groupsOf(shown);
  const finder = useRef(/** @type {HTMLInputElement | null} */ (null));
  useKeys([
    { keys: "f", label: "Find a field; Enter goes there", group: "Editor", run: () => finder.current?.select() },
  ]);
  const goTo = (/** @type {KeyboardEvent} */ event) => {
    const all = groups.flatMap(({ fields }) => fields);
    const name = event.key === "Enter" && text !== "" && meantBy(all, text);
    if (name) focusOn(`/${name}`);
  };
  const form = { draft, schema, faults, set, isReadOnly, chosen };
  return html`<div class="form">
    <div class="form-tools">
      <input type="search" ref=${finder} aria-label="Find a field" placeholder="Find a field (f)" onKeyDown=${goTo} value=${sought} onInput=${(/** @type {Event} */ event) => setSought(fieldOf(event).value)} />
      <span class="segments" role="group" aria-label="Which fields">
        <button type="button" aria-pressed=${!isChangedOnly} onClick=${() => setChangedOnly(false)}>All ${names.length}</button>
        <button type="button" aria-pressed=${isChangedOnly} onClick=${() => setChangedOnly(true)}>Not the default ${changed.length}</button>
      </span>
    </div>
    ${shown.length === 0 && html`<p class="quiet">${text ? "No field is like that." : "All fields have their defaults."}</p>`}
    ${groups.map(
      ({ title, lead, fields }) => html`<section key=${title} class="form-group" aria-label=${title}>
        <h3>${title}${lead && html` <span class="quiet">${lead}</span>`}</h3>
        ${fields.map((name) => html`<${Field} key=${name} form=${form} pointer=${`/${name}`} name=${name} schema=${properties[name] ?? {}} />`)}
      </section>`,
    )}
    <p class="quiet">${plural(changed.length, "field is", "fields are")} not as by default.</p>
  </div>`;
}
