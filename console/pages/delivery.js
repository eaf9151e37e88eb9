/** One delivery, as operators see it. */
import { may } from "../api/session.js";
import { DeliveryParts, eventWords, Replay } from "../delivery/parts.js";
import { useQuery } from "../state/live.js";
import { ShortId } from "../ui/copy.js";
import { Loading } from "../ui/empty.js";
import { ErrorBox } from "../ui/error-box.js";
import { html } from "../ui/html.js";
import { Page } from "../ui/page.js";
import { State } from "../ui/states.js";
import { Time } from "../ui/time.js";

/** @import { PageProps, WholeDelivery } from "../types.d.ts" */

/** @param {PageProps} props */
export default function DeliveryPage({ params }) {
  const found = useQuery(`/admin/deliveries/${params.id}`, { topics: ["deliveries"], everyMs: 3_000 });
  const delivery = /** @type {WholeDelivery | null} */ (found.data);
  const title = delivery ? `Delivery: ${eventWords[delivery.event] ?? delivery.event}` : "Delivery";
  return html`<${Page} title=${title} crumbs=${[["#/deliveries", "Deliveries"]]}
    badge=${delivery && html`<${State} of=${delivery.status} />`}
    actions=${delivery && may("operator") && html`<${Replay} delivery=${delivery} side="operator" onDone=${found.reload} />`}
    lead=${
      delivery &&
      html`<${ShortId} id=${delivery.id} /> of <a href=${`#/clients/${delivery.clientId}`}>${delivery.clientIdentifier}</a>, batch${" "}
      <${ShortId} id=${delivery.batchId} href=${`#/batches/${delivery.batchId}`} />, made <${Time} at=${delivery.createdAt} />`
    }>
    <${ErrorBox} problem=${found.problem} title="This could not be read." onRetry=${found.reload} />
    ${found.isLoading && html`<${Loading} label="Loading the delivery" />`}
    ${delivery && html`<${DeliveryParts} delivery=${delivery} />`}
  </${Page}>`;
}
