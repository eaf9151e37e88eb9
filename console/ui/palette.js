/**
 * The search box, opened by `/` or Ctrl+K. It finds pages by name, and batches, clients and other things by what is known of
 * them.
 */
import { signal } from "@preact/signals";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { side } from "../api/session.js";
import { navOf } from "../pages/index.js";
import { searchers } from "../pages/search.js";
import { Dialog } from "./dialog.js";
import { fieldOf } from "./fields.js";
import { html } from "./html.js";
import { Icon } from "./icons.js";

/** @import { Hit } from "../pages/search.js" */

const isOpen = signal(false);

export const openPalette = () => {
  isOpen.value = true;
};

const close = () => {
  isOpen.value = false;
};

/**
 * Handles a file that is dropped on the search box: the search answers whether it was ever imported. Only operators have this
 * search.
 */
export const dropSearch = {
  onDragOver: (/** @type {DragEvent} */ event) => {
    if (side.peek() === "operator" && event.dataTransfer?.types.includes("Files")) event.preventDefault();
  },
  onDrop: async (/** @type {DragEvent} */ event) => {
    const file = event.dataTransfer?.files[0];
    if (side.peek() !== "operator" || !file) return;
    event.preventDefault();
    event.stopPropagation();
    close();
    (await import("../batch/drop.js")).lookUp(file);
  },
};

/** The search asks the API when a person has stopped typing for this long. */
const REST_MS = 200;

export function Palette() {
  return isOpen.value ? html`<${Search} />` : null;
}

function Search() {
  const [text, setText] = useState("");
  const [found, setFound] = useState(/** @type {Hit[]} */ ([]));
  const [at, setAt] = useState(0);
  const id = useId();
  /** The text for which Enter was pressed before the answer came. */
  const early = useRef("");
  const wanted = text.trim();
  const own = navOf(side.value);
  /** @type {Hit[]} */
  const places = own
    .filter(({ title }) => title.toLowerCase().includes(wanted.toLowerCase()))
    .map(({ title, path, nav }) => ({
      label: title,
      hint: `g ${nav?.key}`,
      href: `#${path}`,
      icon: nav?.icon ?? "info",
    }));
  const hits = [...places, ...found];
  const go = (/** @type {Hit | undefined} */ hit) => {
    if (!hit) return;
    close();
    location.hash = hit.href;
  };
  useEffect(() => {
    setAt(0);
    setFound([]);
    if (wanted === "") return;
    const controller = new AbortController();
    const timer = setTimeout(
      () =>
        search(wanted, controller.signal, (hits) => {
          setFound(hits);
          if (early.current === wanted) go([...places, ...hits][0]);
        }),
      REST_MS,
    );
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [wanted]);
  const press = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      setAt((at + (event.key === "ArrowDown" ? 1 : -1) + hits.length) % Math.max(1, hits.length));
    }
  };
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    early.current = wanted;
    go(hits[at]);
  };
  return html`<${Dialog} title="Search" class="palette" onClose=${close}>
    <form onSubmit=${submit} onKeyDown=${press} ...${dropSearch} role="search">
      <input type="search" role="combobox" aria-expanded="true" aria-controls=${id} aria-activedescendant=${hits[at] ? `${id}-${at}` : undefined} aria-label="Search"
        placeholder=${side.value === "partner" ? "A page, or a batch" : "A page, a batch, a client, a request, a checksum"} autocomplete="off" spellcheck=${false}
        ref=${(/** @type {HTMLElement | null} */ field) => field?.focus()} value=${text} onInput=${(/** @type {Event} */ event) => setText(fieldOf(event).value)} />
      <ul id=${id} role="listbox" aria-label="Found">
        ${hits.map(
          (
            hit,
            index,
          ) => html`<li key=${hit.href} id=${`${id}-${index}`} role="option" aria-selected=${index === at} onClick=${() => go(hit)}>
            <${Icon} name=${hit.icon} /><span>${hit.label}</span>${hit.hint && html`<span class="quiet">${hit.hint}</span>`}
          </li>`,
        )}
      </ul>
      ${hits.length === 0 && html`<p class="quiet palette-none">Nothing is called that.</p>`}
    </form>
  </${Dialog}>`;
}

/**
 * @param {string} text
 * @param {AbortSignal} signal
 * @param {(hits: Hit[]) => void} show
 */
async function search(text, signal, show) {
  const asked = searchers.filter((one) => one.side === side.peek());
  const lists = await Promise.all(asked.map((one) => one.search(text, signal).catch(() => [])));
  if (!signal.aborted) show(lists.flat());
}
