/** Keyboard shortcuts: one listener for the whole page. The sheet that `?` opens lists the present shortcuts. */
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

/**
 * @typedef {object} Binding
 * @property {string} keys `j`, `g b` (one after the other), `mod+k` (Ctrl or Cmd)
 * @property {string} label what it does
 * @property {string} [group] its heading in the sheet
 * @property {() => void} run
 * @property {() => boolean} [isPreferred] whether this binding has its keys now, even if another one has bound them later
 */

/** @type {import("@preact/signals").Signal<Binding[]>} */
export const bindings = signal(/** @type {Binding[]} */ ([]));

const SEQUENCE_MS = 1_500;
let begun = "";
let begunAt = 0;

/**
 * Binds keys while the component is mounted. If several components bind a key, the preferred one has it, else the last one.
 * @param {Binding[]} list
 */
export function useKeys(list) {
  const current = useRef(list);
  current.current = list;
  const names = list.map(({ keys, label }) => `${keys}\0${label}`).join("\n");
  // Binds the keys anew only if their names change. What they do is read from `current` at each key press.
  useEffect(() => {
    /** @type {Binding[]} */
    const own = current.current.map((binding, index) => ({
      ...binding,
      isPreferred: () => current.current[index]?.isPreferred?.() === true,
      run: () => current.current[index]?.run(),
    }));
    bindings.value = [...bindings.peek(), ...own];
    return () => {
      bindings.value = bindings.peek().filter((binding) => !own.includes(binding));
    };
  }, [names]);
}

/** Call it once, when the page starts. */
export function startKeys() {
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    const isMod = event.ctrlKey || event.metaKey;
    if (isMod ? !press(event, `mod+${event.key.toLowerCase()}`) : isTyping(event.composedPath()[0]) || event.altKey)
      return;
    if (!isMod) press(event, event.key);
  });
}

/**
 * @param {KeyboardEvent} event
 * @param {string} key
 */
function press(event, key) {
  if (document.querySelector("dialog[open]")) return false;
  const sequence = Date.now() - begunAt < SEQUENCE_MS ? `${begun} ${key}` : "";
  const found = lastOf(sequence) ?? lastOf(key);
  begun = key;
  begunAt = Date.now();
  if (!found) return false;
  begun = "";
  event.preventDefault();
  found.run();
  return true;
}

/** @param {string} keys */
function lastOf(keys) {
  const bound = bindings.peek().filter((binding) => binding.keys === keys);
  return bound.findLast(({ isPreferred }) => isPreferred?.()) ?? bound.at(-1);
}

/** Whether a person is typing into this element, also within a shadow root. @param {EventTarget | undefined} target */
const isTyping = (target) =>
  target instanceof HTMLElement &&
  (target.isContentEditable ||
    ["TEXTAREA", "SELECT"].includes(target.tagName) ||
    (target instanceof HTMLInputElement && !["checkbox", "radio", "button", "submit", "file"].includes(target.type)));
