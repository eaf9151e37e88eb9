/** The frame of every page: header, navigation, search, the age of the data, and messages about the connection. */
import { useEffect, useRef } from "preact/hooks";
import { connection, refreshAll, urlOf } from "../api/client.js";
import { logOut, session, settings, side } from "../api/session.js";
import { dataAt, isPaused, mode, togglePause } from "../api/stream.js";
import { navOf, pages } from "../pages/index.js";
import { bindings, useKeys } from "../state/keys.js";
import { address, href, navigate, pageOf } from "../state/router.js";
import { isUtc, theme } from "../state/settings.js";
import { html } from "./html.js";
import { Icon } from "./icons.js";
import { openKeys } from "./keys-sheet.js";
import { duration } from "./numbers.js";
import { dropSearch, openPalette } from "./palette.js";
import { clock, now } from "./time.js";
import { toast, toastProblem } from "./toast.js";

/** @import { PageEntry } from "../types.d.ts" */

/** The pages that the person who is logged in may open. */
export const ownPages = () => pages.filter((page) => page.side === side.value);

export function Logo() {
  return html`<svg class="logo" viewBox="0 0 32 32" width="24" height="24" aria-hidden="true" focusable="false">
    <rect width="32" height="32" rx="8" /><path class="logo-quiet" d="M7 22h6M19 10h6" /><path d="M7 10h8a5 5 0 0 1 5 5v2a5 5 0 0 0 5 5" />
  </svg>`;
}

/** @param {{ children?: any }} props */
export function Frame({ children }) {
  useFrameKeys();
  useMenusThatClose();
  useButtonsOffWhileAway();
  const { isAway } = connection.value;
  return html`<a class="skip" href="#content" onClick=${skip}>Skip to the content</a>
    <header class="top">
      <a class="brand" href=${href("/")} aria-label="DataFlow"><${Logo} /><span>DataFlow</span></a>
      ${settings.label && html`<span class="label">${settings.label}</span>`}
      <button type="button" class="search" aria-label="Search" ...${dropSearch} onClick=${() => openPalette()}><${Icon} name="search" /><span>Search</span><kbd>/</kbd></button>
      <div class="top-right"><${Age} /><${UserMenu} /></div>
    </header>
    <${Nav} />
    <main id="content" tabindex="-1" class=${isAway ? "stale" : ""}>
      <${AwayBar} />
      ${children}
    </main>`;
}

/** Skips the navigation. A plain link cannot do so, because the hash of the address names the page. @param {Event} event */
function skip(event) {
  event.preventDefault();
  document.getElementById("content")?.focus();
}

function useFrameKeys() {
  const own = ownPages();
  useKeys([
    { keys: "/", label: "Search", group: "Everywhere", run: () => openPalette() },
    { keys: "mod+k", label: "Search", group: "Everywhere", run: () => openPalette() },
    { keys: "?", label: "All keys", group: "Everywhere", run: openKeys },
    { keys: "p", label: "Pause or go on with new data", group: "Everywhere", run: togglePause },
    { keys: "r", label: "Read again", group: "Everywhere", run: refreshAll },
    { keys: "t", label: "Next theme", group: "Everywhere", run: nextTheme },
    { keys: "u", label: "Times in UTC or local", group: "Everywhere", run: switchZone },
    ...own.flatMap(({ nav, path, title }) =>
      nav ? [{ keys: `g ${nav.key}`, label: title, group: "Go to", run: () => navigate(path) }] : [],
    ),
  ]);
}

/** Closes a menu by Escape, or when something outside of it is pressed. */
function useMenusThatClose() {
  useEffect(() => {
    const open = () => /** @type {HTMLDetailsElement[]} */ ([...document.querySelectorAll("details.menu[open]")]);
    const press = (/** @type {Event} */ event) => {
      for (const menu of open()) if (!menu.contains(/** @type {Node} */ (event.target))) menu.open = false;
    };
    const leave = (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "Escape") return;
      for (const menu of open()) {
        menu.open = false;
        menu.querySelector("summary")?.focus();
      }
    };
    document.addEventListener("click", press);
    document.addEventListener("keydown", leave);
    return () => {
      document.removeEventListener("click", press);
      document.removeEventListener("keydown", leave);
    };
  }, []);
}

/** The buttons that are off while the API is away. Copying, filters and menus need no API, so they stay on. */
const OFF = "main button.button:not(.filter-bar *, .error-box *, .bar *, [data-local])";

/**
 * Turns buttons off while the API is away: they look disabled, tell that to screen readers, and do nothing. They keep the focus,
 * which a really disabled button would lose.
 */
function useButtonsOffWhileAway() {
  const { isAway } = connection.value;
  useEffect(() => {
    if (!isAway) return;
    const off = () => {
      for (const button of document.querySelectorAll(OFF)) button.setAttribute("aria-disabled", "true");
    };
    const stop = (/** @type {Event} */ event) => {
      if (!(event.target instanceof Element) || !event.target.closest(OFF)) return;
      event.preventDefault();
      event.stopPropagation();
      toast("The API is away. This can be done when it is back.", "bad");
    };
    off();
    const watch = new MutationObserver(off);
    watch.observe(document.body, { childList: true, subtree: true });
    document.addEventListener("click", stop, true);
    return () => {
      watch.disconnect();
      document.removeEventListener("click", stop, true);
      for (const button of document.querySelectorAll(OFF)) button.removeAttribute("aria-disabled");
    };
  }, [isAway]);
}

function Nav() {
  const { path } = address.value;
  const own = ownPages();
  const found = pageOf(own, path);
  const marked = found?.page.under ?? found?.page.path;
  const bar = useRef(/** @type {HTMLElement | null} */ (null));
  // On a narrow screen the link of the present page may be out of sight.
  useEffect(() => {
    bar.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [marked]);
  return html`<nav class="nav" aria-label="Pages" ref=${bar}>
    <ul>${navOf(side.value).map((page) => html`<li key=${page.path}><${NavLink} page=${page} isOn=${page.path === marked} /></li>`)}</ul>
  </nav>`;
}

/** @param {{ page: PageEntry, isOn: boolean }} props */
function NavLink({ page: { path, title, nav }, isOn }) {
  return html`<a href=${href(path)} aria-current=${isOn ? "page" : undefined} title=${`${title} (g ${nav?.key})`}><${Icon} name=${nav?.icon ?? "info"} /><span>${title}</span></a>`;
}

/** @type {Record<string, string>} */
const words = { live: "live", polling: "every 5 s", paused: "paused", connecting: "connecting", off: "read once" };

/** A button with the age of the shown data. It pauses and resumes the page. */
function Age() {
  const { isAway } = connection.value;
  const at = dataAt.value;
  const age = at === 0 ? "" : duration(Math.max(0, Math.floor((now.value - at) / 1_000) * 1_000));
  const state = isAway ? "away" : mode.value;
  const text = isAway ? "away" : (words[mode.value] ?? "");
  const more = isPaused.value ? "Data is paused. Go on." : "Pause new data.";
  return html`<button type="button" class=${`age ${state}`} title=${more} aria-pressed=${isPaused.value} onClick=${togglePause}>
    <span class="dot" aria-hidden="true"></span><span class="offscreen">Data: </span><span class="age-word">${text}</span>${at > 0 && html`<span class="quiet age-time">${age}</span>`}
  </button>`;
}

/** @type {["system" | "light" | "dark", string, string][]} */
const themes = [
  ["system", "System", "system_theme"],
  ["light", "Light", "sun"],
  ["dark", "Dark", "moon"],
];

function nextTheme() {
  const at = themes.findIndex(([name]) => name === theme.peek());
  const [name, label] = themes[(at + 1) % themes.length] ?? ["system", "System"];
  theme.value = name;
  toast(`Theme: ${label.toLowerCase()}`, "plain");
}

function switchZone() {
  isUtc.value = !isUtc.peek();
  toast(isUtc.peek() ? "Times are in UTC." : "Times are in your zone.", "plain");
}

/**
 * The pages of the documentation, by the role of the reader.
 * @type {Record<"operator" | "partner", [page: string, title: string][]>}
 */
const guides = {
  operator: [
    ["docs/guide", "Guide"],
    ["docs/guide/runbook", "Runbook"],
  ],
  partner: [
    ["docs/guide/partners/start", "Guide: how to send"],
    ["docs/guide/partners/files", "Guide: files"],
    ["docs/guide/partners/corrections", "Guide: corrections"],
  ],
};

function UserMenu() {
  const { name = "", role = "viewer" } = session.value ?? {};
  const leave = () => logOut().catch((error) => toastProblem("You are still logged in", error));
  return html`<details class="menu user">
    <summary class="button quiet-button"><${Icon} name="user" /><span class="user-name">${name}</span>
      ${name !== role && html`<span class="quiet user-role">${role}</span>`}<${Icon} name="down" /></summary>
    <div class="menu-list right">
      <fieldset class="theme"><legend class="offscreen">Theme</legend>
        ${themes.map(
          ([value, label, icon]) =>
            html`<label key=${value}><input type="radio" name="theme" value=${value} checked=${theme.value === value} onChange=${() => {
              theme.value = value;
            }} /><${Icon} name=${icon} />${label}</label>`,
        )}
      </fieldset>
      <label class="menu-check"><input type="checkbox" checked=${isUtc.value} onChange=${switchZone} />Times in UTC</label>
      ${side.value === "partner" && html`<a href=${href("/account")}><${Icon} name="key" />Your account</a>`}
      <button type="button" onClick=${openKeys}><${Icon} name="keyboard" />Keys <kbd>?</kbd></button>
      ${guides[side.value].map(([page, title]) => html`<a key=${page} href=${urlOf(page)} target="_blank" rel="noopener"><${Icon} name="info" />${title}</a>`)}
      <a href=${urlOf("docs")} target="_blank" rel="noopener"><${Icon} name="code" />API documentation</a>
      <button type="button" onClick=${leave}><${Icon} name="logout" />Log out</button>
      <p class="quiet menu-foot">DataFlow ${settings.version}</p>
    </div>
  </details>`;
}

/** The bar that says that the API is away. The data stays, with its age. */
function AwayBar() {
  const { isAway, since, retryAt } = connection.value;
  if (!isAway) return null;
  const left = Math.max(0, Math.ceil((retryAt - now.value) / 1_000));
  return html`<div class="bar bad" role="alert"><${Icon} name="error" />
    <span><strong>The API does not answer.</strong> You see what was last read${dataAt.value > 0 ? ` at ${clock(dataAt.value)}` : ""}; nothing can be changed now.
    <span aria-hidden="true"> Away for ${duration(Math.max(1_000, now.value - since))}, trying again in ${left} s.</span></span></div>`;
}

/** The bar that says that the open page has another version than the node. */
export function reloadBar() {
  return html`<div class="bar warn" role="alert"><${Icon} name="info" /><span>DataFlow was updated while this page was open.</span>
    <button type="button" class="button small" onClick=${() => location.reload()}>Load the new version</button></div>`;
}

/** The present shortcuts, for the sheet of keys. */
export const boundNow = () => bindings.value;
