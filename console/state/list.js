/** The pages of a list, kept up to date. Rows keep their place while new data comes. */
import { useRef, useState } from "preact/hooks";
import { get, withQuery } from "../api/client.js";
import { asProblem } from "../api/problem.js";
import { noteData } from "../api/stream.js";
import { useNews, useReading } from "./live.js";

/** @import { ApiProblem } from "../api/problem.js" */
/** @import { Listed } from "../types.d.ts" */
/** @import { Params } from "./live.js" */

/** The default number of rows of a page, and the most rows of one request. */
const USUAL_ITEMS = 50;
const MOST_ITEMS = 200;
/**
 * A reading covers the first thousand rows. Later rows stay as they were first read, because more requests would cost the node
 * more than one query a second.
 */
const MOST_READINGS = 5;

/**
 * @template T
 * @typedef {object} FoundList
 * @property {T[]} items
 * @property {ApiProblem | null} problem
 * @property {number} at
 * @property {boolean} isLoading
 * @property {boolean} hasMore
 * @property {boolean} isLoadingMore
 * @property {() => void} more reads the next page
 * @property {number} newer how many new items are not shown yet
 * @property {boolean} isNewerMore there may be more new ones than `newer`
 * @property {Set<string>} gone keys of items that are shown and no longer belong to the list
 * @property {() => void} showNewer shows the list in its present state
 * @property {() => void} reload
 */

/**
 * A list by cursor. Shown rows change in place. New rows are only counted, and rows that no longer belong to the list are marked.
 * Both come and go when `showNewer` is called, so that no row jumps away from under the reader.
 * @template T
 * @param {string | null} path
 * @param {object} [options]
 * @param {Params} [options.query]
 * @param {string[]} [options.topics]
 * @param {(item: T) => string} [options.keyOf]
 * @param {number} [options.everyMs]
 * @returns {FoundList<T>}
 */
export function useList(path, { query = {}, topics = [], keyOf = idOf, everyMs = 3_000 } = {}) {
  const url = path && withQuery(path, query);
  const [state, setState] = useState(/** @type {ListState<T>} */ (emptyList(url)));
  const last = useRef(state);
  last.current = state;
  /** @param {ListState<T>} next */
  const put = (next) => {
    last.current = next;
    setState(next);
  };

  /**
   * Reads as many rows as are shown, from the first one on.
   * @param {AbortSignal} signal
   * @returns {Promise<Listed<T>>}
   */
  const readShown = async (signal) => {
    const shown = last.current.url === url ? last.current.items.length : 0;
    if (!path || shown <= Number(query.limit ?? USUAL_ITEMS)) return get(/** @type {string} */ (url), {}, { signal });
    /** @type {Listed<T>} */
    let found = { items: [], next: null };
    for (let readings = 0; readings < MOST_READINGS; readings++) {
      const from = found.next === null ? {} : { cursor: found.next };
      const page = await get(path, { ...query, limit: MOST_ITEMS, ...from }, { signal });
      found = { items: [...found.items, ...page.items], next: page.next };
      if (page.next === null || found.items.length >= shown) break;
    }
    return found;
  };

  /** @param {Listed<T>} page */
  const renew = (page) => {
    const old = last.current;
    if (old.url !== url || old.at === 0)
      return put({ ...emptyList(url), items: page.items, next: page.next, at: Date.now() });
    const fresh = new Map(page.items.map((item) => [keyOf(item), item]));
    const shown = new Set(old.items.map(keyOf));
    const newer = page.items.filter((item) => !shown.has(keyOf(item))).length;
    const items = old.items.map((item) => fresh.get(keyOf(item)) ?? item);
    const gone = goneOf(old.items.map(keyOf), new Set(fresh.keys()), page.next !== null);
    const waiting = newer + gone.size > 0 ? page : null;
    const isNewerMore = newer > 0 && newer === page.items.length && page.next !== null;
    put({ ...old, items, waiting, newer, isNewerMore, gone, problem: null, at: Date.now() });
  };

  // A list that needs several requests is read less often.
  const readings = Math.max(1, Math.min(MOST_READINGS, Math.ceil(state.items.length / MOST_ITEMS)));
  const reading = useReading(url, everyMs * readings, async (signal) => {
    try {
      renew(await readShown(signal));
      noteData();
    } catch (error) {
      if (signal.aborted) return null;
      const problem = asProblem(error);
      put({ ...(last.current.url === url ? last.current : /** @type {ListState<T>} */ (emptyList(url))), problem });
      return problem.retryAfterS;
    }
    return null;
  });

  const more = async () => {
    const { next, isLoadingMore } = last.current;
    if (!path || next === null || isLoadingMore) return;
    put({ ...last.current, isLoadingMore: true });
    try {
      const page = /** @type {Listed<T>} */ (await get(path, { ...query, cursor: next }));
      if (last.current.url !== url) return;
      const shown = new Set(last.current.items.map(keyOf));
      const items = [...last.current.items, ...page.items.filter((item) => !shown.has(keyOf(item)))];
      put({ ...last.current, items, next: page.next, isLoadingMore: false, problem: null });
    } catch (error) {
      put({ ...last.current, isLoadingMore: false, problem: asProblem(error) });
    }
  };

  const showNewer = () => {
    const { waiting } = last.current;
    if (waiting) put({ ...emptyList(url), items: waiting.items, next: waiting.next, at: Date.now() });
  };

  const reload = () => {
    put({ ...last.current, at: 0 });
    reading.now();
  };

  useNews(url === null ? [] : topics, { onEvent: reading.soon, onPoll: reading.now, onHeard: reading.soon });

  const shown = state.url === url ? state : /** @type {ListState<T>} */ (emptyList(url));
  return {
    items: shown.items,
    problem: shown.problem,
    at: shown.at,
    isLoading: shown.at === 0 && shown.problem === null && shown.items.length === 0,
    hasMore: shown.next !== null,
    isLoadingMore: shown.isLoadingMore,
    more,
    newer: shown.newer,
    isNewerMore: shown.isNewerMore,
    gone: shown.gone,
    showNewer,
    reload,
  };
}

/**
 * @template T
 * @typedef {object} ListState
 * @property {string | null} url
 * @property {T[]} items
 * @property {string | null} next
 * @property {Listed<T> | null} waiting the newest page, while its new rows are not shown
 * @property {number} newer
 * @property {boolean} isNewerMore
 * @property {Set<string>} gone
 * @property {ApiProblem | null} problem
 * @property {number} at
 * @property {boolean} isLoadingMore
 */

/**
 * The shown rows that are missing from the first page, when it is read again. Rows below its last row are on later pages: nothing
 * is known of
 * them.
 * @param {string[]} shown keys, in their order
 * @param {Set<string>} fresh keys of the first page now
 * @param {boolean} hasMore whether there are later pages
 */
export function goneOf(shown, fresh, hasMore) {
  const end = hasMore ? shown.findLastIndex((key) => fresh.has(key)) : shown.length;
  return new Set(shown.slice(0, Math.max(end, 0)).filter((key) => !fresh.has(key)));
}

/** @param {string | null} url */
const emptyList = (url) => ({
  url,
  items: [],
  next: null,
  waiting: null,
  newer: 0,
  isNewerMore: false,
  gone: new Set(),
  problem: null,
  at: 0,
  isLoadingMore: false,
});

/** @param {any} item */
const idOf = (item) => item.id;
