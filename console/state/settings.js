/** Tastes that this browser remembers: theme, columns, saved views. Never a secret, never data. */
import { effect, signal } from "@preact/signals";

const PREFIX = "dataflow:";

/** @type {Map<string, import("@preact/signals").Signal<any>>} */
const known = new Map();

/**
 * A taste, as a signal that is kept in localStorage.
 * @template T
 * @param {string} name
 * @param {T} usual
 * @returns {import("@preact/signals").Signal<T>}
 */
export function taste(name, usual) {
  const there = known.get(name);
  if (there) return there;
  const value = signal(stored(name) ?? usual);
  effect(() => store(name, value.value));
  known.set(name, value);
  return value;
}

/** @param {string} name */
function stored(name) {
  try {
    return JSON.parse(localStorage.getItem(PREFIX + name) ?? "null");
  } catch {
    return null;
  }
}

/**
 * A browser may refuse to store: then the taste lasts as long as the page.
 * @param {string} name
 * @param {unknown} value
 */
function store(name, value) {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {}
}

/** @type {import("@preact/signals").Signal<"system" | "light" | "dark">} */
export const theme = taste("theme", /** @type {"system" | "light" | "dark"} */ ("system"));

/** Times in UTC instead of this browser's zone. */
export const isUtc = taste("utc", false);

/** The page follows the theme. */
export function followTheme() {
  effect(() => {
    if (theme.value === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme.value;
  });
}
