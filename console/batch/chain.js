/** Links to the batch that a batch came from, and to the batches that were made from its rejected records. */

import { ShortId } from "../ui/copy.js";
import { html } from "../ui/html.js";
import { State } from "../ui/states.js";

/** @import { Batch, WholeBatch } from "../types.d.ts" */

/**
 * @param {object} props
 * @param {Batch} props.batch
 * @param {WholeBatch["children"]} [props.children]
 * @param {(id: string) => string} props.hrefOf
 */
export function Chain({ batch, children: made = [], hrefOf }) {
  const { retryOf, corrects, id, status } = batch;
  if (!retryOf && !corrects && made.length === 0) return null;
  const parent = corrects ?? retryOf;
  return html`<ol class="chain" aria-label="Batches of the same records">
    ${parent && html`<li><span class="quiet">rejected records of</span> <${ShortId} id=${parent} href=${hrefOf(parent)} /></li>`}
    <li class="here"><span class="quiet">${corrects ? "corrected as" : retryOf ? "sent again as" : "this batch"}</span> <${ShortId} id=${id} /> <${State} of=${status} /></li>
    ${made.map((child) => html`<li key=${child.id}><span class="quiet">${child.kind === "correction" ? "corrected by" : "sent again as"}</span> <${ShortId} id=${child.id} href=${hrefOf(child.id)} /> <${State} of=${child.status} /></li>`)}
  </ol>`;
}
