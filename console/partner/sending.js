/**
 * The upload that runs in this tab. It goes on while another page of the console is open. A reload ends the upload, but not a
 * batch that was sent completely.
 */
import { signal } from "@preact/signals";
import { withQuery } from "../api/client.js";
import { asProblem } from "../api/problem.js";
import { who } from "../api/session.js";
import { upload } from "../api/upload.js";
import { lookAtCorrection } from "./correction-look.js";
import { beginningOf, contentTypeOf, fileProblem, keyOf, kindOf } from "./file.js";
import { meter } from "./speed.js";

/** @import { ApiProblem } from "../api/problem.js" */
/** @import { Batch, CheckedFile } from "../types.d.ts" */
/** @import { Kind, Reading } from "./file.js" */

/** The dataset name that stands for the client's own policy. */
export const OWN = "default";

/**
 * @typedef {object} Chosen
 * @property {File} file
 * @property {Kind} kind
 * @property {Reading} reading
 * @property {string} dataset
 * @property {string} corrects the id of the batch whose rejected records the file contains; empty: none
 */

/**
 * @typedef {object} Look the API's check of the beginning of the file
 * @property {boolean} isLoading
 * @property {CheckedFile | null} found
 * @property {ApiProblem | null} problem
 * @property {import("./correction-look.js").Matches | null} matches of a corrected file: which rejected rows it corrects
 * @property {"" | "large" | "correction"} skipped why nothing was checked
 */

/**
 * @typedef {object} Sending
 * @property {number} sent bytes
 * @property {number} total
 * @property {import("./speed.js").Speed} speed
 * @property {boolean} isCheck
 */

/** @type {import("@preact/signals").Signal<Chosen | null>} */
export const chosen = signal(/** @type {Chosen | null} */ (null));
/** @type {Look} */
const noLook = { isLoading: false, found: null, problem: null, matches: null, skipped: "" };
export const look = signal(noLook);
/** @type {import("@preact/signals").Signal<Sending | null>} */
export const sending = signal(/** @type {Sending | null} */ (null));
/** Why the last upload has failed. @type {import("@preact/signals").Signal<ApiProblem | null>} */
export const refusal = signal(/** @type {ApiProblem | null} */ (null));
/**
 * The id of the batch, if the same file was sent before and the API has repeated its first answer.
 * @type {import("@preact/signals").Signal<string | null>}
 */
export const repeatedOf = signal(/** @type {string | null} */ (null));

/** @type {AbortController | null} */
let looking = null;
/** @type {AbortController | null} */
let running = null;
/** When the upload began. */
let beganAt = 0;
/** "Cancel" appears where "Import" was, so the second click of a double click would hit it. "Cancel" ignores clicks for this time. */
const SECOND_CLICK_MS = 700;
/** Grows when a file that was sent before has to be imported again. It is part of the Idempotency-Key. */
let again = "";

/** @param {File} file @param {{ dataset: string, corrects: string }} where */
export async function choose(file, where) {
  forget();
  const kind = await kindOf(file).catch(() => ({ format: /** @type {const} */ ("csv"), isGzip: false }));
  chosen.value = { file, kind, reading: { delimiter: "", charset: "" }, ...where };
  await lookAt();
}

/** @param {Partial<Chosen>} change */
export async function change(change) {
  const now = chosen.peek();
  if (!now || sending.peek()) return;
  chosen.value = { ...now, ...change };
  refusal.value = null;
  await lookAt();
}

export function forget() {
  looking?.abort();
  chosen.value = null;
  look.value = noLook;
  refusal.value = null;
  repeatedOf.value = null;
  again = "";
}

/** @param {string} dataset */
const pathOf = (dataset) => (dataset === OWN ? "/imports" : `/datasets/${encodeURIComponent(dataset)}/imports`);

/** Asks the API how it reads the beginning of the file. */
export async function lookAt() {
  const now = chosen.peek();
  if (!now) return;
  looking?.abort();
  looking = new AbortController();
  const { signal } = looking;
  look.value = { ...noLook, isLoading: true };
  try {
    if (now.corrects) {
      const seen = await lookAtCorrection(now, signal);
      if (!signal.aborted) look.value = seen ? { ...noLook, ...seen } : { ...noLook, skipped: "correction" };
      return;
    }
    const part = await beginningOf(now.file, now.kind);
    if (signal.aborted) return;
    if (!part) {
      look.value = { ...noLook, skipped: "large" };
      return;
    }
    const { body } = await upload(withQuery(`${pathOf(now.dataset)}/check`, { format: now.kind.format }), part, {
      headers: { "Content-Type": contentTypeOf(now.kind, now.reading) },
      signal,
    });
    look.value = { ...noLook, found: body };
  } catch (error) {
    if (!signal.aborted) look.value = { ...noLook, problem: asProblem(fileProblem(error)) };
  }
}

/**
 * Sends the file. A second call during the upload does nothing.
 * @param {{ isCheck: boolean }} options `isCheck`: nothing is imported until it is committed
 * @returns {Promise<Batch | null>} null: the API has refused it (see `refusal`), or it was cancelled
 */
export async function send({ isCheck }) {
  const now = chosen.peek();
  if (!now || sending.peek()) return null;
  const { file, kind, dataset, corrects } = now;
  const measured = meter();
  const show = (/** @type {number} */ sent, total = file.size) => {
    sending.value = { sent, total, speed: measured(sent, total), isCheck };
  };
  refusal.value = null;
  repeatedOf.value = null;
  running = new AbortController();
  beganAt = performance.now();
  show(0);
  addEventListener("beforeunload", warn);
  try {
    const type = contentTypeOf(kind, now.reading);
    const key = await keyOf(file, [dataset, isCheck ? "check" : "import", type, corrects, again]);
    const query = { format: kind.format, corrects, ...(isCheck && { validateOnly: true }) };
    const answer = await upload(withQuery(pathOf(dataset), query), file, {
      headers: {
        "Content-Type": type,
        "Idempotency-Key": key,
        ...(kind.isGzip && { "Content-Encoding": "gzip" }),
      },
      onProgress: show,
      signal: running.signal,
    });
    if (answer.header("Idempotent-Replayed") === "true") repeatedOf.value = answer.body.id;
    return answer.body;
  } catch (error) {
    if (!running.signal.aborted) refusal.value = asProblem(fileProblem(error));
    return null;
  } finally {
    removeEventListener("beforeunload", warn);
    sending.value = null;
  }
}

/** Gives the next upload of the same file another key, so that it is imported again. */
export function meanAgain() {
  again = crypto.getRandomValues(new Uint32Array(2)).join("-");
}

export function cancelSending() {
  if (performance.now() - beganAt > SECOND_CLICK_MS) running?.abort();
}

/** Makes the browser ask before the page is left, because the rest of the upload would be lost. @param {Event} event */
const warn = (event) => event.preventDefault();

who.subscribe(() => {
  running?.abort();
  forget();
});
