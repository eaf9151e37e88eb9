/**
 * An editor for JSON text. It is CodeMirror, loaded with the first editor; if its files cannot be loaded, it is a plain text area
 * with line numbers. Both show marks at their lines.
 */
import { useEffect, useRef, useState } from "preact/hooks";
import { Loading } from "./empty.js";
import { fieldOf } from "./fields.js";
import { html } from "./html.js";

/** @typedef {{ from: number, to: number, line: number, message: string }} Mark */

/**
 * @typedef {object} JsonEditorProps
 * @property {string} [id]
 * @property {string} label
 * @property {string} text
 * @property {(text: string) => void} onChange
 * @property {Mark[]} [marks]
 * @property {boolean} [isReadOnly]
 * @property {{ offset: number, time: number } | null} [goTo] a change of `time` moves the cursor there
 */

/** @param {JsonEditorProps} props */
export function JsonEditor(props) {
  const [made, setMade] = useState(/** @type {any} */ (undefined));
  useEffect(() => {
    import("./json-editor.codemirror.js").then(
      ({ CodeMirror }) => setMade(() => CodeMirror),
      () => setMade(null),
    );
  }, []);
  const { marks = [] } = props;
  return html`<div class="json-editor">
    ${made === undefined ? html`<${Loading} lines=${6} label="Loading the editor" />` : made === null ? html`<${Plain} ...${props} />` : html`<${made} ...${props} />`}
    ${marks.length > 0 && html`<ul class="json-marks" aria-label=${`Faults in ${props.label}`}>${marks.map(({ line, message }, index) => html`<li key=${index}>Line ${line}: ${message}</li>`)}</ul>`}
  </div>`;
}

/** @param {JsonEditorProps} props */
function Plain({ id, label, text, onChange, marks = [], isReadOnly = false, goTo }) {
  const area = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
  const lines = useRef(/** @type {HTMLPreElement | null} */ (null));
  useEffect(() => {
    if (!goTo || !area.current) return;
    area.current.focus();
    area.current.setSelectionRange(goTo.offset, goTo.offset);
  }, [goTo?.time]);
  const wrong = new Set(marks.map(({ line }) => line));
  const numbers = text.split("\n").map((_, index) => `${wrong.has(index + 1) ? "●" : " "}${index + 1}`);
  const follow = () => {
    if (lines.current && area.current) lines.current.scrollTop = area.current.scrollTop;
  };
  return html`<div class="json-plain">
    <pre ref=${lines} aria-hidden="true">${numbers.join("\n")}</pre>
    <textarea ref=${area} id=${id} aria-label=${label} aria-invalid=${marks.length > 0 ? "true" : undefined} rows=${Math.min(24, Math.max(6, numbers.length))} spellcheck=${false} wrap="off" readonly=${isReadOnly} value=${text}
      onInput=${(/** @type {Event} */ event) => onChange(fieldOf(event).value)} onScroll=${follow}></textarea>
  </div>`;
}
