/** Deliveries: what was sent to partners' webhooks, what the receivers answered, and how to send it again. */
import { signal } from "@preact/signals";
import { post } from "../api/client.js";
import { may } from "../api/session.js";
import { deliveryColumns, deliveryFilters } from "../delivery/parts.js";
import { useList } from "../state/list.js";
import { ask } from "../ui/dialog.js";
import { Empty } from "../ui/empty.js";
import { fieldOf } from "../ui/fields.js";
import { FilterBar } from "../ui/filter-bar.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { plural } from "../ui/numbers.js";
import { Page } from "../ui/page.js";
import { Table } from "../ui/table.js";
import { toast } from "../ui/toast.js";

/** @import { PageProps } from "../types.d.ts" */

/** @type {import("../ui/filter-bar.js").Filter[]} */
const filters = [{ name: "client", label: "Client", hint: "identifier or id" }, ...deliveryFilters];

/** The fields of the dialog. */
const draft = signal({ client: "", hours: "24" });

/** @type {[hours: string, label: string][]} */
const spans = [
  ["1", "the last hour"],
  ["24", "the last day"],
  ["168", "the last 7 days"],
  ["720", "the last 30 days"],
];

function Asked() {
  const { client, hours } = draft.value;
  const edit = (/** @type {Partial<typeof draft.value>} */ change) => {
    draft.value = { ...draft.peek(), ...change };
  };
  return html`<div class="stack">
    <label class="field"><span>Client</span><input type="text" required autocomplete="off" spellcheck=${false} value=${client} onInput=${(/** @type {Event} */ event) => edit({ client: fieldOf(event).value })} />
      <span class="help">Its identifier or id</span></label>
    <label class="field"><span>Failed in</span><select value=${hours} onChange=${(/** @type {Event} */ event) => edit({ hours: fieldOf(event).value })}>
      ${spans.map(([value, label]) => html`<option key=${value} value=${value}>${label}</option>`)}</select></label>
  </div>`;
}

/** Sends failed deliveries again. A dry run first tells how many. @param {string} client @param {() => void} reload */
async function replayFailed(client, reload) {
  draft.value = { client, hours: "24" };
  /** @type {any} */
  let found;
  const wanted = () => ({
    client: draft.peek().client.trim(),
    status: "failed",
    since: new Date(Date.now() - Number(draft.peek().hours) * 3_600_000).toISOString(),
  });
  const isAsked = await ask({
    title: "Send failed webhooks of a client again",
    consequence: "The next step tells how many there are. Nothing is sent before that.",
    action: "Look",
    extra: html`<${Asked} />`,
    run: async () => {
      found = await post("/admin/deliveries/replay", { ...wanted(), dryRun: true });
    },
  });
  if (!isAsked) return;
  if (found.matched === 0) return toast(`No webhook of ${draft.peek().client} has failed then.`, "plain");
  const isDone = await ask({
    title: `Send ${found.isMore ? "the oldest " : ""}${plural(found.matched, "webhook")} again?`,
    consequence: html`They go to <code>${found.examples[0]?.url}</code>, the oldest first.${found.isMore ? html` <strong>More have failed than are sent at once.</strong> The rest waits until you ask again.` : ""}`,
    action: "Send again",
    count: found.matched,
    run: async () => {
      found = await post("/admin/deliveries/replay", wanted());
    },
  });
  if (!isDone) return;
  toast(
    `${plural(found.done, "webhook is on its way", "webhooks are on their way")}.${found.isMore ? " More have failed: send failed ones again for the rest." : ""}`,
  );
  reload();
}

/** @param {PageProps} props */
export default function Deliveries({ query }) {
  const list = useList("/admin/deliveries", { query, topics: ["deliveries"] });
  const columns = deliveryColumns({ side: "operator", mayReplay: may("operator"), reload: list.reload });
  const actions =
    may("operator") &&
    html`<button type="button" class="button" onClick=${() => replayFailed(query.client ?? "", list.reload)}><${Icon} name="retry" />Send failed ones again</button>`;
  const isAny = Object.keys(query).length > 0;
  return html`<${Page} title="Deliveries" actions=${actions} lead="Webhooks to partners: each is sent until its receiver accepts it, or its time is over.">
    <${FilterBar} filters=${filters} />
    <${Table} caption="Deliveries" columns=${columns} list=${list} hrefOf=${(/** @type {any} */ { id }) => `#/deliveries/${id}`}
      empty=${
        isAny
          ? html`<${Empty} title="No delivery is like this." icon="deliveries"><p><a href="#/deliveries">Show all</a></p></${Empty}>`
          : html`<${Empty} title="Nothing was sent yet." icon="deliveries"><p>A client with a webhook in its policy gets an event when a batch ends. <a href="#/clients">Clients</a></p></${Empty}>`
      } />
  </${Page}>`;
}
