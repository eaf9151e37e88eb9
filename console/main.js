/** Starts the console: asks who is logged in, then shows the page that the address names. */

import { computed, signal } from "@preact/signals";
import { render } from "preact";
import { checkConnection, connection } from "./api/client.js";
import { asProblem } from "./api/problem.js";
import { isKnown, readSession, session, settings } from "./api/session.js";
import { startStream } from "./api/stream.js";
import { Login, LoginAgain } from "./pages/login.js";
import { keepFocus } from "./state/focus.js";
import { startKeys } from "./state/keys.js";
import { address, pageOf } from "./state/router.js";
import { followTheme } from "./state/settings.js";
import { Questions } from "./ui/dialog.js";
import { Empty, Loading } from "./ui/empty.js";
import { ErrorBox } from "./ui/error-box.js";
import { Frame, ownPages, reloadBar } from "./ui/frame.js";
import { html } from "./ui/html.js";
import { KeysSheet } from "./ui/keys-sheet.js";
import { Page } from "./ui/page.js";
import { Palette } from "./ui/palette.js";
import { Secrets } from "./ui/secret.js";
import { Toasts } from "./ui/toast.js";

/** @import { PageEntry } from "./types.d.ts" */
/** @import { ApiProblem } from "./api/problem.js" */

/** @type {import("@preact/signals").Signal<ApiProblem | null>} */
const startProblem = signal(/** @type {ApiProblem | null} */ (null));

/** Pages whose files have come; `null`: the file is not there any more. */
const loaded = signal(/** @type {Map<PageEntry, any>} */ (new Map()));

const isAway = computed(() => connection.value.isAway);

function App() {
  return html`<${Content} /><${Questions} /><${Palette} /><${KeysSheet} /><${Secrets} /><${LoginAgain} /><${Toasts} />`;
}

function Content() {
  if (!isKnown.value) return html`<main class="starting"><${Loading} label="DataFlow starts" /></main>`;
  if (startProblem.value)
    return html`<main class="starting"><${ErrorBox} problem=${startProblem.value} title="DataFlow cannot start." onRetry=${startProblem.value.code === "away" ? undefined : start} /></main>`;
  if (!session.value) {
    document.title = ["Log in", "DataFlow", settings.label].filter(Boolean).join(" · ");
    return html`<${Login} />`;
  }
  return html`<${Frame}><${Current} /></${Frame}>`;
}

/** The page of the address. */
function Current() {
  const { path, query } = address.value;
  const found = pageOf(ownPages(), path);
  if (!found) return html`<${NotFound} path=${path} />`;
  const { page, params } = found;
  const component = loaded.value.get(page);
  if (component === null) return reloadBar();
  if (component === undefined) {
    // Reading this signal loads files again that could not be loaded while the API was away.
    void isAway.value;
    load(page);
    return html`<${Loading} label=${`Loading ${page.title}`} />`;
  }
  // The key makes another address a new component, so that nothing of the last one stays.
  return html`<${component} key=${path} params=${params} query=${query} />`;
}

/** @param {PageEntry} page */
async function load(page) {
  const component = await Promise.all([page.load(), ...[page.style ?? []].flat().map(loadStyle)]).then(
    ([{ default: found }]) => found,
    () => null,
  );
  // If a file is missing, either the node is away, or it has another version than the page.
  if (component === null) await checkConnection();
  if (component === null && isAway.peek()) return;
  loaded.value = new Map(loaded.peek()).set(page, component);
}

/** Style sheets that are loaded or loading. @type {Map<string, Promise<unknown>>} */
const styles = new Map();

/** Loads the style sheet of one page. It is separate, so that the first load of the console stays small. @param {string} name */
function loadStyle(name) {
  const known = styles.get(name);
  if (known) return known;
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = new URL(name, import.meta.url).href;
  const done = new Promise((resolve, reject) => {
    link.onload = resolve;
    link.onerror = () => {
      styles.delete(name);
      link.remove();
      reject(new Error(`${name} is not there.`));
    };
  });
  styles.set(name, done);
  document.head.append(link);
  return done;
}

/** @param {{ path: string }} props */
function NotFound({ path }) {
  return html`<${Page} title="There is no such page">
    <${Empty} title=${`Nobody knows ${path}.`} icon="search"><p>It may need another login. <a href="#/">Go to the first page</a>, or press <kbd>/</kbd> to search.</p></${Empty}>
  </${Page}>`;
}

async function start() {
  startProblem.value = null;
  try {
    await readSession();
  } catch (error) {
    startProblem.value = asProblem(error);
  }
}

followTheme();
startKeys();
keepFocus(/** @type {HTMLElement} */ (document.getElementById("app")));
startStream();
isAway.subscribe((isStillAway) => {
  if (!isStillAway && startProblem.peek()?.code === "away") start();
});
render(html`<${App} />`, /** @type {HTMLElement} */ (document.getElementById("app")));
start();
