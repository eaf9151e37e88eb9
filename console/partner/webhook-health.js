/** Says whether a partner's webhook receives its deliveries. */
import { useQuery } from "../state/live.js";
import { ErrorBox } from "../ui/error-box.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { count, plural } from "../ui/numbers.js";
import { Section } from "../ui/page.js";
import { Time } from "../ui/time.js";

/** @import { Account, Delivery } from "../types.d.ts" */

const LOOKED_AT = 50;

/** @param {{ account: Account }} props */
export function WebhookHealth({ account: { webhook } }) {
  const found = useQuery(webhook ? "/deliveries" : null, {
    query: { limit: LOOKED_AT },
    topics: ["deliveries"],
    everyMs: 5_000,
  });
  if (!webhook)
    return html`<${Section} title="Your webhook"><p>None is set up. With one, your program is told when a batch has ended. Ask the operator for it.</p></${Section}>`;
  /** @type {Delivery[]} */
  const items = found.data?.items ?? [];
  return html`<${Section} title="Your webhook" actions=${html`<a href="#/deliveries">Deliveries</a>`}>
    <${ErrorBox} problem=${found.problem} title="Its deliveries could not be read." onRetry=${found.reload} />
    <div class="stack"><p class="mono">${webhook.url}</p>${found.data && html`<${Health} items=${items} />`}</div>
  </${Section}>`;
}

/** @param {{ items: Delivery[] }} props */
function Health({ items }) {
  const failed = items.filter(({ status }) => status === "failed");
  const late = items.filter(({ status, attempts }) => status === "pending" && attempts.length > 0);
  const last = items.find(({ status }) => status === "delivered");
  const lastError = [...late, ...failed][0]?.attempts.at(-1)?.error;
  if (items.length === 0) return html`<p class="quiet">Nothing was sent to it yet.</p>`;
  if (failed.length === 0 && late.length === 0)
    return html`<p class="state good"><${Icon} name="check" />receives all</p><p class="quiet">The last one <${Time} at=${last?.createdAt} />.</p>`;
  return html`<p class="state bad"><${Icon} name="error" />does not receive all</p>
    <p>${late.length > 0 && html`<a href="#/deliveries?status=pending">${plural(late.length, "delivery is", "deliveries are")} tried again</a>. `}
      ${failed.length > 0 && html`<a href="#/deliveries?status=failed">${count(failed.length)} of the last ${count(items.length)} failed</a>; they can be sent again.`}</p>
    ${lastError && html`<p class="quiet">Your receiver said: ${lastError}</p>`}`;
}
