/** Webhooks about a batch: each delivery with its attempts. */
import { useList } from "../state/list.js";
import { Empty } from "../ui/empty.js";
import { html } from "../ui/html.js";
import { count, duration } from "../ui/numbers.js";
import { State } from "../ui/states.js";
import { Table } from "../ui/table.js";
import { Time } from "../ui/time.js";

/** @import { Delivery } from "../types.d.ts" */

/** @typedef {Pick<Delivery, "id" | "event" | "status" | "nextAt" | "createdAt" | "url" | "attempts">} Shown */

/** @type {import("../ui/table.js").Column<Shown>[]} */
const columns = [
  { key: "status", title: "State", render: ({ status }) => html`<${State} of=${status} />` },
  { key: "event", title: "Event", render: ({ event }) => html`<code>${event}</code>` },
  {
    key: "url",
    title: "Sent to",
    isWide: true,
    render: ({ url }) => url ?? html`<span class="quiet">no webhook any more</span>`,
  },
  { key: "attempts", title: "Attempts", align: "right", render: ({ attempts }) => count(attempts.length) },
  {
    key: "next",
    title: "Next",
    hides: "first",
    render: ({ nextAt }) => (nextAt ? html`<${Time} at=${nextAt} />` : html`<span class="quiet">–</span>`),
  },
  { key: "created", title: "Created", hides: "first", render: ({ createdAt }) => html`<${Time} at=${createdAt} />` },
];

/** @type {import("../ui/table.js").Column<Shown["attempts"][number]>[]} */
const attemptColumns = [
  { key: "at", title: "When", render: ({ at }) => html`<${Time} at=${at} />` },
  { key: "status", title: "Answer", render: ({ status }) => status ?? html`<span class="quiet">none</span>` },
  { key: "error", title: "Error", isWide: true, render: ({ error }) => error ?? html`<span class="quiet">–</span>` },
  { key: "ms", title: "Took", align: "right", render: ({ ms }) => duration(ms) },
];

/** @param {Shown} delivery */
const moreOf = ({ attempts }) =>
  attempts.length > 0 &&
  html`<${Table} caption="Attempts" columns=${attemptColumns} list=${{ items: attempts }} keyOf=${(/** @type {{ at: string }} */ { at }) => at} />`;

/**
 * @param {object} props
 * @param {string} props.path `/deliveries` or `/admin/deliveries`
 * @param {string} props.batchId
 * @param {(delivery: Shown) => string} [props.hrefOf]
 */
export function Deliveries({ path, batchId, hrefOf }) {
  const list = useList(path, { query: { batch: batchId }, topics: ["deliveries"], everyMs: 5_000 });
  return html`<${Table} caption="Deliveries of this batch" columns=${columns} list=${list} hrefOf=${hrefOf} moreOf=${moreOf}
    empty=${html`<${Empty} title="No webhook was sent for this batch." icon="deliveries"><p>A policy with a <code>webhook</code> tells its receiver when a batch ends.</p></${Empty}>`} />`;
}
