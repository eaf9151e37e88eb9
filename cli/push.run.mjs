// @ts-check
/** The steps of one push: upload, wait, errors, report. */
import { createHash, randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { setTimeout as pause } from "node:timers/promises";
import { visible } from "../lib/log/visible.cjs";
import { Http } from "./push.http.mjs";
import { Progress } from "./push.progress.mjs";
import { rejectedLines, summary } from "./push.report.mjs";
import { sourceOf } from "./push.source.mjs";

/** @typedef {import("./push.options.mjs").Options} Options */
/** @typedef {{ id: string, status: string, counts: Record<"received" | "accepted" | "rejected" | "duplicate", number>, hold: { reason: string, until: string | null } | null, error: { code: string, detail: string } | null, createdAt: string, startedAt: string | null, finishedAt: string | null, links: { errors: string } }} Batch */

const ROWS_SHOWN = 10;
/** Each question about a batch spends one of the client's requests. */
const LOOK_MS = 1_000;
const exitCodes = new Map([
  ["completed", 0],
  ["completed_with_errors", 2],
]);
const FAILED = 1;

/**
 * Sends a file and follows its batch to the end. Returns the exit code. Throws Refused, and what the connection throws.
 * @param {Options} options
 * @param {AbortSignal} signal
 */
export async function push(options, signal) {
  const progress = new Progress(options.quiet || options.json);
  const http = new Http(options, signal, (reason, ms) => progress.say(`${reason}; again in ${Math.ceil(ms / 1000)} s`));
  const source = await sourceOf(options, signal);
  try {
    const { batch: taken, isReplayed } = await uploaded(http, source, options, progress);
    if (isReplayed)
      progress.say(`The same content was sent before: batch ${taken.id}. (--again imports it once more.)`);
    const batch = options.waits ? await ended(http, taken, progress, signal) : taken;
    if (options.errors !== null && options.waits) await writeErrors(http, batch, options.errors);
    await report(http, batch, options, isReplayed);
    return options.waits ? (exitCodes.get(batch.status) ?? FAILED) : 0;
  } finally {
    progress.stop();
    source.remove();
  }
}

/**
 * @param {Http} http
 * @param {import("./push.source.mjs").Source} source
 * @param {Options} options
 * @param {Progress} progress
 */
async function uploaded(http, source, options, progress) {
  progress.begin("sent", source.bytes, "bytes");
  /** @type {Record<string, string>} */
  const headers = { "content-type": options.contentType, "idempotency-key": keyOf(source, options) };
  if (options.gzips || options.isGzip) headers["content-encoding"] = "gzip";
  const answer = await http.json("/imports", {
    method: "POST",
    headers,
    body: () => source.open((bytes) => progress.set(bytes)),
  });
  progress.end(source.bytes);
  return {
    batch: /** @type {Batch} */ (answer.body),
    isReplayed: answer.headers["idempotent-replayed"] === "true" || answer.status === 200,
  };
}

/**
 * The idempotency key. The same content of the same client gets the same key, so the command can be repeated.
 * @param {{ digest: string }} source
 * @param {Options} options
 */
function keyOf({ digest }, { key, again, contentType }) {
  if (key !== null) return key;
  return again ? randomUUID() : `push-${createHash("sha256").update(`${contentType}\n${digest}`).digest("hex")}`;
}

/**
 * @param {Http} http
 * @param {Batch} taken
 * @param {Progress} progress
 * @param {AbortSignal} signal
 */
async function ended(http, taken, progress, signal) {
  progress.begin("processed", taken.counts.received, "records");
  let shown = "";
  for (;;) {
    const began = performance.now();
    const { body } = await http.json(`/imports/${taken.id}`, { headers: { prefer: "wait=1" } });
    const batch = /** @type {Batch} */ (body);
    const { accepted, rejected, duplicate } = batch.counts;
    if (batch.finishedAt) {
      progress.end(accepted + rejected + duplicate);
      return batch;
    }
    progress.set(accepted + rejected + duplicate);
    const state = waitingText(batch);
    if (state && state !== shown) progress.say(state);
    shown = state;
    await pause(Math.max(0, LOOK_MS - (performance.now() - began)), undefined, { signal });
  }
}

/** @param {Batch} batch */
function waitingText({ hold }) {
  if (!hold) return "";
  return hold.reason === "approval" ? "It is held until an operator approves it." : `It is held until ${hold.until}.`;
}

/**
 * @param {Http} http
 * @param {Batch} batch
 * @param {string} file
 */
async function writeErrors(http, batch, file) {
  const headers = { accept: file.endsWith(".csv") ? "text/csv" : "application/x-ndjson" };
  await http.stream(`/imports/${batch.id}/errors`, { headers }, (body) => pipeline(body, createWriteStream(file)));
}

/**
 * @param {Http} http
 * @param {Batch} batch
 * @param {Options} options
 * @param {boolean} isReplayed
 */
async function report(http, batch, { json, errors, waits }, isReplayed) {
  if (json) {
    console.log(visible(JSON.stringify({ batch, isReplayed, ...(errors === null ? {} : { errors }) })));
    return;
  }
  if (!waits) {
    console.log(`Taken as batch ${visible(batch.id)}.`);
    return;
  }
  console.log(summary(batch));
  if (batch.counts.rejected === 0) return;
  if (errors !== null) console.log(`The rejected records are in ${errors}.`);
  else for (const line of await rejectedLines(http, batch, ROWS_SHOWN)) console.log(line);
}
