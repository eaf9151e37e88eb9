/** Choices of how a file with cells is read, for a wrong guess. */

import { fieldOf } from "../ui/fields.js";
import { html } from "../ui/html.js";
import { change, chosen, look, sending } from "./sending.js";

const delimiters = [
  ["", "as recognised"],
  [",", "comma ,"],
  [";", "semicolon ;"],
  ["\\t", "tab"],
  ["|", "bar |"],
];

const charsets = [
  ["", "as recognised"],
  ["utf-8", "UTF-8"],
  ["windows-1252", "Western (Windows-1252)"],
  ["iso-8859-1", "Western (ISO-8859-1)"],
  ["iso-8859-15", "Western with € (ISO-8859-15)"],
  ["windows-1250", "Central European (Windows-1250)"],
  ["windows-1251", "Cyrillic (Windows-1251)"],
  ["shift_jis", "Japanese (Shift_JIS)"],
  ["utf-16le", "UTF-16"],
];

/** @type {Record<string, string>} */
const shown = { ",": "comma", ";": "semicolon", "\t": "tab", "|": "bar" };

export function Options() {
  const now = chosen.value;
  if (!now || now.corrects || !["csv", "tsv"].includes(now.kind.format)) return null;
  const { found } = look.value;
  const { reading } = now;
  const set = (/** @type {Partial<typeof reading>} */ part) => change({ reading: { ...reading, ...part } });
  const isOff = sending.value !== null;
  return html`<details class="reading"><summary>
      ${found ? html`${found.delimiter ? html`Cells are separated by <b>${shown[found.delimiter] ?? found.delimiter}</b>, the` : "The"} text is <b>${found.encoding}</b>.` : "How the file is read."} <span class="link">Not right?</span></summary>
    <div class="row">
      <label class="field"><span>Cells are separated by</span><select value=${reading.delimiter} disabled=${isOff} onChange=${(/** @type {Event} */ event) => set({ delimiter: fieldOf(event).value })}>
        ${delimiters.map(([value, label]) => html`<option key=${value} value=${value}>${label}</option>`)}</select></label>
      <label class="field"><span>Letters (encoding)</span><select value=${reading.charset} disabled=${isOff} onChange=${(/** @type {Event} */ event) => set({ charset: fieldOf(event).value })}>
        ${charsets.map(([value, label]) => html`<option key=${value} value=${value}>${label}</option>`)}</select></label>
    </div></details>`;
}
