/**
 * The grid in which rejected rows are corrected. Arrow keys and Enter move, Escape undoes a change, Ctrl+D fills equal cells
 * alike.
 */
import { Fragment } from "preact";
import { useState } from "preact/hooks";
import { fieldOf } from "../ui/fields.js";
import { html } from "../ui/html.js";
import { count } from "../ui/numbers.js";
import { ruleOf } from "./fields.js";
import { alike, write } from "./mending.js";

/** @import { Grid, MendRow } from "./rejected-rows.js" */
/** @import { Draft } from "./mending.js" */
/** @import { Signal } from "@preact/signals" */

const MOST_CHOICES = 60;

/**
 * @typedef {object} Shared
 * @property {Grid} grid
 * @property {Signal<Draft>} draft
 * @property {Map<string, string>} wrong the faults of typed values
 */

/** @param {Shared & { rows: MendRow[], fields: string[], label: string }} props */
export function MendGrid({ grid, draft, wrong, rows, fields, label }) {
  return html`<div class="table-scroll" role="region" aria-label=${label} tabindex="0">
    <table class="mend"><caption class="offscreen">${label}</caption>
      <thead><tr><th scope="col" class="right">Line</th>${fields.map((field) => html`<th key=${field} scope="col">${field}</th>`)}</tr></thead>
      <tbody>${rows.map(
        (row, index) => html`<tr key=${row.record}>
          <th scope="row" class="right">${count(row.line ?? row.record)}</th>
          ${fields.map((field) => html`<td key=${field}><${Cell} grid=${grid} draft=${draft} wrong=${wrong} row=${row} field=${field} index=${index} /></td>`)}
        </tr>${row.stuck && html`<${Fragment} key=${`${row.record} stuck`}><tr class="stuck"><td></td><td colspan=${fields.length}>This row cannot be mended here: ${row.stuck}.</td></tr></${Fragment}>`}`,
      )}</tbody>
    </table>
  </div>`;
}

/** @param {Shared & { row: MendRow, field: string, index: number }} props */
function Cell({ grid, draft, wrong, row, field, index }) {
  const [isHere, setHere] = useState(false);
  const came = row.cells.get(field) ?? "";
  const typed = draft.value.get(row.record)?.get(field);
  const fault = row.faults.get(field);
  const text = typed ?? came;
  if (row.stuck !== null) return html`<span class=${fault ? "wrong-value" : "quiet"}>${text}</span>`;
  const isChanged = typed !== undefined;
  const why = isChanged ? wrong.get(`${row.record} ${field}`) : fault?.message;
  const others = isChanged && fault && !why ? alike(grid, draft.value, row, field) : [];
  const fill = () => write(draft, others, field, text);
  const put = (/** @type {Event} */ event) => write(draft, [row], field, fieldOf(event).value);
  const press = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape" && isChanged) write(draft, [row], field, came);
    else if ((event.ctrlKey || event.metaKey) && event.key === "d" && others.length > 0) fill();
    else if (!move(event, index, field)) return;
    event.preventDefault();
  };
  const id = `cell-${row.record}-${field}`;
  const shared = {
    id,
    "data-row": index,
    "data-field": field,
    "aria-label": `${field}, line ${row.line ?? row.record}`,
    "aria-invalid": why ? "true" : undefined,
    "aria-describedby": why ? `${id}-why` : undefined,
    onKeyDown: press,
    onFocus: () => setHere(true),
    onBlur: () => setHere(false),
  };
  const choices = ruleOf(grid.dataset.schema, field).enum?.map(String) ?? [];
  const isChoice = choices.length > 0 && choices.length <= MOST_CHOICES;
  return html`<span class=${`mend-cell ${isChanged ? "changed" : ""}`}>
    ${
      isChoice
        ? html`<select ...${shared} value=${text} onChange=${put}>
          ${!choices.includes(text) && html`<option value=${text}>${text === "" ? "(empty)" : text}</option>`}
          ${choices.map((choice) => html`<option key=${choice} value=${choice}>${choice}</option>`)}
        </select>`
        : html`<input type="text" ...${shared} value=${text} autocomplete="off" spellcheck=${false} onInput=${put} />`
    }
    ${why && html`<span class="why" id=${`${id}-why`}>${why}</span>`}
    ${
      isChanged && !why && others.length > 0
        ? html`<button type="button" class="link" tabindex=${isHere ? 0 : -1} onClick=${fill}>also in ${count(others.length)} alike</button>`
        : isChanged && !why && html`<span class="quiet">was ${came === "" ? "empty" : came}</span>`
    }
  </span>`;
}

/**
 * Moves the focus to the same column of another row.
 * @param {KeyboardEvent} event
 * @param {number} index
 * @param {string} field
 */
function move({ key, shiftKey, target, altKey }, index, field) {
  const isSelect = target instanceof HTMLSelectElement;
  const isArrow = !isSelect && !altKey && (key === "ArrowDown" || key === "ArrowUp");
  if (!isArrow && key !== "Enter") return false;
  const to = index + (key === "ArrowUp" || (key === "Enter" && shiftKey) ? -1 : 1);
  const next = [...document.querySelectorAll(`.mend [data-row="${to}"]`)].find(
    (one) => /** @type {HTMLElement} */ (one).dataset.field === field,
  );
  /** @type {HTMLElement | undefined} */ (next)?.focus();
  if (next instanceof HTMLInputElement) next.select();
  return next !== undefined;
}
