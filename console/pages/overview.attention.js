/** What an operator has to look at: how the page reads it, and its list. */
import { may } from "../api/session.js";
import { useQuery } from "../state/live.js";
import { Empty, Loading } from "../ui/empty.js";
import { ErrorBox } from "../ui/error-box.js";
import { html } from "../ui/html.js";
import { Section } from "../ui/page.js";
import { State } from "../ui/states.js";
import { Time } from "../ui/time.js";
import { clientMatter, deliveryMatter, matterOf } from "./overview.matters.js";

/** @import { Found } from "../state/live.js" */
/** @import { ClientNeed, Listed, OperatorBatch } from "../types.d.ts" */
/** @import { Matter } from "./overview.matters.js" */

const MOST = 10;
/** The most entries of one state, so that many failed batches do not hide one that waits for an approval. */
const MOST_OF_ONE = 5;
/** How many batches are read. Some of them only wait for their window and need nobody. */
const LOOKED_AT = 50;
const DAY_MS = 86_400_000;
/** A batch with a larger share of rejected records is listed. */
const SHARE = 0.2;
const EVERY_MS = 10_000;

/**
 * The data of the page's first sentence and of its list.
 * @typedef {object} Needs
 * @property {Matter[]} matters the worst first
 * @property {number} failed batches that failed in the last day, up to LOOKED_AT
 * @property {number} failedBefore batches that failed earlier, up to LOOKED_AT
 * @property {number} waiting batches that wait for an approval, up to LOOKED_AT
 * @property {number} faulty batches of the last day with many rejected records
 * @property {number} undelivered webhooks that were given up, up to MOST
 * @property {number} webhooksOff
 * @property {number} atLimit clients
 * @property {boolean} isLoading
 * @property {import("../api/problem.js").ApiProblem | null} problem
 * @property {() => void} again
 */

/** @returns {Needs} */
export function useNeeds() {
  const batches = /** @type {Found<Listed<OperatorBatch>>} */ (
    useQuery("/admin/batches", {
      query: { status: "failed,held", limit: LOOKED_AT },
      topics: ["batches"],
      everyMs: EVERY_MS,
    })
  );
  const faulty = /** @type {Found<Listed<OperatorBatch>>} */ (
    useQuery("/admin/batches", {
      query: { status: "completed_with_errors", limit: 20 },
      topics: ["batches"],
      everyMs: EVERY_MS,
    })
  );
  const deliveries = /** @type {Found<Listed<any>>} */ (
    useQuery("/admin/deliveries", {
      query: { status: "failed", limit: MOST },
      topics: ["deliveries"],
      everyMs: EVERY_MS,
    })
  );
  const clients = /** @type {Found<{ clients: ClientNeed[] }>} */ (
    useQuery("/admin/stats/attention", { everyMs: EVERY_MS })
  );
  const sources = [batches, faulty, deliveries, clients];
  const again = () => {
    for (const found of sources) found.reload();
  };
  const needy = (batches.data?.items ?? []).filter(needsSomebody);
  const failed = needy.filter(({ status }) => status === "failed");
  const failedToday = failed.filter(({ finishedAt }) => isOfToday(finishedAt)).length;
  const rejecting = (faulty.data?.items ?? []).filter(isFaulty);
  const undelivered = deliveries.data?.items ?? [];
  const clientNeeds = clients.data?.clients ?? [];
  const webhooksOff = clientNeeds.filter(({ kind }) => kind === "webhook").length;
  const matters = [
    ...needy.map((batch) => matterOf(batch, again)),
    ...rejecting.map((batch) => matterOf(batch, again)),
    ...undelivered.map((delivery) => deliveryMatter(delivery, again)),
    ...clientNeeds.map(clientMatter),
  ]
    .toSorted((a, b) => ranks.indexOf(a.state) - ranks.indexOf(b.state) || (b.at ?? "").localeCompare(a.at ?? ""))
    .filter(({ state }, index, all) => all.findIndex((one) => one.state === state) > index - MOST_OF_ONE)
    .slice(0, MOST);
  return {
    matters,
    failed: failedToday,
    failedBefore: failed.length - failedToday,
    waiting: needy.filter(({ status }) => status === "held").length,
    faulty: rejecting.length,
    undelivered: undelivered.length,
    webhooksOff,
    atLimit: new Set(clientNeeds.filter(({ kind }) => kind !== "webhook").map(({ client }) => client.id)).size,
    problem: sources.find(({ problem }) => problem !== null)?.problem ?? null,
    isLoading: sources.some(({ isLoading }) => isLoading),
    again,
  };
}

/** The order of the entries, the worst first. */
const ranks = ["failed", "webhook_off", "held", "at_limit", "completed_with_errors"];

/** @param {{ needs: Needs }} props */
export function Attention({ needs: { matters, problem, isLoading, again } }) {
  return html`<${Section} title="Needs somebody" class="attention">
    <${ErrorBox} problem=${problem} title="This could not be read." onRetry=${again} />
    ${isLoading && !problem && html`<${Loading} lines=${4} />`}
    ${!isLoading && !problem && matters.length === 0 && html`<${Empty} title="Nothing needs you." icon="check"><p>Failed and held batches, many rejected records, failed webhooks and clients at a limit appear here.</p></${Empty}>`}
    ${matters.length > 0 && html`<ul class="matters">${matters.map((matter) => html`<${Row} key=${matter.id} matter=${matter} />`)}</ul>`}
  </${Section}>`;
}

/** @param {{ matter: Matter }} props */
function Row({ matter: { at, state, href: to, who, text, actions, link } }) {
  return html`<li>
    <${State} of=${state} />
    <div><a href=${to}>${who}</a><p class="quiet">${text}</p></div>
    <span class="quiet matter-at"><${Time} at=${at} /></span>
    <span class="matter-actions">${link && html`<a class="button small" href=${link.href}>${link.label}</a>`}${
      may("operator") &&
      actions.map(
        ({ label, run }) =>
          html`<button key=${label} type="button" class="button small" onClick=${run}>${label}</button>`,
      )
    }</span>
  </li>`;
}

/** @param {OperatorBatch} batch */
const isFaulty = ({ counts, finishedAt }) =>
  counts.received > 0 && counts.rejected / counts.received > SHARE && isOfToday(finishedAt);

/** Whether a time is within the last day. @param {string | null} at */
const isOfToday = (at) => Date.parse(at ?? "") > Date.now() - DAY_MS;

/**
 * Whether a batch needs an operator. A batch that waits for its window or its turn goes on by itself.
 * @param {OperatorBatch} batch
 */
const needsSomebody = ({ status, hold }) => status === "failed" || hold?.reason === "approval";
