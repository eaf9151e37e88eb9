/** Copies text to the clipboard, also if the page is not in a secure context (plain HTTP, by an address). */
import { useState } from "preact/hooks";
import { html } from "./html.js";
import { Icon } from "./icons.js";
import { toast } from "./toast.js";

/** @param {string} text @returns {Promise<boolean>} whether the clipboard has it */
export async function copy(text) {
  try {
    if (navigator.clipboard) {
      await navigator.clipboard.writeText(text);
      return true;
    }
  } catch {}
  return copyBySelection(text);
}

/** @param {string} text */
function copyBySelection(text) {
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "offscreen";
  // The selection must be inside an open dialog, because nothing outside of it can take the focus.
  const place = document.querySelector("dialog[open]") ?? document.body;
  const active = /** @type {HTMLElement | null} */ (document.activeElement);
  place.append(field);
  field.select();
  const isCopied = document.execCommand("copy");
  field.remove();
  active?.focus();
  return isCopied;
}

/**
 * @param {object} props
 * @param {string} props.text
 * @param {string} [props.what] the name of the text. With `id` the button says "Copy id"
 * @param {boolean} [props.isWide] with the word beside the icon
 */
export function Copy({ text, what = "text", isWide = false }) {
  const [isDone, setDone] = useState(false);
  const press = async () => {
    if (!(await copy(text))) return toast("The browser did not let the page copy. Select the text and copy it.", "bad");
    setDone(true);
    setTimeout(() => setDone(false), 1_500);
  };
  const label = isDone ? "Copied" : `Copy ${what}`;
  return html`<button type="button" data-local class=${isWide ? "button" : "bare"} onClick=${press} aria-label=${label} title=${label}>
    <${Icon} name=${isDone ? "check" : "copy"} />${isWide && html`<span>${label}</span>`}
  </button>`;
}

/**
 * A short form of an id: its beginning and its end. The beginning is the id's time, which batches of the same minute share.
 * @param {string} id
 */
export const shortOf = (id) => (id.length > 13 ? `${id.slice(0, 8)}…${id.slice(-4)}` : id);

/** A short id with the whole one to copy. @param {{ id: string, href?: string, what?: string }} props */
export function ShortId({ id, href, what = "id" }) {
  const short = shortOf(id);
  return html`<span class="id">${href ? html`<a href=${href} title=${id}>${short}</a>` : html`<span title=${id}>${short}</span>`}<${Copy} text=${id} what=${what} /></span>`;
}
