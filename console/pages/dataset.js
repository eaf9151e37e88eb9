/** One dataset: in words, in its editor, with the clients that have it, and its deletion. */
import { useEffect, useState } from "preact/hooks";
import { del } from "../api/client.js";
import { may } from "../api/session.js";
import { Editor } from "../editor/editor.js";
import { grantTo } from "../editor/grant.js";
import { clientsOf } from "../editor/granted.js";
import { InWords } from "../editor/in-words.js";
import { newDataset } from "../editor/new-dataset.js";
import { useList } from "../state/list.js";
import { useQuery } from "../state/live.js";
import { navigate } from "../state/router.js";
import { ask } from "../ui/dialog.js";
import { Empty, Loading } from "../ui/empty.js";
import { ErrorBox } from "../ui/error-box.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { plural } from "../ui/numbers.js";
import { Page, Section } from "../ui/page.js";
import { Table } from "../ui/table.js";
import { Time } from "../ui/time.js";
import { toast } from "../ui/toast.js";
import { ClientState } from "./client.parts.js";
import { UseBar } from "./clients.use.js";

/** @import { ListedClient, PageProps } from "../types.d.ts" */

/** @param {string} name @param {number | null} clients */
async function remove(name, clients) {
  const isDone = await ask({
    title: `Delete the dataset ${name}?`,
    consequence: html`<p>New uploads to it are refused. Batches that have ended stay. Its unique keys and remembered files are forgotten: a dataset made again with this name begins anew.</p>
      ${clients !== null && clients > 0 && html`<p class="warn">${plural(clients, "client has", "clients have")} it. It can be deleted when none has it, and no batch of it runs.</p>`}`,
    action: "Delete dataset",
    isDanger: true,
    type: name,
    run: () => del(`/admin/datasets/${encodeURIComponent(name)}`),
  });
  if (!isDone) return;
  toast(`The dataset ${name} is deleted.`);
  navigate("/datasets");
}

/** @type {import("../ui/table.js").Column<ListedClient>[]} */
const clientColumns = [
  {
    key: "client",
    title: "Client",
    isWide: true,
    render: ({ id, name, clientIdentifier }) =>
      html`<a href=${`#/clients/${id}?tab=datasets`}>${name}</a> <span class="under quiet mono">${clientIdentifier}</span>`,
  },
  { key: "state", title: "State", render: (client) => html`<${ClientState} of=${client} />` },
  { key: "use", title: "Use of its limits", render: ({ use }) => html`<${UseBar} of=${use} />` },
  {
    key: "last",
    title: "Last batch",
    hides: "first",
    render: ({ lastBatchAt }) =>
      lastBatchAt ? html`<${Time} at=${lastBatchAt} />` : html`<span class="quiet">none yet</span>`,
  },
];

/** @param {{ name: string, seen: number }} props `seen`: grows with each grant on this page, so that the list is read again */
function ClientsOf({ name, seen }) {
  const list = useList("/admin/clients", { query: { dataset: name, limit: 20 }, topics: ["batches"], everyMs: 5_000 });
  useEffect(() => void (seen > 0 && list.reload()), [seen]);
  const empty = html`<${Empty} title="No client has it yet." icon="clients"><p>Grant it to a client: only then may its files come in.</p></${Empty}>`;
  return html`<${Section} title="Clients that have it">
    <${Table} caption=${`Clients that have ${name}`} columns=${clientColumns} list=${list} empty=${empty}
      hrefOf=${(/** @type {ListedClient} */ { id }) => `#/clients/${id}?tab=datasets`} />
  </${Section}>`;
}

/** @param {PageProps} props */
export default function Dataset({ params }) {
  const name = params.name ?? "";
  const path = `/admin/datasets/${encodeURIComponent(name)}`;
  const found = useQuery(path);
  const [seen, setSeen] = useState(0);
  const crumbs = /** @type {[string, string][]} */ ([["#/datasets", "Datasets"]]);
  if (found.problem?.status === 404)
    return html`<${Page} title=${name} crumbs=${crumbs}><${Empty} title=${`There is no dataset "${name}".`} icon="datasets"><p><a href="#/datasets">Show all datasets</a></p></${Empty}></${Page}>`;
  const document = /** @type {Record<string, any> | null} */ (found.data);
  const actions = html`
    <a class="button" href=${`#/batches?dataset=${encodeURIComponent(name)}`}><${Icon} name="batches" />Its batches</a>
    ${
      may("admin") &&
      html`
      <button type="button" class="button" onClick=${() => grantTo(name).then((isDone) => isDone && setSeen((n) => n + 1))}><${Icon} name="plus" />Grant to a client</button>
      <button type="button" class="button" onClick=${() => newDataset({ from: name })}><${Icon} name="copy" />Copy</button>
      <button type="button" class="button" onClick=${async () => remove(name, await clientsOf(name).catch(() => null))}><${Icon} name="cross" />Delete</button>`
    }`;
  return html`<${Page} title=${name} crumbs=${crumbs} actions=${actions} lead=${document?.description}>
    <${ErrorBox} problem=${found.problem} title="The dataset could not be read." onRetry=${found.reload} />
    ${!document && !found.problem && html`<${Loading} label="Loading the dataset" />`}
    ${document && html`<${Section} title="In words"><${InWords} document=${document} name=${name} seen=${seen} /></${Section}>`}
    ${document && html`<${ClientsOf} name=${name} seen=${seen} />`}
    <${Editor} path=${path} kind="dataset" name=${`the dataset ${name}`} onSaved=${(/** @type {any} */ next) => found.set(next)}
      consequence="It holds for uploads that begin after it, of all clients that have the dataset. Batches that are there go on as they began." />
  </${Page}>`;
}
