/**
 * A table of data: a caption, sorting if the API can sort, rows by keyboard (`j` `k` Enter, `x` selects), and pages by cursor.
 * New rows are announced as "12 new – show", so that no row jumps.
 */
import { Fragment } from "preact";
import { useRef, useState } from "preact/hooks";
import { useKeys } from "../state/keys.js";
import { Loading } from "./empty.js";
import { ErrorBox } from "./error-box.js";
import { html } from "./html.js";
import { Icon } from "./icons.js";
import { plural } from "./numbers.js";

/** @import { Signal } from "@preact/signals" */

/**
 * @template T
 * @typedef {object} Column
 * @property {string} key
 * @property {any} title
 * @property {(row: T) => any} render
 * @property {"right"} [align] numbers are aligned right
 * @property {boolean} [isWide] takes the remaining width, and may break lines
 * @property {"first" | "last"} [hides] on narrow screens: `first` goes first
 * @property {string} [sort] the value of the address's `order` that sorts by it
 */

/**
 * The answer of `useList`, or a part of it. `{ items }` alone makes a table that never changes.
 * @template T
 * @typedef {Partial<import("../state/list.js").FoundList<T>> & { items: T[] }} Source
 */

/** The body of the table that last had the focus. @type {HTMLElement | null} */
let lastFocused = null;

/** The table that gets the keys, if a page has several: the one that has or last had the focus, else the first. */
const bodyOfKeys = () => (lastFocused?.isConnected ? lastFocused : document.querySelector("main .table-box tbody"));

/**
 * @template T
 * @param {object} props
 * @param {string} props.caption what the rows are; screen readers say it
 * @param {Column<T>[]} props.columns
 * @param {Source<T>} props.list
 * @param {(row: T) => string} [props.keyOf]
 * @param {(row: T) => string} [props.hrefOf] where Enter and a click on the row go
 * @param {Signal<Set<string>>} [props.selected] with it rows can be selected
 * @param {any} [props.empty] shown instead of no rows
 * @param {string} [props.order] what it is sorted by now
 * @param {(order: string) => void} [props.onOrder]
 * @param {(row: T) => string} [props.toneOf] marks a row: `bad`, `warn`, `calm`
 * @param {(row: T) => any} [props.moreOf] what opens below a row; null: nothing
 */
export function Table({
  caption,
  columns,
  list,
  keyOf = idOf,
  hrefOf,
  selected,
  empty,
  order,
  onOrder,
  toneOf,
  moreOf,
}) {
  const body = useRef(/** @type {HTMLTableSectionElement | null} */ (null));
  const anchor = useRef(-1);
  const [opened, setOpened] = useState(/** @type {string | null} */ (null));
  const { items } = list;

  const rows = () =>
    /** @type {HTMLTableRowElement[]} */ ([...(body.current?.querySelectorAll("tr:not(.more)") ?? [])]);
  const at = () => rows().findIndex((row) => row.contains(document.activeElement));
  const move = (/** @type {number} */ step) => {
    const all = rows();
    const next = all[Math.min(Math.max(at() + step, 0), all.length - 1)];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  };
  const toggle = (/** @type {number} */ index, /** @type {boolean} */ isRange = false) => {
    const row = items[index];
    if (!selected || !row) return;
    const next = new Set(selected.peek());
    const isOn = !next.has(keyOf(row));
    const from = isRange && anchor.current >= 0 ? Math.min(anchor.current, index) : index;
    const to = isRange && anchor.current >= 0 ? Math.max(anchor.current, index) : index;
    for (const one of items.slice(from, to + 1)) isOn ? next.add(keyOf(one)) : next.delete(keyOf(one));
    anchor.current = index;
    selected.value = next;
  };
  const here = { group: "Tables", isPreferred: () => body.current !== null && body.current === bodyOfKeys() };
  useKeys([
    { ...here, keys: "j", label: "Next row", run: () => move(1) },
    { ...here, keys: "k", label: "Row before", run: () => move(-1) },
    ...(selected
      ? [
          { ...here, keys: "x", label: "Select the row", run: () => toggle(at()) },
          { ...here, keys: "X", label: "Select up to the row", run: () => toggle(at(), true) },
        ]
      : []),
    ...(list.showNewer ? [{ ...here, keys: ".", label: "Show what is new", run: () => list.showNewer?.() }] : []),
  ]);

  const open = (/** @type {T} */ row) => {
    if (hrefOf) location.hash = hrefOf(row);
  };
  const press = (/** @type {KeyboardEvent} */ event, /** @type {T} */ row) => {
    if (event.key === "Enter" && event.target === event.currentTarget) open(row);
  };
  const click = (/** @type {MouseEvent} */ event, /** @type {T} */ row) => {
    const target = /** @type {HTMLElement} */ (event.target);
    if (target.closest("a, button, input, label, time, summary")) return;
    // A click that ends a text selection does not open the row.
    if (hrefOf && getSelection()?.isCollapsed !== false) open(row);
  };

  const { gone = new Set() } = list;
  if (list.isLoading) return html`<${Loading} lines=${6} label=${`Loading ${caption}`} />`;
  if (list.problem && items.length === 0)
    return html`<${ErrorBox} problem=${list.problem} title=${`${caption}: this could not be read.`} onRetry=${list.reload} />`;
  if (items.length === 0 && empty) return empty;

  const allKeys = items.map(keyOf);
  const chosen = selected?.value ?? new Set();
  const isAll = allKeys.length > 0 && allKeys.every((key) => chosen.has(key));
  const pick = selected && {
    all: () => {
      selected.value = isAll ? new Set() : new Set(allKeys);
    },
  };
  const note = () => {
    lastFocused = body.current;
  };
  return html`<div class="table-box" onFocusIn=${note}>
    ${
      (list.newer ?? 0) + gone.size > 0 &&
      html`<button type="button" class="newer" onClick=${list.showNewer}>${newsOf(list.newer ?? 0, list.isNewerMore === true, gone.size)} – show</button>`
    }
    ${list.problem && html`<${ErrorBox} problem=${list.problem} title="This could not be read again." onRetry=${list.reload} />`}
    <div class="table-scroll" role="group" aria-label=${caption} tabindex="0">
      <table class=${hrefOf ? "cards opens" : "cards"}>
        <caption class="offscreen">${caption}</caption>
        <thead><tr>
          ${pick && html`<th class="pick" scope="col"><input type="checkbox" aria-label="Select all rows" checked=${isAll} onChange=${pick.all} /></th>`}
          ${columns.map((column) => html`<${Head} key=${column.key} column=${column} order=${order} onOrder=${onOrder} />`)}
          ${moreOf && html`<th class="pick" scope="col"><span class="offscreen">Details</span></th>`}
        </tr></thead>
        <tbody ref=${body}>
          ${items.map((row, index) => {
            const key = keyOf(row);
            const isChosen = chosen.has(key);
            const more = moreOf?.(row) ?? null;
            const isOpen = more !== null && opened === key;
            return html`<${Fragment} key=${key}><tr tabindex="-1" class=${gone.has(key) ? "gone" : (toneOf?.(row) ?? "")} aria-selected=${selected ? isChosen : undefined}
              onKeyDown=${(/** @type {KeyboardEvent} */ event) => press(event, row)} onClick=${(/** @type {MouseEvent} */ event) => click(event, row)}>
              ${
                selected &&
                html`<td class="pick"><input type="checkbox" aria-label="Select the row" checked=${isChosen}
                  onClick=${(/** @type {MouseEvent} */ event) => toggle(index, event.shiftKey)} /></td>`
              }
              ${columns.map(
                (column, place) =>
                  html`<td key=${column.key} class=${classOf(column)} data-title=${typeof column.title === "string" ? column.title : ""}>${column.render(row)}${place === 0 && gone.has(key) && html`<span class="gone-word">${GONE}</span>`}</td>`,
              )}
              ${
                moreOf &&
                html`<td class="pick">${more !== null && html`<button type="button" class=${`bare fold${isOpen ? " open" : ""}`} aria-expanded=${isOpen} aria-label="Details" onClick=${() => setOpened(isOpen ? null : key)}><${Icon} name="chevron" /></button>`}</td>`
              }
            </tr>${isOpen && html`<tr class="more"><td colspan=${columns.length + (selected ? 2 : 1)}>${more}</td></tr>`}</${Fragment}>`;
          })}
        </tbody>
      </table>
    </div>
    ${
      list.hasMore &&
      html`<footer class="table-foot"><button type="button" class="button" onClick=${list.more} aria-busy=${list.isLoadingMore} disabled=${list.isLoadingMore}>
        ${list.isLoadingMore ? "Loading …" : "Show more"}</button></footer>`
    }
  </div>`;
}

/** @param {{ column: Column<any>, order?: string, onOrder?: (order: string) => void }} props */
function Head({ column, order, onOrder }) {
  const { title, sort } = column;
  if (!sort || !onOrder) return html`<th scope="col" class=${classOf(column)}>${title}</th>`;
  const isOn = order === sort;
  return html`<th scope="col" class=${classOf(column)} aria-sort=${isOn ? "ascending" : "none"}>
    <button type="button" class="link" onClick=${() => onOrder(isOn ? "" : sort)}>${title}${isOn && html` <${Icon} name="down" />`}</button>
  </th>`;
}

const GONE = "no longer in this list";

/** @param {number} newer @param {boolean} isMore @param {number} gone */
const newsOf = (newer, isMore, gone) =>
  [newer > 0 && (isMore ? `${newer}+ new ones` : plural(newer, "new one", "new ones")), gone > 0 && `${gone} ${GONE}`]
    .filter(Boolean)
    .join(", ");

/** @param {Column<any>} column */
const classOf = ({ align, isWide, hides }) =>
  [align === "right" && "right", isWide && "wide", hides && `hides-${hides}`].filter(Boolean).join(" ");

/** @param {any} row */
const idOf = (row) => row.id;
