/** What needs somebody, each with what can be done about it. */
import { post } from "../api/client.js";
import { may } from "../api/session.js";
import { useQuery } from "../state/live.js";
import { href } from "../state/router.js";
import { ask } from "../ui/dialog.js";
import { Empty, Loading } from "../ui/empty.js";
import { ErrorBox } from "../ui/error-box.js";
import { html } from "../ui/html.js";
import { bytes, count, percent, plural } from "../ui/numbers.js";
import { Section } from "../ui/page.js";
import { State } from "../ui/states.js";
import { Time } from "../ui/time.js";
import { toast } from "../ui/toast.js";

/** @import { Found } from "../state/live.js" */
/** @import { ClientNeed, Listed, OperatorBatch } from "../types.d.ts" */

const MOST = 10;
/** Of one state, so that many failed batches do not hide one that waits for approval. */
const MOST_OF_ONE = 5;
/** So many are looked at: those that a window holds need nobody. */
const LOOKED_AT = 50;
const DAY_MS = 86_400_000;
/** A batch with more rejected records than this is worth a look. */
const SHARE = 0.2;
const EVERY_MS = 10_000;

/**
 * @typedef {object} Matter
 * @property {string} id
 * @property {string | null} at
 * @property {string} state
 * @property {string} href
 * @property {string} who
 * @property {string} text
 * @property {{ label: string, run: () => Promise<void> }[]} actions
 * @property {{ label: string, href: string }} [link] where it is mended, in place of an action
 */

/**
 * What the page's first sentence and its list have to know.
 * @typedef {object} Needs
 * @property {Matter[]} matters the worst first
 * @property {number} failed batches that failed in the last day, up to LOOKED_AT
 * @property {number} waiting batches that wait for an approval, up to LOOKED_AT
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
  const again = () => {
    batches.reload();
    deliveries.reload();
    clients.reload();
  };
  const needy = (batches.data?.items ?? []).filter(needsSomebody);
  const matters = [
    ...needy.map((batch) => matterOf(batch, again)),
    ...(faulty.data?.items ?? []).filter(isFaulty).map((batch) => matterOf(batch, again)),
    ...(deliveries.data?.items ?? []).map((delivery) => deliveryMatter(delivery, again)),
    ...(clients.data?.clients ?? []).map(clientMatter),
  ]
    .toSorted((a, b) => ranks.indexOf(a.state) - ranks.indexOf(b.state) || (b.at ?? "").localeCompare(a.at ?? ""))
    .filter(({ state }, index, all) => all.findIndex((one) => one.state === state) > index - MOST_OF_ONE)
    .slice(0, MOST);
  return {
    matters,
    failed: needy.filter(({ status, finishedAt }) => status === "failed" && isOfToday(finishedAt)).length,
    waiting: needy.filter(({ status }) => status === "held").length,
    problem: batches.problem ?? deliveries.problem,
    isLoading: batches.isLoading || deliveries.isLoading,
    again,
  };
}

/** The worst first. */
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

/** In the last day. @param {string | null} at */
const isOfToday = (at) => Date.parse(at ?? "") > Date.now() - DAY_MS;

/** A window and an order end by themselves. @param {OperatorBatch} batch */
const needsSomebody = ({ status, hold }) => status === "failed" || hold?.reason === "approval";

/** @param {any} batch */
const whose = ({ client, clientId, dataset }) => `${client?.clientIdentifier ?? clientId ?? "A client"} · ${dataset}`;

/** @param {OperatorBatch} batch @param {() => void} again @returns {Matter} */
function matterOf(batch, again) {
  const { id, status, createdAt, finishedAt, counts } = batch;
  const move =
    (
      /** @type {string} */ verb,
      /** @type {Omit<import("../ui/dialog.js").Question, "run" | "title"> & { done: string, withReason?: boolean }} */ {
        done,
        withReason,
        ...question
      },
    ) =>
    async () => {
      const isDone = await ask({
        ...question,
        title: `${question.action}?`,
        run: (reason) => post(`/admin/batches/${id}/${verb}`, withReason && reason ? { reason } : undefined),
      });
      if (!isDone) return;
      toast(done);
      again();
    };
  const basics = { id, state: status, who: whose(batch), href: href(`/batches/${id}`) };
  if (status === "failed")
    return {
      ...basics,
      at: finishedAt,
      text: batch.error ? `${batch.error.code}: ${batch.error.detail}` : "It failed.",
      actions: [
        {
          label: "Redrive",
          run: move("redrive", {
            action: "Redrive batch",
            consequence:
              "It goes on from its last chunk, with all of its attempts. What it has delivered is not delivered again.",
            done: "The batch is ready again.",
          }),
        },
      ],
    };
  if (status === "held")
    return {
      ...basics,
      at: createdAt,
      text: `Waits for approval: ${plural(counts.received, "record")}.`,
      actions: [
        {
          label: "Approve",
          run: move("approve", {
            action: "Approve batch",
            consequence: `${plural(counts.received, "record is", "records are")} delivered as soon as a worker is free.`,
            done: "The batch is approved.",
          }),
        },
        {
          label: "Reject",
          run: move("reject", {
            action: "Reject batch",
            consequence: "It ends, and nothing of it is delivered. Its partner sees the reason.",
            isDanger: true,
            reason: "optional",
            withReason: true,
            done: "The batch is rejected.",
          }),
        },
      ],
    };
  return {
    ...basics,
    at: finishedAt,
    text: `${percent(counts.rejected, counts.received)} rejected: ${count(counts.rejected)} of ${count(counts.received)} records.`,
    actions: [],
  };
}

/** @type {Record<Exclude<ClientNeed["kind"], "webhook">, (used: string, limit: string) => string>} */
const atLimit = {
  maxConcurrentBatches: (used) => `${used} of its batches run, as many as may; others wait for a place.`,
  recordsPerDay: (used, limit) => `${used} of the day's ${limit} records are used.`,
  bytesPerDay: (used, limit) => `${used} of the day's ${limit} are used.`,
};

/** @param {ClientNeed} need @returns {Matter} */
function clientMatter({ kind, client: { id, clientIdentifier }, used, limit, since }) {
  const basics = { id: `${kind} ${id}`, at: since, actions: [] };
  if (kind === "webhook") {
    const page = href(`/clients/${id}`, { tab: "webhook" });
    return {
      ...basics,
      state: "webhook_off",
      who: `Webhook of ${clientIdentifier}`,
      href: page,
      text: "Its receiver answered 410 (gone): nothing is sent to it any more.",
      ...(may("admin") && { link: { label: "Turn on again", href: page } }),
    };
  }
  const told = kind === "bytesPerDay" ? bytes : count;
  const page = href(`/clients/${id}`, { tab: "today" });
  return {
    ...basics,
    state: "at_limit",
    who: clientIdentifier,
    href: page,
    text: atLimit[kind](told(used), told(limit)),
    link: { label: "See its use", href: page },
  };
}

/** @param {any} delivery @param {() => void} again @returns {Matter} */
function deliveryMatter({ id, event, clientIdentifier, clientId, attempts = [], createdAt }, again) {
  const last = attempts.at(-1);
  return {
    id,
    at: last?.at ?? createdAt ?? null,
    state: "failed",
    who: `Webhook of ${clientIdentifier ?? clientId ?? "a client"}`,
    href: href(`/deliveries/${id}`),
    text: `${event}: ${last?.error ?? (last?.status ? `answered ${last.status}` : "given up")}`,
    actions: [
      {
        label: "Replay",
        run: async () => {
          const isDone = await ask({
            title: "Send this webhook again?",
            consequence: "The same document goes out again, with the same id.",
            action: "Replay",
            run: () => post(`/admin/deliveries/${id}/replay`),
          });
          if (!isDone) return;
          toast("The webhook is sent again.");
          again();
        },
      },
    ],
  };
}
