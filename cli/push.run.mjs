// @ts-check
/** The steps of one push: upload, wait, errors, report. */
import { createHash, randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { setTimeout as pause } from "node:timers/promises";
import { visible } from "../lib/log/visible.cjs";
import { checkLines, isWanted } from "./push.check.mjs";
import { Http } from "./push.http.mjs";
import { Progress } from "./push.progress.mjs";
import { groupLines, rejectedLines, summary } from "./push.report.mjs";
import { sourceOf } from "./push.source.mjs";

/** @typedef {import("./push.options.mjs").Options} Options */
/** @typedef {{ id: string, status: string, validateOnly?: true, counts: Record<"received" | "accepted" | "rejected" | "duplicate", number>, hold: { reason: string, until?: string | null, batchId?: string } | null, error: { code: string, detail: string } | null, createdAt: string, startedAt: string | null, finishedAt: string | null, links: { errors: string } }} Batch */

const ROWS_SHOWN = 10;
const GROUPS_SHOWN = 5;
/** How often the batch is asked for. Each such request counts for the client's rate. */
const LOOK_MS = 1_000;
/** @param {Batch} batch */
const exitCodeOf = ({ status, counts }) =>
  status === "validated" ? (counts.rejected > 0 ? 2 : 0) : (exitCodes.get(status) ?? FAILED);
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
    const found = options.waits ? await ended(http, taken, progress, signal) : taken;
    const batch = options.checks ? await checked(http, found, options, progress, signal) : found;
    if (options.errors !== null && options.waits) await writeErrors(http, batch, options.errors);
    if (options.rejected !== null && options.waits)
      await http.stream(`/imports/${batch.id}/rejected`, {}, (body) =>
        pipeline(body, createWriteStream(/** @type {string} */ (options.rejected))),
      );
    await report(http, batch, options, isReplayed);
    return options.waits ? exitCodeOf(batch) : 0;
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
  const answer = await http.json(pathOf(options.dataset) + queryOf(options), {
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

/** @param {string | null} dataset */
const pathOf = (dataset) => (dataset === null ? "/imports" : `/datasets/${encodeURIComponent(dataset)}/imports`);

/** @param {Options} options */
function queryOf({ checks, corrects }) {
  const query = new URLSearchParams();
  if (checks) query.set("validateOnly", "true");
  if (corrects !== null) query.set("corrects", corrects);
  return query.size === 0 ? "" : `?${query}`;
}

/**
 * The idempotency key. The same content for the same dataset gets the same key, so the command can be repeated.
 * @param {{ digest: string }} source
 * @param {Options} options
 */
function keyOf({ digest }, { key, again, checks, contentType, dataset, corrects }) {
  if (key !== null) return key;
  // A check has a new key each time, because its result may differ from the last one.
  if (again || checks) return randomUUID();
  const parts = [
    contentType,
    digest,
    ...(dataset === null ? [] : [dataset]),
    ...(corrects === null ? [] : ["corrects", corrects]),
  ];
  return `push-${createHash("sha256").update(parts.join("\n")).digest("hex")}`;
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

/**
 * Shows what a check has found, and delivers the batch if the person at the terminal says so.
 * @param {Http} http
 * @param {Batch} batch
 * @param {Options} options
 * @param {Progress} progress
 * @param {AbortSignal} signal
 */
async function checked(http, batch, options, progress, signal) {
  if (options.json) return batch;
  for (const line of await checkLines(http, batch)) console.log(line);
  if (batch.status !== "validated" || !(await isWanted(batch, signal))) return batch;
  const { body } = await http.json(`/imports/${batch.id}/commit`, { method: "POST" });
  return ended(http, /** @type {Batch} */ (body), progress, signal);
}

/** @param {Batch} batch */
function waitingText({ hold }) {
  if (!hold) return "";
  if (hold.reason === "order") return `It is held behind batch ${hold.batchId}.`;
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
async function report(http, batch, { json, errors, waits, checks }, isReplayed) {
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
  // The findings of a check were printed before its question.
  if (!checks || !batch.validateOnly)
    for (const line of await groupLines(http, batch, { most: GROUPS_SHOWN })) console.log(line);
  if (errors !== null) console.log(`The rejected records are in ${errors}.`);
  else for (const line of await rejectedLines(http, batch, ROWS_SHOWN)) console.log(line);
}
