/**
 * Filters as chips. The filters are only in the address, so every view is a link. Backspace or Delete on a chip removes it. A
 * saved view is a name and an address, which this browser keeps.
 */
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { address, href, navigate, setQuery } from "../state/router.js";
import { taste } from "../state/settings.js";
import { fieldOf } from "./fields.js";
import { html } from "./html.js";
import { Icon } from "./icons.js";

/**
 * @typedef {object} Filter
 * @property {string} name of the query's parameter
 * @property {string} label "State"
 * @property {"choice" | "text" | "time"} [kind] `text` where omitted
 * @property {{ value: string, label: string }[]} [options] of a choice
 * @property {boolean} [isSeveral] of a choice: several values are allowed, joined by commas
 * @property {string} [hint] of a text
 * @property {(text: string, signal: AbortSignal) => Promise<{ value: string, label: string }[]>} [suggest] of a text: values that
 *   begin with it
 * @property {{ label: string, value: () => string }[]} [presets] of a time
 * @property {(value: string) => string} [show] the value as the chip says it
 */

/** @param {{ filters: Filter[], children?: any }} props */
export function FilterBar({ filters, children }) {
  const { path, query } = address.value;
  const [adding, setAdding] = useState(/** @type {string | null} */ (null));
  const set = filters.filter(({ name }) => query[name]);
  const isAny = set.length > 0;
  const filter = filters.find(({ name }) => name === adding);
  const menu = useRef(/** @type {HTMLElement | null} */ (null));
  // The element that had the focus no longer exists.
  const backToMenu = () => menu.current?.focus();
  const end = () => {
    setAdding(null);
    backToMenu();
  };
  return html`<div class="filter-bar" role="group" aria-label="Filters">
    ${set.map((one) => html`<${Chip} key=${one.name} filter=${one} value=${query[one.name] ?? ""} onEdit=${() => setAdding(one.name)} onRemoved=${backToMenu} />`)}
    <details class="menu" open=${false}>
      <summary class="button small" ref=${menu}><${Icon} name="filter" />Filter</summary>
      <div class="menu-list">
        ${filters.map(
          ({ name, label }) =>
            html`<button key=${name} type="button" onClick=${(/** @type {any} */ event) => {
              event.target.closest("details").open = false;
              setAdding(name);
            }}>${label}</button>`,
        )}
      </div>
    </details>
    ${isAny && html`<a class="quiet-link" href=${href(path)} onClick=${backToMenu}>Clear</a>`}
    <${Views} path=${path} query=${query} />
    ${children}
    ${filter && html`<${Edit} key=${filter.name} filter=${filter} value=${query[filter.name] ?? ""} onEnd=${end} />`}
  </div>`;
}

/** @param {{ filter: Filter, value: string, onEdit: () => void, onRemoved: () => void }} props */
function Chip({ filter, value, onEdit, onRemoved }) {
  const { name, label } = filter;
  const remove = () => {
    setQuery({ [name]: null });
    onRemoved();
  };
  const press = (/** @type {KeyboardEvent} */ event) => {
    if (!["Backspace", "Delete"].includes(event.key)) return;
    event.preventDefault();
    remove();
  };
  return html`<span class="chip" onKeyDown=${press}>
    <button type="button" onClick=${onEdit}>${label}: <strong>${shown(filter, value)}</strong></button>
    <button type="button" class="bare" aria-label=${`Remove the filter ${label}`} onClick=${remove}><${Icon} name="cross" /></button>
  </span>`;
}

/** @param {Filter} filter @param {string} value */
function shown({ options, show }, value) {
  if (show) return show(value);
  if (!options) return value;
  return value
    .split(",")
    .map((one) => options.find((option) => option.value === one)?.label ?? one)
    .join(" or ");
}

/** @param {{ filter: Filter, value: string, onEnd: () => void }} props */
function Edit({ filter, value, onEnd }) {
  const { name, label, kind = "text", options = [], isSeveral = false, hint, suggest, presets = [] } = filter;
  const id = useId();
  const suggested = useSuggested(suggest);
  const [draft, setDraft] = useState(value);
  const apply = (/** @type {string} */ next) => {
    setQuery({ [name]: next });
    onEnd();
  };
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    apply(kind === "time" && draft ? new Date(draft).toISOString() : draft.trim());
  };
  const flip = (/** @type {string} */ option) => {
    const now = draft.split(",").filter(Boolean);
    if (!isSeveral) return apply(option);
    setDraft((now.includes(option) ? now.filter((one) => one !== option) : [...now, option]).join(","));
  };
  const press = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape") onEnd();
  };
  return html`<form class="filter-edit" onSubmit=${submit} onKeyDown=${press} aria-label=${`Filter ${label}`}>
    ${
      kind === "choice"
        ? html`<fieldset><legend>${label}</legend><div class="options">${options.map(
            (option, index) =>
              html`<label key=${option.value}><input type=${isSeveral ? "checkbox" : "radio"} name=${name} ref=${index === 0 ? focused : undefined} checked=${draft.split(",").includes(option.value)} onChange=${() => flip(option.value)} />${option.label}</label>`,
          )}</div></fieldset>`
        : html`<label class="field"><span>${label}</span><input type=${kind === "time" ? "datetime-local" : "text"} ref=${focused} placeholder=${hint} value=${kind === "time" ? local(draft) : draft} list=${suggest ? id : undefined} autocomplete="off" onInput=${(
            /** @type {Event} */ event,
          ) => {
            setDraft(fieldOf(event).value);
            suggested.look(fieldOf(event).value);
          }} />
          ${suggest && html`<datalist id=${id}>${suggested.options.map((option) => html`<option key=${option.value} value=${option.value}>${option.label}</option>`)}</datalist>`}</label>
          ${presets.length > 0 && html`<div class="row">${presets.map((preset) => html`<button key=${preset.label} type="button" class="button small" onClick=${() => apply(preset.value())}>${preset.label}</button>`)}</div>`}`
    }
    <div class="filter-foot">
      <button type="button" class="button small" onClick=${onEnd}>Back</button>
      ${(kind !== "choice" || isSeveral) && html`<button type="submit" class="button small primary">Apply</button>`}
    </div>
  </form>`;
}

const REST_MS = 200;

/**
 * Suggests values when a person stops typing.
 * @param {Filter["suggest"]} suggest
 */
function useSuggested(suggest) {
  const [options, setOptions] = useState(/** @type {{ value: string, label: string }[]} */ ([]));
  const asked = useRef({ timer: 0, controller: new AbortController() });
  const stop = () => {
    clearTimeout(asked.current.timer);
    asked.current.controller.abort();
  };
  const look = (/** @type {string} */ text) => {
    stop();
    if (!suggest || text.trim() === "") return;
    const controller = new AbortController();
    const timer = window.setTimeout(() => {
      suggest(text.trim(), controller.signal).then(setOptions, () => {});
    }, REST_MS);
    asked.current = { timer, controller };
  };
  useEffect(() => stop, []);
  return { options, look };
}

/** @param {HTMLElement | null} element */
const focused = (element) => element?.focus();

/** A time in the form of an input of the type datetime-local. @param {string} instant */
function local(instant) {
  const ms = Date.parse(instant);
  if (Number.isNaN(ms)) return instant;
  return new Date(ms - new Date(ms).getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** @param {{ path: string, query: Record<string, string> }} props */
function Views({ path, query }) {
  const views = taste(`views:${path}`, /** @type {{ name: string, query: Record<string, string> }[]} */ ([]));
  const [name, setName] = useState("");
  const isAny = Object.keys(query).length > 0;
  const save = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (name.trim() === "") return;
    views.value = [...views.peek().filter((view) => view.name !== name.trim()), { name: name.trim(), query }];
    setName("");
  };
  if (!isAny && views.value.length === 0) return null;
  return html`<details class="menu">
    <summary class="button small"><${Icon} name="star" />Views</summary>
    <div class="menu-list">
      ${views.value.map(
        (
          view,
        ) => html`<span key=${view.name} class="menu-row"><button type="button" onClick=${() => navigate(path, view.query)}>${view.name}</button>
        <button type="button" class="bare" aria-label=${`Forget the view ${view.name}`} onClick=${() => {
          views.value = views.peek().filter((one) => one !== view);
        }}><${Icon} name="cross" /></button></span>`,
      )}
      ${
        isAny &&
        html`<form class="menu-form" onSubmit=${save}><label class="field"><span>Save this view as</span><input type="text" maxlength="40" value=${name} onInput=${(/** @type {Event} */ event) => setName(fieldOf(event).value)} /></label>
        <button type="submit" class="button small">Save</button></form>`
      }
    </div>
  </details>`;
}
