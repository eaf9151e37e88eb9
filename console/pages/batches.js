/** The batches of all partners. Operators filter them, and move one or many. */

import { signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { may } from "../api/session.js";
import { Bulk, BulkResult } from "../batch/bulk.js";
import { StateCounts } from "../batch/counts.js";
import { DropFile } from "../batch/drop.js";
import { ColumnMenu, columnsShown, filters } from "../batch/list.js";
import { useList } from "../state/list.js";
import { href, setQuery } from "../state/router.js";
import { Empty } from "../ui/empty.js";
import { FilterBar } from "../ui/filter-bar.js";
import { html } from "../ui/html.js";
import { Page } from "../ui/page.js";
import { Table } from "../ui/table.js";

/** @import { ListedBatch, PageProps, Query } from "../types.d.ts" */

const AT_ONCE = 50;

/** @param {PageProps} props */
export default function Batches({ query }) {
  const { order, ...filter } = query;
  const list = useList("/admin/batches", { query: { ...query, limit: AT_ONCE }, topics: ["batches"] });
  const selected = useMemo(() => signal(/** @type {Set<string>} */ (new Set())), []);
  // The selection belongs to the shown list, so another filter clears it.
  const key = JSON.stringify(filter);
  useEffect(() => {
    selected.value = new Set();
  }, [key]);
  return html`<${Page} title="Batches">
    <${StateCounts} query=${query} />
    <${FilterBar} filters=${filters}><${ColumnMenu} /><${DropFile} /></${FilterBar}>
    ${may("operator") && html`<${Bulk} selected=${selected} filter=${filter} onDone=${list.reload} />`}
    <div class="card flush"><${Table} caption="Batches" columns=${columnsShown()} list=${list} hrefOf=${(/** @type {ListedBatch} */ { id }) => href(`/batches/${id}`)}
      selected=${may("operator") ? selected : undefined} order=${order ?? ""} onOrder=${(/** @type {string} */ next) => setQuery({ order: next })}
      empty=${html`<${Nothing} filter=${filter} list=${list} />`} /></div>
    <${BulkResult} />
  </${Page}>`;
}

/** @param {{ filter: Query, list: import("../state/list.js").FoundList<ListedBatch> }} props */
function Nothing({ filter, list }) {
  // The API searches only the newest batches, so there may be older matches.
  if (list.hasMore)
    return html`<${Empty} title="None among the newest batches." icon="search"><p>There may be some further back. <button type="button" class="button small" onClick=${list.more} aria-busy=${list.isLoadingMore}>Look further</button> or name a time.</p></${Empty}>`;
  if (Object.keys(filter).length > 0)
    return html`<${Empty} title="No batch is like that." icon="search"><p>With fewer filters there may be more. <a href="#/batches">Show all</a></p></${Empty}>`;
  return html`<${Empty} title="No batch yet." icon="batches"><p>Batches appear here when a partner sends a file. <a href="#/clients">Let a client in</a></p></${Empty}>`;
}
