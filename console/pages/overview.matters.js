/** One entry of the list of what needs an operator: its text, and its actions. */
import { post } from "../api/client.js";
import { may } from "../api/session.js";
import { href } from "../state/router.js";
import { ask } from "../ui/dialog.js";
import { bytes, count, percent, plural } from "../ui/numbers.js";
import { toast } from "../ui/toast.js";

/** @import { ClientNeed, OperatorBatch } from "../types.d.ts" */

/**
 * @typedef {object} Matter
 * @property {string} id
 * @property {string | null} at
 * @property {string} state
 * @property {string} href
 * @property {string} who
 * @property {string} text
 * @property {{ label: string, run: () => Promise<void> }[]} actions
 * @property {{ label: string, href: string }} [link] the page where it can be mended, in place of an action
 */

/** @param {any} batch */
const whose = ({ client, clientId, dataset }) => `${client?.clientIdentifier ?? clientId ?? "A client"} · ${dataset}`;

/** @param {OperatorBatch} batch @param {() => void} again @returns {Matter} */
export function matterOf(batch, again) {
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
export function clientMatter({ kind, client: { id, clientIdentifier }, used, limit, since }) {
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
export function deliveryMatter({ id, event, clientIdentifier, clientId, attempts = [], createdAt }, again) {
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
