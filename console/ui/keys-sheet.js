/** The sheet that `?` opens: all present keyboard shortcuts. */
import { signal } from "@preact/signals";
import { bindings } from "../state/keys.js";
import { Dialog } from "./dialog.js";
import { html } from "./html.js";

const isOpen = signal(false);

export const openKeys = () => {
  isOpen.value = true;
};

export function KeysSheet() {
  if (!isOpen.value) return null;
  const groups = Map.groupBy(bindings.value, ({ group = "This page" }) => group);
  return html`<${Dialog} title="Keys" class="wide" onClose=${() => {
    isOpen.value = false;
  }}>
    <div class="keys">${[...groups].map(
      ([group, list]) => html`<section key=${group}><h3>${group}</h3><dl>
        ${[...new Map(list.map((binding) => [binding.keys, binding])).values()].map(
          ({ keys, label }) =>
            html`<div key=${keys}><dt>${keys.split(" ").map((key) => html`<kbd>${named(key)}</kbd>`)}</dt><dd>${label}</dd></div>`,
        )}
      </dl></section>`,
    )}</div>
  </${Dialog}>`;
}

const isMac = /mac/i.test(navigator.platform);

/** @param {string} key */
const named = (key) => (key.startsWith("mod+") ? `${isMac ? "⌘" : "Ctrl "}${key.slice(4).toUpperCase()}` : key);
