/** What is known of a batch beside its counts. */
import { href } from "../state/router.js";
import { Copy, ShortId } from "../ui/copy.js";
import { html } from "../ui/html.js";
import { bytes, count } from "../ui/numbers.js";
import { Time, Took } from "../ui/time.js";

/** @import { Batch, WholeBatch } from "../types.d.ts" */

/** @param {{ batch: Batch & Partial<WholeBatch> }} props partners have fewer */
export function Facts({ batch }) {
  const { createdAt, startedAt, finishedAt, bytes: size, format, attempts, run, requestId, checksum } = batch;
  const { idempotencyKey, policyVersion, lastAttempt, bodyKeptUntil, expiresAt } = batch;
  return html`<dl class="facts">
    <dt>Received</dt><dd><${Time} at=${createdAt} isExact /></dd>
    <dt>Took</dt><dd>${startedAt ? html`<${Took} from=${createdAt} to=${finishedAt} />${finishedAt === null && html` <span class="quiet">so far</span>`}` : "has not begun"}</dd>
    <dt>File</dt><dd>${format}, ${bytes(size)}</dd>
    <dt>Attempts</dt><dd>${count(attempts)}${run && html` <span class="quiet">· chunk ${count(run.chunk)} of ${count(run.chunks)}, attempt ${count(run.attempt)} of ${count(run.maxAttempts)}${run.node && ` on ${run.node}`}</span>`}</dd>
    ${run?.nextAt && html`<dt>Next attempt</dt><dd><${Time} at=${run.nextAt} /></dd>`}
    ${lastAttempt && html`<dt>Last failure</dt><dd>${lastAttempt.detail} <code>${lastAttempt.code}</code> <span class="quiet">on ${lastAttempt.node}, <${Time} at=${lastAttempt.at} /></span></dd>`}
    ${policyVersion !== undefined && html`<dt>Rules</dt><dd>${policyVersion < 0 ? `dataset ${batch.dataset}` : `policy, version ${policyVersion}`}</dd>`}
    ${requestId && html`<dt>Request</dt><dd><${ShortId} id=${requestId} what="request id" /></dd>`}
    ${checksum && html`<dt>Checksum</dt><dd><span class="id"><a href=${href("/batches", { q: checksum })} title=${`All batches of ${checksum}`}>${checksum.slice(0, 20)}…</a><${Copy} text=${checksum} what="checksum" /></span></dd>`}
    ${idempotencyKey && html`<dt>Idempotency key</dt><dd><span class="id">${idempotencyKey}<${Copy} text=${idempotencyKey} what="idempotency key" /></span></dd>`}
    ${bodyKeptUntil && html`<dt>File kept until</dt><dd><${Time} at=${bodyKeptUntil} /></dd>`}
    ${expiresAt && html`<dt>Deleted</dt><dd><${Time} at=${expiresAt} /></dd>`}
  </dl>`;
}
