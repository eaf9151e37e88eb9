/** The head of a batch's page: its counts, its progress, what it waits for, and why it ended. */

import { href } from "../state/router.js";
import { ShortId } from "../ui/copy.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { Time } from "../ui/time.js";
import { Equation } from "./equation.js";
import { Pace } from "./pace.js";

/** @import { Batch } from "../types.d.ts" */

/** @type {Record<string, string>} */
const holds = {
  approval: "It waits for an approval.",
  window: "It waits until its window opens.",
  order: "It waits for the batch in front of it.",
};

/** @param {string} text */
const sentence = (text) => `${text[0]?.toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;

/**
 * @param {object} props
 * @param {Batch} props.batch
 * @param {string | null} [props.waits] in the words of the API, for operators
 * @param {string | null} [props.until]
 * @param {(id: string) => string} props.hrefOf
 */
function Waits({ batch: { hold, status }, waits, until, hrefOf }) {
  const isTrouble = status === "ready" && waits !== null && waits !== undefined;
  const text = waits ? sentence(waits) : hold ? (holds[hold.reason] ?? "") : "";
  if (text === "") return null;
  const at = until ?? (hold && "until" in hold ? hold.until : null);
  return html`<div class=${`bar ${isTrouble || hold ? "warn" : ""}`}><${Icon} name=${hold ? "pause" : "clock"} />
    <span><strong>${text}</strong>${at && html` Until <${Time} at=${at} isExact />.`}
    ${hold?.reason === "order" && waits !== undefined && " There is nothing to approve: it goes on when that batch has ended or is skipped."}
    ${hold && "batchId" in hold && hold.batchId && html` In front: <${ShortId} id=${hold.batchId} href=${hrefOf(hold.batchId)} />`}</span></div>`;
}

/** @param {{ batch: Batch }} props */
function Failure({ batch: { error, status } }) {
  if (!error) return null;
  const isBad = ["failed", "rejected"].includes(status);
  return html`<div class=${`bar ${isBad ? "bad" : "warn"}`}><${Icon} name=${isBad ? "error" : "info"} />
    <span><strong>${error.detail}</strong> <a href=${href("/errors", { code: error.code })}><code>${error.code}</code></a></span></div>`;
}

/**
 * @param {object} props
 * @param {Batch} props.batch
 * @param {number} props.at when it was read
 * @param {string} [props.phase]
 * @param {string | null} [props.waits]
 * @param {string | null} [props.waitsUntil]
 * @param {(id: string) => string} props.hrefOf
 * @param {any} [props.children]
 */
export function BatchHead({ batch, at, phase, waits, waitsUntil, hrefOf, children }) {
  return html`<section class="card batch-head" aria-label="Result">
    <${Failure} batch=${batch} />
    <${Waits} batch=${batch} waits=${waits} until=${waitsUntil} hrefOf=${hrefOf} />
    <${Equation} batch=${batch} />
    <${Pace} batch=${batch} phase=${phase} at=${at} />
    ${children}
  </section>`;
}
