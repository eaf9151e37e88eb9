/** The whole document as JSON. */

import { Copy } from "../ui/copy.js";
import { html } from "../ui/html.js";
import { JsonEditor } from "../ui/json-editor.js";
import { marksOf } from "./positions.js";

/** @param {{ editing: import("./document.js").Editing, isReadOnly: boolean, goTo: { offset: number, time: number } | null }} props */
export function JsonTab({ editing, isReadOnly, goTo }) {
  const { text, textFault, faults, setText } = editing;
  const marks = textFault ? [textFault] : marksOf(text, faults);
  return html`<div class="stack">
    <p class="quiet row">A field that is left out has its default. <${Copy} text=${text} what="the JSON" isWide /></p>
    <${JsonEditor} id="whole-json" label="The whole document, as JSON" text=${text} isReadOnly=${isReadOnly} onChange=${setText} marks=${marks} goTo=${goTo} />
  </div>`;
}
