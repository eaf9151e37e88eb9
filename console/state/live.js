/**
 * Reads data and keeps it up to date: `useQuery` reads one thing, `list.js` lists. Old data stays while new data cannot be read.
 */
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { get, refreshes, withQuery } from "../api/client.js";
import { asProblem } from "../api/problem.js";
import { isResting, listen, noteData } from "../api/stream.js";

/** @import { ApiProblem } from "../api/problem.js" */

/** @typedef {Record<string, string | number | boolean | null | undefined>} Params */

/**
 * @template T
 * @typedef {object} Found
 * @property {T | null} data the last data that came
 * @property {ApiProblem | null} problem why the last reading failed
 * @property {number} at when `data` came, epoch ms
 * @property {boolean} isLoading no data has come yet
 * @property {() => void} reload
 * @property {(data: T) => void} set shows the answer of a change as the new data
 */

/**
 * Reads `path` at once, and again when the path changes, after a login, when the API is back, and after events.
 * @template T
 * @param {string | null} path null: nothing yet
 * @param {object} [options]
 * @param {Params} [options.query]
 * @param {string[]} [options.topics] of the event stream; without topics the path is read once
 * @param {(name: string, data: any, old: T | null) => T | undefined} [options.onEvent] the new data, made of an event; undefined:
 *   the event is not about it. Without `onEvent` every event makes it read again, at most each `everyMs`.
 * @param {number} [options.everyMs]
 * @param {boolean} [options.keeps] shows the old data until the data of the new path has come
 * @returns {Found<T>}
 */
export function useQuery(path, { query = {}, topics = [], onEvent, everyMs = 2_000, keeps = false } = {}) {
  const [state, setState] = useState(
    /** @type {{ data: T | null, problem: ApiProblem | null, at: number, url: string | null }} */ ({
      data: null,
      problem: null,
      at: 0,
      url: null,
    }),
  );
  const url = path && withQuery(path, query);
  const last = useRef(state);
  last.current = state;
  const react = useRef(onEvent);
  react.current = onEvent;

  const keep = useCallback((/** @type {T} */ data) => {
    setState({ data, problem: null, at: Date.now(), url: last.current.url });
  }, []);

  const reading = useReading(url, everyMs, async (signal) => {
    try {
      const data = await get(/** @type {string} */ (url), {}, { signal });
      noteData();
      setState({ data, problem: null, at: Date.now(), url });
    } catch (error) {
      if (signal.aborted) return null;
      const problem = asProblem(error);
      const isSame = keeps || last.current.url === url;
      setState({ data: isSame ? last.current.data : null, problem, at: isSame ? last.current.at : 0, url });
      return problem.retryAfterS;
    }
    return null;
  });

  useNews(url === null ? [] : topics, {
    onEvent(name, data) {
      if (!react.current) return reading.soon();
      const next = react.current(name, data, last.current.data);
      if (next !== undefined) keep(next);
    },
    onPoll: reading.now,
    // Without a reaction of its own the path's data can only be read again.
    onHeard: onEvent ? undefined : reading.soon,
  });

  // The state may still belong to the last URL, and must not be shown for this one.
  const isOther = state.url !== url && !(keeps && state.data !== null);
  return {
    data: isOther ? null : state.data,
    problem: isOther ? null : state.problem,
    at: isOther ? 0 : state.at,
    isLoading: isOther || (state.data === null && state.problem === null),
    reload: reading.now,
    set: keep,
  };
}

/**
 * Runs `read` at the right times, one at a time.
 * @param {string | null} url
 * @param {number} everyMs
 * @param {(signal: AbortSignal) => Promise<number | null>} read answers after how many seconds to try again
 */
export function useReading(url, everyMs, read) {
  const current = useRef(read);
  current.current = read;
  const run = useRef({ controller: /** @type {AbortController | null} */ (null), timer: 0, beganAt: 0 });

  /** @param {number} ms */
  const later = (ms) => {
    run.current.timer = window.setTimeout(() => {
      run.current.timer = 0;
      // When the page is shown again or the pause ends, it reads anyway.
      if (!isResting()) now();
    }, ms);
  };
  const now = useCallback(async () => {
    const state = run.current;
    clearTimeout(state.timer);
    state.timer = 0;
    state.controller?.abort();
    const controller = new AbortController();
    state.controller = controller;
    state.beganAt = Date.now();
    const again = await current.current(controller.signal);
    if (again !== null && !controller.signal.aborted) later(again * 1_000);
  }, []);

  /** Joins many events into one reading. */
  const soon = useCallback(() => {
    const state = run.current;
    if (state.timer !== 0) return;
    later(Math.max(0, state.beganAt + everyMs - Date.now()));
  }, [everyMs]);

  const round = refreshes.value;
  // The effect runs again, and so reads again, when this number grows.
  useEffect(() => {
    if (url === null) return;
    now();
    const state = run.current;
    return () => {
      clearTimeout(state.timer);
      state.timer = 0;
      state.controller?.abort();
    };
  }, [url, round]);
  return { now, soon };
}

/**
 * @param {string[]} topics
 * @param {{ onEvent: (name: string, data: any) => void, onPoll: () => void, onHeard?: () => void }} listener
 */
export function useNews(topics, listener) {
  const current = useRef(listener);
  current.current = listener;
  const wanted = topics.join(",");
  useEffect(() => {
    if (wanted === "") return;
    return listen({
      topics: wanted.split(","),
      onEvent: (name, data) => current.current.onEvent(name, data),
      onPoll: () => current.current.onPoll(),
      onHeard: () => current.current.onHeard?.(),
    });
  }, [wanted]);
}
