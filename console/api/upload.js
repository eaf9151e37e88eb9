/** Uploads with progress. `fetch` reports no progress of uploads, so this file uses XMLHttpRequest. */
import { parseExact } from "../ui/exact-json.js";
import { isSessionOver, urlOf, wentAway } from "./client.js";
import { ApiProblem } from "./problem.js";

/**
 * @typedef {object} UploadOptions
 * @property {string} [method] POST where omitted
 * @property {Record<string, string>} [headers]
 * @property {(sent: number, total: number) => void} [onProgress] bytes
 * @property {AbortSignal} [signal]
 */

/**
 * Sends a body of any size.
 * @param {string} path
 * @param {XMLHttpRequestBodyInit} body
 * @param {UploadOptions} [options]
 * @returns {Promise<{ status: number, body: any, header: (name: string) => string | null }>} Throws ApiProblem; an AbortError.
 */
export function upload(path, body, { method = "POST", headers = {}, onProgress, signal } = {}) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, urlOf(path));
    request.setRequestHeader("Accept", "application/json");
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded, total }) => onProgress?.(loaded, total);
    request.onload = () => {
      const answer = { status: request.status, body: parsed(request.responseText), header: headerOf(request) };
      if (request.status >= 200 && request.status < 300) resolve(answer);
      else reject(refusalOf(answer));
    };
    request.onerror = () => {
      wentAway();
      reject(
        new ApiProblem({ status: 0, code: "away", detail: "The connection broke. Nobody can say whether it arrived." }),
      );
    };
    request.onabort = () => reject(new DOMException("The upload was cancelled.", "AbortError"));
    signal?.addEventListener("abort", () => request.abort(), { once: true });
    if (signal?.aborted) return request.onabort?.(/** @type {any} */ (null));
    request.send(body);
  });
}

/** @param {XMLHttpRequest} request */
const headerOf = (request) => (/** @type {string} */ name) => request.getResponseHeader(name);

/** @param {string} text */
function parsed(text) {
  try {
    return parseExact(text);
  } catch {
    return text;
  }
}

/** @param {{ status: number, body: any, header: (name: string) => string | null }} answer */
function refusalOf({ status, body, header }) {
  if (status === 401) isSessionOver.value = true;
  const retryAfter = header("Retry-After");
  return new ApiProblem({
    status,
    code: body?.code ?? `http-${status}`,
    detail: body?.detail ?? `The answer was ${status}.`,
    requestId: header("X-Request-Id"),
    retryAfterS: retryAfter === null ? null : Number(retryAfter),
    body: typeof body === "object" && body !== null ? body : {},
  });
}
