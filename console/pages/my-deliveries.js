/** A partner's deliveries: what was sent to its webhook, and what the receiver answered. */
import { deliveryColumns, deliveryFilters } from "../delivery/parts.js";
import { useList } from "../state/list.js";
import { useQuery } from "../state/live.js";
import { Empty } from "../ui/empty.js";
import { FilterBar } from "../ui/filter-bar.js";
import { html } from "../ui/html.js";
import { Page } from "../ui/page.js";
import { Table } from "../ui/table.js";

/** @import { PageProps } from "../types.d.ts" */

/** @param {PageProps} props */
export default function MyDeliveries({ query }) {
  const list = useList("/deliveries", { query, topics: ["deliveries"] });
  const account = useQuery("/account");
  const columns = deliveryColumns({ side: "partner", mayReplay: true, reload: list.reload });
  const isFiltered = Object.keys(query).length > 0;
  const hasNone = account.data && account.data.webhook === null;
  return html`<${Page} title="Deliveries" lead="What was sent to your webhook: each is tried again until your receiver accepts it, or its time is over.">
    <${FilterBar} filters=${deliveryFilters} />
    <${Table} caption="Deliveries" columns=${columns} list=${list} hrefOf=${(/** @type {any} */ { id }) => `#/deliveries/${id}`}
      empty=${
        isFiltered
          ? html`<${Empty} title="No delivery is like this." icon="deliveries"><p><a href="#/deliveries">Show all</a></p></${Empty}>`
          : html`<${Empty} title=${hasNone ? "You have no webhook." : "Nothing was sent yet."} icon="deliveries">
            <p>${hasNone ? "With a webhook, your program is told when a batch has ended. Ask the operator to set it up." : "Your webhook gets an event when a batch ends."} <a href="#/developers">How to receive and verify</a></p></${Empty}>`
      } />
  </${Page}>`;
}
