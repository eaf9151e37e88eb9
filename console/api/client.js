/**
 * All calls of the API go through this file. A refusal is thrown as an ApiProblem. The file tells the whole page three facts: the
 * session is over (401), the node is away, and the node is back.
 */
import { signal } from "@preact/signals";
import { parseExact } from "../ui/exact-json.js";
import { ApiProblem, problemOf } from "./problem.js";

/** The session has ended while the page was open. The login is then shown over the page. */
export const isSessionOver = signal(false);

/**
 * Whether the API answers. `retryAt`: when the page asks it again.
 * @type {import("@preact/signals").Signal<{ isAway: boolean, since: number, retryAt: number }>}
 */
export const connection = signal({ isAway: false, since: 0, retryAt: 0 });

/** The page has been hidden for a while and reads nothing. */
export const isAsleep = signal(false);

/** Grows when the page has to read everything again: after a login, and when the API is back. */
export const refreshes = signal(0);

export const refreshAll = () => {
  refreshes.value++;
};

const AGAIN_MS = 4_000;
/** How long to wait for an answer. A node behind a dead link neither answers nor refuses. */
const PATIENCE_MS = 30_000;

/** Answers a relative URL, so that a proxy may serve DataFlow below a path. */
/** @param {string} path `/admin/stats` */
export const urlOf = (path) => new URL(path.replace(/^\//, ""), document.baseURI).href;

/**
 * @param {string} path
 * @param {Record<string, string | number | boolean | null | undefined>} [query] empty values are left out
 */
export function withQuery(path, query = {}) {
  const entries = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const text = new URLSearchParams(entries.map(([name, value]) => [name, String(value)])).toString();
  return text ? `${path}?${text}` : path;
}

/**
 * @typedef {object} CallOptions
 * @property {unknown} [body] sent as JSON
 * @property {BodyInit} [raw] sent as it is, with `headers`
 * @property {Record<string, string>} [headers]
 * @property {AbortSignal} [signal]
 * @property {boolean} [isLogin] a 401 then means wrong credentials, not that the session is over
 */

/**
 * @typedef {object} Answer
 * @property {number} status
 * @property {any} body parsed JSON; a text, if the type is another one; null without a body
 * @property {Headers} headers
 */

/**
 * @param {string} method
 * @param {string} path
 * @param {CallOptions} [options]
 * @returns {Promise<Answer>} Throws ApiProblem, or an AbortError after `signal`.
 */
export async function call(method, path, options = {}) {
  if (method !== "GET" && connection.value.isAway)
    throw new ApiProblem({ status: 0, code: "away", detail: "The API is away. Nothing was sent." });
  const response = await answered(method, path, options);
  if (connection.value.isAway) isBack();
  if (response.ok) return { status: response.status, body: await bodyOf(response), headers: response.headers };
  const problem = await problemOf(response);
  if (problem.status === 401 && !options.isLogin) isSessionOver.value = true;
  throw problem;
}

/**
 * @param {string} method
 * @param {string} path
 * @param {CallOptions} options
 */
async function answered(method, path, { body, raw, headers = {}, signal: given }) {
  const isJson = body !== undefined;
  const patience = AbortSignal.timeout(PATIENCE_MS);
  try {
    return await fetch(urlOf(path), {
      method,
      headers: { Accept: "application/json", ...(isJson ? { "Content-Type": "application/json" } : {}), ...headers },
      ...(isJson ? { body: JSON.stringify(body) } : raw === undefined ? {} : { body: raw }),
      signal: given ? AbortSignal.any([given, patience]) : patience,
      credentials: "same-origin",
      cache: "no-store",
    });
  } catch (error) {
    if (given?.aborted) throw error;
    wentAway();
    const detail =
      method === "GET"
        ? "The API does not answer."
        : "The API does not answer. It may have done this: look before you ask again.";
    throw new ApiProblem({ status: 0, code: "away", detail });
  }
}

/** @param {Response} response */
async function bodyOf(response) {
  const type = response.headers.get("Content-Type") ?? "";
  if (response.status === 204) return null;
  const text = await response.text();
  return /[/+]json\b/.test(type) ? parseExact(text) : text;
}

/**
 * @param {string} path
 * @param {Record<string, string | number | boolean | null | undefined>} [query]
 * @param {CallOptions} [options]
 * @returns {Promise<any>} the body
 */
export const get = async (path, query, options) => (await call("GET", withQuery(path, query), options)).body;

/** @type {(path: string, body?: unknown, options?: CallOptions) => Promise<any>} */
export const post = async (path, body, options) => (await call("POST", path, { ...options, body })).body;
/** @type {(path: string, body?: unknown, options?: CallOptions) => Promise<any>} */
export const put = async (path, body, options) => (await call("PUT", path, { ...options, body })).body;
/** @type {(path: string, body?: unknown, options?: CallOptions) => Promise<any>} */
export const patch = async (path, body, options) => (await call("PATCH", path, { ...options, body })).body;
/** @type {(path: string, options?: CallOptions) => Promise<any>} */
export const del = async (path, options) => (await call("DELETE", path, options)).body;

/** @type {number | undefined} */
let probe;

export function wentAway() {
  const { isAway, since } = connection.peek();
  connection.value = { isAway: true, since: isAway ? since : Date.now(), retryAt: Date.now() + AGAIN_MS };
  clearTimeout(probe);
  probe = window.setTimeout(look, AGAIN_MS);
}

async function look() {
  // A hidden page does not ask. When it is shown again, it asks at once.
  if (isAsleep.peek()) return;
  if (await isThere()) isBack();
  else wentAway();
}

/** Asks at once whether the API is back. */
export function askAgain() {
  clearTimeout(probe);
  void look();
}

const isThere = () =>
  fetch(urlOf("/health/live"), { cache: "no-store", signal: AbortSignal.timeout(AGAIN_MS) }).then(
    ({ ok }) => ok,
    () => false,
  );

/** Asks whether the API answers. Called when something suggests that it does not. */
export async function checkConnection() {
  if (!connection.peek().isAway && !(await isThere())) wentAway();
}

function isBack() {
  clearTimeout(probe);
  connection.value = { isAway: false, since: 0, retryAt: 0 };
}
