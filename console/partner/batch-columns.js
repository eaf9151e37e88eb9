/** The columns of a list of a partner's batches. */
import { ShortId } from "../ui/copy.js";
import { html } from "../ui/html.js";
import { bytes, count } from "../ui/numbers.js";
import { State } from "../ui/states.js";
import { Time } from "../ui/time.js";
import { leftOf } from "./moves.js";

/** @import { Batch } from "../types.d.ts" */

/** @type {import("../ui/table.js").Column<Batch>[]} */
export const batchColumns = [
  { key: "status", title: "State", render: ({ status }) => html`<${State} of=${status} />` },
  {
    key: "id",
    title: "Batch",
    hides: "last",
    render: ({ id }) => html`<${ShortId} id=${id} href=${`#/batches/${id}`} />`,
  },
  {
    key: "dataset",
    title: "Dataset",
    isWide: true,
    render: ({ id, dataset, corrects, retryOf }) =>
      html`<a href=${`#/batches/${id}`}>${dataset}</a>${(corrects || retryOf) && html` <span class="quiet">mended rows</span>`}`,
  },
  { key: "received", title: "Rows", align: "right", render: ({ counts }) => count(counts.received) },
  {
    key: "accepted",
    title: "Imported",
    align: "right",
    hides: "last",
    render: ({ counts, status }) =>
      status === "validated" ? html`<span class="quiet">–</span>` : count(counts.accepted),
  },
  {
    key: "rejected",
    title: "Rejected",
    align: "right",
    render: (batch) =>
      leftOf(batch) > 0 ? html`<b class="bad-text">${count(leftOf(batch))}</b>` : count(leftOf(batch)),
  },
  { key: "size", title: "Size", align: "right", hides: "first", render: (batch) => bytes(batch.bytes) },
  { key: "created", title: "Sent", render: ({ createdAt }) => html`<${Time} at=${createdAt} />` },
];
