/**
 * One event stream for the whole page. Each listener names its topics; the page has one EventSource for all of them. A page
 * closes the stream after it has been hidden for 30 s, and reads everything once when it is shown again. Without it, it polls.
 */
import { effect, signal, untracked } from "@preact/signals";
import { askAgain, checkConnection, connection, isAsleep, isSessionOver, refreshAll, urlOf } from "./client.js";
import { session, side } from "./session.js";
import { isAbout } from "./topics.js";

/**
 * @typedef {object} Listener
 * @property {string[]} topics such as `stats`, `batches`, `batch:ID`
 * @property {(name: string, data: any) => void} [onEvent] one event of its topics
 * @property {() => void} onPoll called to read again, because there is no stream or it was interrupted
 * @property {() => void} [onHeard] called once, when the stream is open: it does not tell what changed before
 */

/** @typedef {"off" | "connecting" | "live" | "polling" | "paused"} Mode */

/** @type {import("@preact/signals").Signal<Mode>} */
export const mode = signal(/** @type {Mode} */ ("off"));

/** When data last came, in epoch ms; 0: never. */
export const dataAt = signal(0);

export const noteData = () => {
  dataAt.value = Date.now();
};

/** While this is true the page reads nothing, even when it is shown again. */
export const isPaused = signal(false);

/** Whether the page reads nothing by itself, because it is paused or hidden. It still reads what a person asks for. */
export const isResting = () => isPaused.peek() || isAsleep.peek();

const POLL_MS = 5_000;
const MOST_FAILURES = 2;
const REOPEN_MS = 2_000;
/** While the page polls, it tries the stream again this often. */
const TRY_AGAIN_MS = 60_000;
const HIDDEN_MS = 30_000;
/** A reading that is younger than this is not repeated. */
const JUST_MS = 1_000;
const EVENTS = ["stats", "batch", "delivery", "notice"];

/** @type {Set<Listener>} */
const listeners = new Set();
/** The listeners that a stream has been opened for. @type {WeakSet<Listener>} */
const known = new WeakSet();
/** @type {EventSource | null} */
let source = null;
/** The stream that `source` replaces. It stays until `source` is open, so that no event is missed. @type {EventSource | null} */
let before = null;
let sourceTopics = "";
let failures = 0;
/** When the page last read everything again because its stream had come back (`performance.now()`). */
let readAt = Number.NEGATIVE_INFINITY;
/** @type {number | undefined} */
let poll;
/** @type {number | undefined} */
let reopening;
/** @type {number | undefined} */
let settling;
/** @type {number | undefined} */
let hiding;

/**
 * @param {Listener} listener
 * @returns {() => void} ends it
 */
export function listen(listener) {
  listeners.add(listener);
  settleSoon();
  return () => {
    listeners.delete(listener);
    settleSoon();
  };
}

/** Waits a moment before the stream is changed: a change of the page changes several topics, and one new stream is enough. */
function settleSoon() {
  clearTimeout(settling);
  settling = window.setTimeout(settle, 50);
}

const topicsNow = () => [...new Set([...listeners].flatMap(({ topics }) => topics))].toSorted().join(",");

/** Opens, changes or closes the stream, so that it fits the topics of the listeners. */
function settle() {
  const topics = topicsNow();
  const isWanted =
    topics !== "" && session.peek() !== null && !isSessionOver.peek() && !connection.peek().isAway && !isAsleep.peek();
  if (isPaused.peek()) return stop("paused");
  if (!isWanted) return stop("off");
  if (poll !== undefined && failures >= MOST_FAILURES) return;
  if (source && sourceTopics === topics) return;
  open(topics);
}

/** @param {Mode} next */
function stop(next) {
  close();
  clearInterval(poll);
  clearTimeout(reopening);
  poll = undefined;
  failures = 0;
  mode.value = next;
}

function close() {
  source?.close();
  before?.close();
  source = null;
  sourceTopics = "";
}

/** @param {string} topics */
function open(topics) {
  // A stream that is not open yet goes at once, and the one that it was to replace stays.
  if (source?.readyState === EventSource.OPEN) before = source;
  else source?.close();
  clearTimeout(reopening);
  const path = side.peek() === "partner" ? "/events" : "/admin/events";
  const opened = new EventSource(urlOf(`${path}?topics=${encodeURIComponent(topics)}`));
  source = opened;
  sourceTopics = topics;
  const told = [...listeners];
  if (mode.peek() === "off") mode.value = "connecting";
  opened.onopen = () => {
    before?.close();
    const added = told.filter((listener) => listeners.has(listener) && !known.has(listener));
    for (const listener of added) known.add(listener);
    // Events may have been missed while there was no stream.
    if (failures > 0) {
      readAt = performance.now();
      pollAll();
    } else for (const { onHeard } of added) onHeard?.();
    failures = 0;
    clearInterval(poll);
    poll = undefined;
    mode.value = "live";
  };
  opened.onerror = () => {
    before?.close();
    failed(opened);
  };
  for (const name of EVENTS) opened.addEventListener(name, (event) => heard(name, /** @type {MessageEvent} */ (event)));
}

/** @param {EventSource} from */
function failed(from) {
  if (from !== source) return;
  failures++;
  // A node that ends its stream may be gone, so the page checks at once.
  void checkConnection();
  if (failures >= MOST_FAILURES) return pollInstead();
  if (from.readyState !== EventSource.CLOSED) return;
  close();
  reopening = window.setTimeout(settle, REOPEN_MS);
}

function pollInstead() {
  close();
  mode.value = "polling";
  clearInterval(poll);
  poll = window.setInterval(pollAll, POLL_MS);
  pollAll();
  clearTimeout(reopening);
  reopening = window.setTimeout(() => {
    const topics = topicsNow();
    if (mode.peek() === "polling" && topics) open(topics);
  }, TRY_AGAIN_MS);
}

function pollAll() {
  if (connection.peek().isAway) return;
  for (const { onPoll } of [...listeners]) onPoll();
}

/**
 * @param {string} name
 * @param {MessageEvent} event
 */
function heard(name, { data }) {
  noteData();
  const value = parsed(data);
  // The node drops events for a page that reads too slowly; the page then reads everything once. A stream that has come back
  // begins with such a notice, but the page has read everything by then.
  if (name === "notice" && value?.kind === "missed") {
    if (performance.now() - readAt > JUST_MS) pollAll();
    return;
  }
  for (const { topics, onEvent } of [...listeners]) if (isAbout(topics, name, value)) onEvent?.(name, value);
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** To be called once, when the page starts. */
export function startStream() {
  effect(() => {
    // Reading these signals makes the effect run again when one of them changes.
    void [session.value, isSessionOver.value, connection.value.isAway];
    settleSoon();
  });
  let wasAway = false;
  connection.subscribe(({ isAway }) => {
    const isBack = wasAway && !isAway;
    wasAway = isAway;
    if (isBack) untracked(readAgain);
  });
  document.addEventListener("visibilitychange", watchSight);
  // A page that is opened in a background tab is hidden from the start.
  watchSight();
}

/** Makes the page sleep after it has been hidden for a while. */
function watchSight() {
  clearTimeout(hiding);
  if (document.visibilityState === "hidden") hiding = window.setTimeout(hide, HIDDEN_MS);
  else if (isAsleep.peek()) show();
}

function hide() {
  isAsleep.value = true;
  settle();
}

function show() {
  isAsleep.value = false;
  settle();
  if (connection.peek().isAway) askAgain();
  else readAgain();
}

function readAgain() {
  if (!isPaused.peek()) refreshAll();
}

export function togglePause() {
  isPaused.value = !isPaused.peek();
  settle();
  if (!isPaused.peek()) refreshAll();
}
