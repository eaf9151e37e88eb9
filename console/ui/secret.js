/**
 * Shows a secret or token, which the API answers only once. It stays until the reader confirms that it is stored; then the page
 * forgets it.
 */
import { signal } from "@preact/signals";
import { useState } from "preact/hooks";
import { Copy } from "./copy.js";
import { Dialog } from "./dialog.js";
import { html } from "./html.js";

/**
 * @typedef {object} Shown
 * @property {string} title "The token of alice"
 * @property {string} what "token": in the words of the buttons
 * @property {string} secret
 * @property {any} [how] what to do with it: a command, a file
 */

/** @type {import("@preact/signals").Signal<(Shown & { end: () => void }) | null>} */
const shown = signal(/** @type {any} */ (null));

/**
 * @param {Shown} what
 * @returns {Promise<void>} when the reader has stored it
 */
export function showOnce(what) {
  return new Promise((resolve) => {
    const end = () => {
      shown.value = null;
      resolve();
    };
    shown.value = { ...what, end };
  });
}

/** The component that shows the open secret. */
export function Secrets() {
  return shown.value && html`<${Secret} ...${shown.value} />`;
}

/** @param {Shown & { end: () => void }} props */
function Secret({ title, what, secret, how, end }) {
  const [isStored, setStored] = useState(false);
  return html`<${Dialog} title=${title} class="wide">
    <p class="dialog-text">This is the only time that the ${what} is shown. DataFlow keeps only its hash.</p>
    <div class="once"><code>${secret}</code><${Copy} text=${secret} what=${what} isWide /></div>
    ${how}
    <footer class="dialog-foot">
      <label class="check"><input type="checkbox" checked=${isStored} onChange=${() => setStored(!isStored)} />I have stored it</label>
      <button type="button" class="button primary" disabled=${!isStored} onClick=${end}>Close</button>
    </footer>
  </${Dialog}>`;
}
