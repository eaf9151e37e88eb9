/** One batch, as operators see it: its result and the reasons, and what can be done. */
import { useEffect, useRef } from "preact/hooks";
import { isResting } from "../api/stream.js";
import { Actions } from "../batch/actions.js";
import { Chain } from "../batch/chain.js";
import { Deliveries } from "../batch/deliveries.js";
import { Errors } from "../batch/errors.js";
import { Facts } from "../batch/facts.js";
import { BatchHead } from "../batch/head.js";
import { CopyMenu, Downloads } from "../batch/menus.js";
import { Preview } from "../batch/preview.js";
import { Records } from "../batch/records.js";
import { storyOf, withTheEnd } from "../batch/story.js";
import { useQuery } from "../state/live.js";
import { href } from "../state/router.js";
import { ShortId, shortOf } from "../ui/copy.js";
import { Empty, Loading } from "../ui/empty.js";
import { ErrorBox } from "../ui/error-box.js";
import { html } from "../ui/html.js";
import { count } from "../ui/numbers.js";
import { Page, Section } from "../ui/page.js";
import { State } from "../ui/states.js";
import { Tabs } from "../ui/tabs.js";
import { Timeline } from "../ui/timeline.js";
import { AuditOf } from "./audit.js";

/** @import { ErrorGroup, HistoryEntry, PageProps, Query, WholeBatch } from "../types.d.ts" */

/** While the batch runs, the data that events do not carry is read again this often. */
const AGAIN_MS = 5_000;

/** @param {string} id */
const hrefOf = (id) => href(`/batches/${id}`);

/** @param {PageProps} props */
export default function BatchPage({ params: { id = "" }, query }) {
  const base = `/admin/batches/${id}`;
  /** @type {import("../state/live.js").Found<WholeBatch>} */
  const { data, problem, at, reload } = useQuery(base, {
    topics: [`batch:${id}`],
    // An event carries what changes while a batch runs. All else stays until it is read again.
    onEvent: (name, news, old) => (name === "batch" && news?.id === id && old ? { ...old, ...news } : undefined),
  });
  useReadAgain(data?.status, reload);
  if (problem?.status === 404) return html`<${NotThere} id=${id} />`;
  if (!data)
    return html`<${Page} title="Batch" crumbs=${crumbs}>${problem ? html`<${ErrorBox} problem=${problem} title="The batch could not be read." onRetry=${reload} />` : html`<${Loading} label="Loading the batch" />`}</${Page}>`;
  return html`<${Shown} base=${base} batch=${data} at=${at} query=${query} reload=${reload} problem=${problem} />`;
}

/** @type {[string, string][]} */
const crumbs = [["#/batches", "Batches"]];

/**
 * Some data comes only by reading (the run, the batches made from this one). It is read when the state changes, and regularly
 * while the batch runs.
 */
/** @param {string | undefined} status @param {() => void} reload */
function useReadAgain(status, reload) {
  const last = useRef(status);
  useEffect(() => {
    if (last.current !== undefined && last.current !== status) reload();
    last.current = status;
    if (status !== "processing" && status !== "undoing") return;
    const timer = setInterval(() => {
      if (document.visibilityState === "visible" && !isResting()) reload();
    }, AGAIN_MS);
    return () => clearInterval(timer);
  }, [status]);
}

/** @param {{ id: string }} props */
function NotThere({ id }) {
  return html`<${Page} title="This batch is not here" crumbs=${crumbs}>
    <${Empty} title=${`There is no batch ${id}.`} icon="search"><p>It may have been deleted at the end of its retention. The <a href=${href("/audit", { subject: id })}>audit</a> keeps what was done with it.</p></${Empty}>
  </${Page}>`;
}

/** @typedef {{ base: string, batch: WholeBatch, at: number, query: Query, reload: () => void, problem: any }} Props */

/** @param {Props} props */
function Shown({ base, batch, at, query, reload, problem }) {
  const { id, status, client, dataset, run, waits, waitsUntil, children } = batch;
  const lead = html`${client ? html`<a href=${href(`/clients/${client.id}`)}>${client.name}</a>` : "a client that is gone"} · <a href=${href("/batches", { dataset })}>${dataset}</a> · <${ShortId} id=${id} />`;
  const actions = html`<${Actions} batch=${batch} onDone=${reload} /><${Downloads} base=${base} batch=${batch} /><${CopyMenu} base=${base} side="operator" />`;
  return html`<${Page} title=${`Batch ${shortOf(id)}`} crumbs=${crumbs} lead=${lead} badge=${html`<${State} of=${status} />`} actions=${actions}>
    <${ErrorBox} problem=${problem} title="This could not be read again." onRetry=${reload} />
    <${BatchHead} batch=${batch} at=${at} phase=${run?.phase} waits=${waits} waitsUntil=${waitsUntil} hrefOf=${hrefOf}>
      <${Chain} batch=${batch} children=${children} hrefOf=${hrefOf} />
    </${BatchHead}>
    <div class="batch-columns">
      <div class="card"><${Details} base=${base} batch=${batch} query=${query} /></div>
      <div class="stack"><${Story} base=${base} batch=${batch} /><${Section} title="Facts"><${Facts} batch=${batch} /></${Section}></div>
    </div>
  </${Page}>`;
}

/** @param {{ base: string, batch: WholeBatch, query: Query }} props */
function Details({ base, batch, query }) {
  const { id, counts } = batch;
  const groupHref = (/** @type {ErrorGroup} */ { field, code }) => href(`/batches/${id}`, { field, code });
  return html`<${Tabs} label="Parts of the batch" tabs=${[
    {
      name: "errors",
      title: "Errors",
      more: count(counts.rejected),
      render: () => html`<${Errors} base=${base} batch=${batch} query=${query} hrefOf=${groupHref} />`,
    },
    {
      name: "records",
      title: "Records",
      more: count(counts.accepted),
      render: () => html`<${Records} base=${base} batch=${batch} />`,
    },
    { name: "preview", title: "Preview", render: () => html`<${Preview} base=${base} />` },
    {
      name: "deliveries",
      title: "Deliveries",
      render: () => html`<${Deliveries} path="/admin/deliveries" batchId=${id} hrefOf=${deliveryHref} />`,
    },
    { name: "audit", title: "Audit", render: () => html`<${AuditOf} subject=${id} />` },
    {
      name: "raw",
      title: "Raw JSON",
      render: () => html`<pre class="raw-json" tabindex="0">${JSON.stringify(batch, null, 2)}</pre>`,
    },
  ]} />`;
}

/** @param {{ id: string }} delivery */
const deliveryHref = ({ id }) => href(`/deliveries/${id}`);

/** @param {{ base: string, batch: WholeBatch }} props */
function Story({ base, batch }) {
  /** @type {import("../state/live.js").Found<{ items: HistoryEntry[], truncated: boolean }>} */
  const { data, problem, reload } = useQuery(`${base}/history`, {
    query: {},
    topics: batch.finishedAt === null || batch.status === "undoing" ? [`batch:${batch.id}`] : [],
    everyMs: 4_000,
  });
  const last = useRef(batch.status);
  useEffect(() => {
    if (last.current !== batch.status) reload();
    last.current = batch.status;
  }, [batch.status]);
  return html`<${Section} title="What happened">
    ${problem && !data && html`<${ErrorBox} problem=${problem} title="The history could not be read." onRetry=${reload} />`}
    ${!problem && !data && html`<${Loading} label="Loading the history" />`}
    ${data && html`<${Timeline} label="What happened" entries=${withTheEnd(storyOf(data.items), batch, batch.waits)} />`}
    ${data?.truncated && html`<p class="quiet">Entries in between are missing: the first 50 and the last 50 are kept.</p>`}
  </${Section}>`;
}
