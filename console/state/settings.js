/** Preferences that this browser remembers: theme, columns, saved views. Never a secret, never data. */
import { effect, signal } from "@preact/signals";

const PREFIX = "dataflow:";

/** @type {Map<string, import("@preact/signals").Signal<any>>} */
const known = new Map();

/**
 * A preference, as a signal that is kept in localStorage.
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
 * Stores a preference. If the browser refuses to store it, the preference lasts as long as the page.
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

/** Whether times are shown in UTC, not in this browser's time zone. */
export const isUtc = taste("utc", false);

/** Applies the theme to the page, also when it changes. */
export function followTheme() {
  effect(() => {
    if (theme.value === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme.value;
  });
}
