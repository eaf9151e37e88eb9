// @ts-check
/**
 * Sends requests. It repeats a request when another try may help: after a lost connection, a 503, a 429, or while a first try
 * still runs.
 */
import http from "node:http";
import https from "node:https";
import { text } from "node:stream/consumers";
import { setTimeout as pause } from "node:timers/promises";
import { visible } from "../lib/log/visible.cjs";

/** An answer whose status is not 2xx. */
export class Refused extends Error {
  /**
   * @param {number} status
   * @param {Problem} problem
   * @param {number | null} retryAfterMs
   */
  constructor(status, problem, retryAfterMs) {
    super(`${status} ${problem.code ?? ""}`);
    this.status = status;
    this.problem = problem;
    this.retryAfterMs = retryAfterMs;
  }
}

/** A connection on which no byte was sent or received for too long. */
class Silent extends Error {
  code = "ETIMEDOUT";
  /** @param {number} ms */
  constructor(ms) {
    super(`Nothing was heard for ${ms / 1000} s.`);
  }
}

/** @typedef {{ code?: string, title?: string, detail?: string, line?: number, offset?: number, errors?: { pointer: string, detail: string }[], [member: string]: unknown }} Problem */

/**
 * @typedef {object} Ask
 * @property {string} [method]
 * @property {Record<string, string>} [headers]
 * @property {() => import("node:stream").Readable} [body]  Opens a new stream for each try.
 */

/** @typedef {{ status: number, headers: http.IncomingHttpHeaders, body: http.IncomingMessage }} Answer */

const CONTINUE_MS = 1_000;
const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 30_000;
/** The longest `Retry-After` that is waited for. A longer one belongs to a day's quota, which is free again only tomorrow. */
const LONGEST_RETRY_AFTER_MS = 120_000;
const again = new Set([408, 425, 429, 500, 502, 503, 504]);

export class Http {
  /**
   * @param {{ url: string, authorization: string, retries: number, silenceMs: number }} target
   * @param {AbortSignal} signal
   * @param {(reason: string, delayMs: number) => void} onRetry
   */
  constructor({ url, authorization, retries, silenceMs }, signal, onRetry) {
    this.url = url;
    this.authorization = authorization;
    this.retries = retries;
    this.silenceMs = silenceMs;
    this.signal = signal;
    this.onRetry = onRetry;
    const { Agent } = url.startsWith("https:") ? https : http;
    this.agent = new Agent({ keepAlive: true });
  }

  /**
   * The answer's JSON. Throws Refused, and what the connection throws, once no try is left.
   * @template T
   * @param {string} path
   * @param {Ask} [ask]
   * @returns {Promise<{ status: number, headers: http.IncomingHttpHeaders, body: T }>}
   */
  json(path, ask) {
    return this.repeatedly(async () => {
      const { status, headers, body } = await this.once(path, ask);
      return { status, headers, body: /** @type {T} */ (JSON.parse(await text(body))) };
    });
  }

  /**
   * Answers read as a stream: `read` is called again, from the start, where the stream breaks off.
   * @param {string} path
   * @param {Ask} ask
   * @param {(body: http.IncomingMessage) => Promise<void>} read
   */
  stream(path, ask, read) {
    return this.repeatedly(async () => read((await this.once(path, ask)).body));
  }

  /**
   * @template T
   * @param {() => Promise<T>} attempt
   * @returns {Promise<T>}
   */
  async repeatedly(attempt) {
    for (let tries = 0; ; tries++) {
      try {
        return await attempt();
      } catch (error) {
        const delayMs = this.signal.aborted ? null : delayOf(error, tries);
        if (delayMs === null || tries >= this.retries) throw error;
        this.onRetry(error instanceof Refused ? error.message : reasonOf(error), delayMs);
        await pause(delayMs, undefined, { signal: this.signal });
      }
    }
  }

  /**
   * One try. The body waits for `100 Continue`, so that a refusal costs no upload.
   * @param {string} path
   * @param {Ask} [ask]
   * @returns {Promise<Answer>}
   */
  async once(path, { method = "GET", headers = {}, body } = {}) {
    const { request } = this.url.startsWith("https:") ? https : http;
    const req = request(this.url + path, {
      method,
      agent: this.agent,
      signal: this.signal,
      timeout: this.silenceMs,
      headers: { authorization: this.authorization, ...headers, ...(body ? { expect: "100-continue" } : {}) },
    });
    // Without this, a lost link or a frozen server keeps us waiting until TCP gives up, which takes minutes.
    req.once("timeout", () => req.destroy(new Silent(this.silenceMs)));
    const res = await (body ? sent(req, body) : answered(req, () => req.end()));
    const status = res.statusCode ?? 0;
    if (status < 300) return { status, headers: res.headers, body: res };
    throw new Refused(status, await problemOf(res), retryAfterMs(res.headers["retry-after"]));
  }
}

/**
 * @param {http.ClientRequest} req
 * @param {() => void} start
 * @returns {Promise<http.IncomingMessage>}
 */
function answered(req, start) {
  return new Promise((resolve, reject) => {
    req.once("response", resolve).once("error", reject);
    start();
  });
}

/**
 * If the answer comes before the whole body was sent, sending stops.
 * @param {http.ClientRequest} req
 * @param {() => import("node:stream").Readable} open
 */
async function sent(req, open) {
  const answer = answered(req, () => req.flushHeaders());
  if (await isWanted(req, answer)) {
    const body = open();
    body.once("error", (error) => req.destroy(error));
    body.pipe(req);
    const stop = () => body.unpipe(req).destroy();
    answer.then(stop, stop);
  }
  const res = await answer;
  if (!req.writableEnded) res.once("end", () => req.destroy());
  return res;
}

/**
 * @param {http.ClientRequest} req
 * @param {Promise<unknown>} answer
 */
function isWanted(req, answer) {
  /** @type {Promise<boolean>} */
  const wanted = new Promise((resolve) => {
    req.once("continue", () => resolve(true));
    // A server or proxy that ignores `Expect: 100-continue` sends no 100.
    setTimeout(() => resolve(true), CONTINUE_MS).unref();
  });
  const isAnswered = answer.then(
    () => false,
    () => false,
  );
  return Promise.race([wanted, isAnswered]);
}

/** @param {http.IncomingMessage} res */
async function problemOf(res) {
  const body = await text(res).catch(() => "");
  try {
    return /** @type {Problem} */ (JSON.parse(body));
  } catch {
    return { detail: body.slice(0, 500) || res.statusMessage };
  }
}

/** @param {string | undefined} header */
function retryAfterMs(header) {
  if (header === undefined) return null;
  if (/^\d+$/.test(header)) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? null : Math.max(0, at - Date.now());
}

/**
 * How long to wait before the next try; null: another try cannot help.
 * @param {unknown} error
 * @param {number} tries
 */
function delayOf(error, tries) {
  const backoff = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** tries) * (0.5 + Math.random() / 2);
  if (!(error instanceof Refused)) return isLostConnection(error) ? backoff : null;
  const inProgress = error.problem.code === "idempotency-in-progress";
  if (!again.has(error.status) && !inProgress) return null;
  if ((error.retryAfterMs ?? 0) > LONGEST_RETRY_AFTER_MS) return null;
  return Math.max(error.retryAfterMs ?? 0, backoff / (inProgress ? 2 : 1));
}

const lost = /^(ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN|UND_ERR|ERR_STREAM_PREMATURE_CLOSE|HPE_)/;

/** @param {unknown} error */
const isLostConnection = (error) => lost.test(String(/** @type {{ code?: unknown } | null} */ (error)?.code ?? ""));

/** @param {unknown} error */
function reasonOf(error) {
  const { code, message } = /** @type {NodeJS.ErrnoException} */ (error);
  return code ?? message;
}

/** @param {Refused} error */
export function problemText({ status, problem: { code, title, detail, line, offset, errors = [] } }) {
  const found = line === undefined ? (offset === undefined ? "" : `offset ${offset}`) : `line ${line}`;
  const place = found === "" ? "" : ` (${found})`;
  const head = `DataFlow refused it: ${status}${code ? ` ${code}` : ""}${place}. ${detail ?? title ?? ""}`;
  return [head, ...errors.map((fault) => `  ${fault.pointer}: ${fault.detail}`)].map(visible).join("\n");
}
