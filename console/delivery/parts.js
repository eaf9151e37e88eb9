/** Deliveries, as operators and partners see them: words, columns, and sending again. */

import { post } from "../api/client.js";
import { ShortId } from "../ui/copy.js";
import { ask } from "../ui/dialog.js";
import { parseExact } from "../ui/exact-json.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { plural } from "../ui/numbers.js";
import { State } from "../ui/states.js";
import { Time } from "../ui/time.js";
import { toast } from "../ui/toast.js";

/** @import { Delivery } from "../types.d.ts" */

/** @type {Record<string, string>} */
export const eventWords = {
  "batch.created": "batch taken",
  "batch.ready": "batch ready",
  "batch.validated": "check ended",
  "batch.held": "batch held",
  "batch.completed": "batch ended",
  "batch.undone": "batch taken back",
};

/** @type {import("../ui/filter-bar.js").Filter[]} */
export const deliveryFilters = [
  {
    name: "status",
    label: "State",
    kind: "choice",
    options: ["pending", "delivered", "failed"].map((value) => ({ value, label: value })),
  },
  {
    name: "event",
    label: "Event",
    kind: "choice",
    options: Object.entries(eventWords).map(([value, label]) => ({ value, label: `${label} (${value})` })),
  },
  { name: "batch", label: "Batch", hint: "id of a batch" },
  { name: "from", label: "Made from", kind: "time" },
  { name: "to", label: "Made until", kind: "time" },
];

/** @param {Delivery} delivery what the receiver said last */
export function lastOf({ attempts }) {
  const last = attempts.at(-1);
  if (!last) return html`<span class="quiet">not sent yet</span>`;
  return html`<span class="cut" title=${last.error ?? ""}>${last.status ?? "no answer"}${last.error && last.status === null ? html` <span class="quiet">${last.error}</span>` : ""}</span>`;
}

/**
 * @param {{ side: "operator" | "partner", mayReplay: boolean, reload: () => void }} options
 * @returns {import("../ui/table.js").Column<Delivery>[]}
 */
export const deliveryColumns = ({ side, mayReplay, reload }) => [
  { key: "status", title: "State", render: ({ status }) => html`<${State} of=${status} />` },
  {
    key: "event",
    title: "Event",
    render: ({ id, event }) => html`<a href=${`#/deliveries/${id}`}>${eventWords[event] ?? event}</a>`,
  },
  ...(side === "operator"
    ? [
        {
          key: "client",
          title: "Client",
          /** @param {Delivery} delivery */
          render: ({ clientId, clientIdentifier }) => html`<a href=${`#/clients/${clientId}`}>${clientIdentifier}</a>`,
        },
      ]
    : []),
  {
    key: "batch",
    title: "Batch",
    hides: "first",
    render: ({ batchId }) => html`<${ShortId} id=${batchId} href=${`#/batches/${batchId}`} />`,
  },
  { key: "attempts", title: "Attempts", align: "right", hides: "last", render: ({ attempts }) => attempts.length },
  { key: "last", title: "Last answer", isWide: true, render: lastOf },
  {
    key: "next",
    title: "Next",
    hides: "first",
    render: ({ nextAt }) => (nextAt ? html`<${Time} at=${nextAt} />` : html`<span class="quiet">–</span>`),
  },
  { key: "made", title: "Made", render: ({ createdAt }) => html`<${Time} at=${createdAt} />` },
  {
    key: "act",
    title: html`<span class="offscreen">Actions</span>`,
    align: "right",
    render: (delivery) =>
      mayReplay &&
      delivery.status === "failed" &&
      html`<${Replay} delivery=${delivery} side=${side} onDone=${reload} />`,
  },
];

/** @param {{ delivery: Delivery, side: "operator" | "partner", onDone: () => void }} props */
export function Replay({ delivery, side, onDone }) {
  const press = async () => {
    const isDone = await ask({
      title: "Send this again?",
      consequence:
        delivery.status === "delivered"
          ? "The receiver has accepted it before, and gets it once more with the same webhook-id."
          : "It is sent now, and again as often as a new one if that fails.",
      action: "Send again",
      run: () => post(`${side === "operator" ? "/admin" : ""}/deliveries/${delivery.id}/replay`),
    });
    if (!isDone) return;
    toast("It is on its way.");
    onDone();
  };
  return html`<button type="button" class="button small" onClick=${press}><${Icon} name="retry" />Send again</button>`;
}

/**
 * One delivery: its attempts, and the document that is sent.
 * @param {{ delivery: Delivery & { body: string, headers: Record<string, string | null> } }} props
 */
export function DeliveryParts({ delivery: { attempts, body, headers, url, nextAt } }) {
  return html`<section class="card" aria-label="Attempts">
      <header class="card-head"><h2>${plural(attempts.length, "attempt")}</h2></header>
      ${nextAt && html`<p class="quiet">The next one is <${Time} at=${nextAt} />.</p>`}
      ${
        attempts.length > 0 &&
        html`<div class="table-box"><div class="table-scroll" role="group" aria-label="Attempts" tabindex="0"><table><caption class="offscreen">Attempts</caption>
        <thead><tr><th scope="col">When</th><th scope="col">Answer</th><th scope="col">Said</th><th scope="col" class="right">Took</th></tr></thead>
        <tbody>${attempts.map(
          ({ at, status, error, ms }) => html`<tr key=${at}><td><${Time} at=${at} isExact /></td>
            <td><span class=${`state ${status !== null && status < 300 ? "good" : "bad"}`}><${Icon} name=${status !== null && status < 300 ? "check" : "cross"} />${status ?? "none"}</span></td>
            <td class="wide">${error ?? ""}</td><td class="right">${Math.round(ms)} ms</td></tr>`,
        )}</tbody></table></div></div>`
      }
    </section>
    <section class="card" aria-label="What is sent">
      <header class="card-head"><h2>What is sent</h2></header>
      <div class="stack"><p class="mono">POST ${url ?? html`<span class="quiet">nowhere: the policy names no webhook now</span>`}</p>
      <dl class="facts mono">${Object.entries(headers).map(
        ([name, value]) =>
          html`<dt>${name}</dt><dd>${value ?? html`<span class="quiet">made for each sending</span>`}</dd>`,
      )}</dl>
      <pre class="document" tabindex="0" role="region" aria-label="The document">${pretty(body)}</pre>
      <p class="quiet">It is sent without these line breaks. The signature is over its bytes: <a href="docs#tag/Webhooks">how to verify it</a>.</p></div>
    </section>`;
}

/** @param {string} text */
function pretty(text) {
  try {
    return JSON.stringify(parseExact(text), null, 2);
  } catch {
    return text;
  }
}
