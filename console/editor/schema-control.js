/** The JSON Schema of the records, as JSON: with its faults at their lines. */
import { useState } from "preact/hooks";
import { html } from "../ui/html.js";
import { JsonEditor } from "../ui/json-editor.js";
import { isObject } from "./pointers.js";
import { marksOf, parsed } from "./positions.js";

/** @param {import("./controls.js").ControlProps & { form: import("./field.js").Form }} props */
export function SchemaControl({ id, value, onChange, isReadOnly, form }) {
  const [typed, setTyped] = useState(/** @type {{ text: string, value: unknown } | null} */ (null));
  // Shows the text exactly as it was typed, until the value changes in another view.
  const isOwn = typed !== null && (typed.value === value || typed.value === undefined);
  const text = isOwn ? typed.text : typeof value === "string" ? value : JSON.stringify(value ?? {}, null, 2);
  const { fault } = parsed(text);
  const below = form.faults
    .filter(({ pointer }) => pointer === "/schema" || pointer.startsWith("/schema/"))
    .map(({ pointer, detail }) => ({ pointer: pointer.slice("/schema".length), detail }));
  const change = (/** @type {string} */ next) => {
    const { value: found } = parsed(next);
    setTyped({ text: next, value: isObject(found) ? found : undefined });
    // A text that is no JSON object cannot be a schema. It goes into the draft as text, so that a save cannot silently store an
    // older schema.
    onChange(isObject(found) ? found : next);
    if (!isObject(found)) setTyped({ text: next, value: next });
  };
  return html`<${JsonEditor} id=${id} label="Schema of a record, as JSON" text=${text} isReadOnly=${isReadOnly} onChange=${change}
    marks=${fault ? [fault] : marksOf(text, below)} />`;
}
