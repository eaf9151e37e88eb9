/** The address, such as `#/batches?status=failed`. Every view with its filters has an address, so it can be linked. */
import { signal } from "@preact/signals";

/** @import { PageEntry, Query } from "../types.d.ts" */

/**
 * @typedef {object} Address
 * @property {string} path `/batches`
 * @property {Query} query
 */

/** @returns {Address} */
function read() {
  const [path = "", search = ""] = location.hash.slice(1).split("?", 2);
  return { path: path.startsWith("/") ? path : `/${path}`, query: Object.fromEntries(new URLSearchParams(search)) };
}

/** @type {import("@preact/signals").Signal<Address>} */
export const address = signal(read());

/** Grows with each opened page, so that the page's heading takes the focus. A changed filter does not count. */
export const opened = signal(0);

/** @type {(() => Promise<boolean>) | null} */
let guard = null;
let isAsking = false;

/**
 * Asks before the page or the tab is left, while something is not saved.
 * @param {() => Promise<boolean>} mayLeave
 * @returns {() => void} ends it
 */
export function guardLeaving(mayLeave) {
  guard = mayLeave;
  return () => {
    if (guard === mayLeave) guard = null;
  };
}

/** Asks the person. Until the answer is yes, the address stays as it was. @param {() => Promise<boolean>} mayLeave */
async function askFirst(mayLeave) {
  const wanted = location.hash;
  const { path, query } = address.peek();
  history.replaceState(null, "", href(path, query));
  if (isAsking) return;
  isAsking = true;
  const isLeaving = await mayLeave();
  isAsking = false;
  if (!isLeaving) return;
  guard = null;
  location.hash = wanted;
}

addEventListener("hashchange", () => {
  const next = read();
  const { path, query } = address.peek();
  const isOther = next.path !== path;
  if (guard && (isOther || next.query.tab !== query.tab)) return askFirst(guard);
  address.value = next;
  if (isOther) opened.value++;
});

/**
 * @param {string} path
 * @param {Record<string, string | number | boolean | null | undefined>} [query] empty values are left out
 */
export function href(path, query = {}) {
  const entries = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const text = new URLSearchParams(entries.map(([name, value]) => [name, String(value)])).toString();
  return `#${path}${text ? `?${text}` : ""}`;
}

/**
 * @param {string} path
 * @param {Record<string, string | number | boolean | null | undefined>} [query]
 * @param {{ replace?: boolean }} [options] `replace`: replaces the present entry of the browser's history
 */
export function navigate(path, query = {}, { replace = false } = {}) {
  const hash = href(path, query);
  if (hash === location.hash) return;
  if (!replace) {
    location.hash = hash;
    return;
  }
  history.replaceState(null, "", hash);
  dispatchEvent(new HashChangeEvent("hashchange"));
}

/**
 * Changes filters of the page that is open; an empty value removes one.
 * @param {Record<string, string | null | undefined>} change
 * @param {{ replace?: boolean }} [options]
 */
export function setQuery(change, options) {
  const { path, query } = address.peek();
  navigate(path, { ...query, ...change }, options);
}

/**
 * The parameters of `path` if it matches `pattern`, else null.
 * @param {string} pattern `/batches/:id`
 * @param {string} path
 * @returns {Record<string, string> | null}
 */
export function matched(pattern, path) {
  const wanted = pattern.split("/");
  const parts = path.split("/");
  if (wanted.length !== parts.length) return null;
  /** @type {Record<string, string>} */
  const params = {};
  for (const [index, want] of wanted.entries()) {
    const part = parts[index] ?? "";
    if (want.startsWith(":") && part !== "") params[want.slice(1)] = decoded(part);
    else if (want !== part) return null;
  }
  return params;
}

/** @param {string} part */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/**
 * @param {PageEntry[]} pages
 * @param {string} path
 */
export function pageOf(pages, path) {
  for (const page of pages) {
    const params = matched(page.path, path);
    if (params) return { page, params };
  }
  return null;
}
