/** The tabs of a page. The address names the open tab, so that each tab is a link. */
import { address, setQuery } from "../state/router.js";
import { html } from "./html.js";

/**
 * @typedef {object} Tab
 * @property {string} name in the address; the first one is not
 * @property {string} title
 * @property {any} [more] behind the title, such as a number
 * @property {() => any} render
 */

/** @param {{ label: string, tabs: Tab[] }} props */
export function Tabs({ label, tabs }) {
  const { tab } = address.value.query;
  const open = tabs.find(({ name }) => name === tab) ?? tabs[0];
  const show = (/** @type {Tab | undefined} */ next) => setQuery({ tab: next === tabs[0] ? null : next?.name });
  const press = (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = tabs[(tabs.indexOf(/** @type {Tab} */ (open)) + step + tabs.length) % tabs.length];
    show(next);
    document.getElementById(`tab-${next?.name}`)?.focus();
  };
  return html`<div class="tabs" role="tablist" aria-label=${label} onKeyDown=${press}>
      ${tabs.map(
        (one) =>
          html`<button key=${one.name} type="button" role="tab" id=${`tab-${one.name}`} aria-selected=${one === open} aria-controls="tab-panel" tabindex=${one === open ? 0 : -1} onClick=${() => show(one)}>${one.title}${one.more !== undefined && html` <span class="quiet">${one.more}</span>`}</button>`,
      )}
    </div>
    <div class="stack" role="tabpanel" id="tab-panel" key=${open?.name} aria-labelledby=${`tab-${open?.name}`}>${open?.render()}</div>`;
}
