/** The list of clients: who sends records, whether they may, and when they last did. */
import { useEffect, useState } from "preact/hooks";
import { may } from "../api/session.js";
import { useList } from "../state/list.js";
import { address, setQuery } from "../state/router.js";
import { Empty } from "../ui/empty.js";
import { fieldOf } from "../ui/fields.js";
import { FilterBar } from "../ui/filter-bar.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { Page } from "../ui/page.js";
import { Table } from "../ui/table.js";
import { Time } from "../ui/time.js";
import { ClientState } from "./client.parts.js";
import { createClient } from "./clients.new.js";
import { UseBar } from "./clients.use.js";

/** @import { ListedClient, PageProps } from "../types.d.ts" */

/** @type {import("../ui/filter-bar.js").Filter[]} */
const filters = [
  {
    name: "status",
    label: "State",
    kind: "choice",
    options: [
      { value: "active", label: "active" },
      { value: "disabled", label: "disabled" },
    ],
  },
];

/** @type {import("../ui/table.js").Column<ListedClient>[]} */
const columns = [
  {
    key: "client",
    title: "Client",
    isWide: true,
    render: ({ id, name, clientIdentifier }) =>
      html`<a href=${`#/clients/${id}`}>${name}</a> <span class="under quiet mono">${clientIdentifier}</span>`,
  },
  { key: "use", title: "Use of its limits", render: ({ use }) => html`<${UseBar} of=${use} />` },
  { key: "state", title: "State", render: (client) => html`<${ClientState} of=${client} />` },
  {
    key: "last",
    title: "Last batch",
    render: ({ id, lastBatchAt }) =>
      lastBatchAt
        ? html`<a class="quiet-link" href=${`#/batches?client=${id}`} aria-label="Its batches"><${Icon} name="batches" /></a> <${Time} at=${lastBatchAt} />`
        : html`<span class="quiet">none yet</span>`,
  },
  {
    key: "policy",
    title: "Policy",
    hides: "last",
    render: ({ id, policyVersion }) =>
      html`<a href=${`#/clients/${id}?tab=policy`}>${policyVersion === 0 ? "defaults" : `version ${policyVersion}`}</a>`,
  },
  { key: "created", title: "Since", hides: "first", render: ({ createdAt }) => html`<${Time} at=${createdAt} />` },
];

const REST_MS = 250;

/** The search field. The address's `q` follows when a person stops typing. */
function Search() {
  const { q = "" } = address.value.query;
  const [text, setText] = useState(q);
  useEffect(() => setText(q), [q]);
  useEffect(() => {
    if (text.trim() === q) return;
    const timer = setTimeout(() => setQuery({ q: text.trim() }, { replace: true }), REST_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return html`<input type="search" class="find" aria-label="Find a client by identifier or name" placeholder="Identifier or name" autocomplete="off" spellcheck=${false} maxlength="100"
    value=${text} onInput=${(/** @type {Event} */ event) => setText(fieldOf(event).value)} />`;
}

/** @param {PageProps} props */
export default function Clients({ query: { q, status } }) {
  const list = useList("/admin/clients", { query: { q, status }, topics: ["batches"], everyMs: 5_000 });
  const isFiltered = Boolean(q || status);
  const makes =
    may("admin") &&
    html`<button type="button" class="button primary" onClick=${createClient}><${Icon} name="plus" />New client</button>`;
  const empty = isFiltered
    ? html`<${Empty} title="No client is like that." icon="search"><p>An identifier is found by its beginning, a name by any part. <a href="#/clients">Show all clients</a></p></${Empty}>`
    : html`<${Empty} title="No client yet." icon="clients"><p>A client is a partner who sends records. ${may("admin") ? "Make the first one: you get its secret, and a command that sends a file." : "An admin makes the first one."}</p>${makes}</${Empty}>`;
  return html`<${Page} title="Clients" actions=${makes} lead="Partners who send records, the newest first.">
    <div class="row"><${Search} /><${FilterBar} filters=${filters} /></div>
    <${Table} caption="Clients" columns=${columns} list=${list} empty=${empty}
      hrefOf=${(/** @type {ListedClient} */ { id }) => `#/clients/${id}`} />
  </${Page}>`;
}
