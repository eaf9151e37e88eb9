/** One client: its use of limits, keys, webhook, datasets, policy and data, and what can be done with it. */
import { may } from "../api/session.js";
import { useQuery } from "../state/live.js";
import { Copy } from "../ui/copy.js";
import { Empty, Loading } from "../ui/empty.js";
import { ErrorBox } from "../ui/error-box.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { Page } from "../ui/page.js";
import { Tabs } from "../ui/tabs.js";
import { Time } from "../ui/time.js";
import { disable, enable, pause, rename, resume } from "./client.actions.js";
import { Data, Erasures } from "./client.data.js";
import { Grants } from "./client.grants.js";
import { Keys } from "./client.keys.js";
import { ClientState, clientPath } from "./client.parts.js";
import { PolicyTab } from "./client.policy.js";
import { Today } from "./client.today.js";
import { Webhook } from "./client.webhook.js";

/** @import { Client, PageProps } from "../types.d.ts" */
/** @import { Found } from "../state/live.js" */

/** @param {PageProps} props */
export default function ClientPage({ params: { id = "" } }) {
  const found = /** @type {Found<Client>} */ (useQuery(clientPath(id), { topics: ["stats"], everyMs: 10_000 }));
  const { data: client, problem } = found;
  if (problem?.status === 404) return html`<${Gone} id=${id} />`;
  if (!client)
    return html`<${Page} title="Client" crumbs=${crumbs}>
      <${ErrorBox} problem=${problem} title="The client could not be read." onRetry=${found.reload} />
      ${found.isLoading && html`<${Loading} lines=${8} />`}
    </${Page}>`;
  return html`<${Shown} client=${client} found=${found} />`;
}

/** @type {[string, string][]} */
const crumbs = [["#/clients", "Clients"]];

/** @param {{ client: Client, found: Found<Client> }} props */
function Shown({ client, found }) {
  const { id, name, clientIdentifier, createdAt } = client;
  const lead = html`<span class="row"><span class="id">${clientIdentifier}<${Copy} text=${clientIdentifier} what="identifier" /></span>
    <span>let in <${Time} at=${createdAt} /></span>
    <a href=${`#/batches?client=${id}`}>Batches</a><a href=${`#/deliveries?client=${id}`}>Deliveries</a><a href=${`#/audit?subject=${id}`}>Audit</a></span>`;
  return html`<${Page} title=${name} crumbs=${crumbs} lead=${lead} badge=${html`<${ClientState} of=${client} />`}
    actions=${may("admin") && html`<${Actions} client=${client} found=${found} />`}>
    <${ErrorBox} problem=${found.problem} title="This could not be read again." onRetry=${found.reload} />
    <${Notes} client=${client} />
    <${Tabs} label="About this client" tabs=${[
      { name: "today", title: "Today", render: () => html`<${Today} client=${client} />` },
      { name: "keys", title: "Secrets and keys", render: () => html`<${Keys} client=${client} />` },
      { name: "webhook", title: "Webhook", render: () => html`<${Webhook} client=${client} />` },
      { name: "datasets", title: "Datasets", render: () => html`<${Grants} client=${client} />` },
      { name: "policy", title: "Policy", render: () => html`<${PolicyTab} client=${client} />` },
      { name: "data", title: "Data protection", render: () => html`<${Data} client=${client} found=${found} />` },
    ]} />
  </${Page}>`;
}

/** Says why the client's batches do not run, and what can be done about it. @param {{ client: Client }} props */
function Notes({ client: { status, paused, pausedAt, pausedBy } }) {
  return html`${
    status === "disabled" &&
    html`<div class="bar bad"><${Icon} name="lock" /><span><strong>This client is disabled.</strong> It cannot log in, and its webhook gets nothing. What it had sent before goes on.</span></div>`
  }${
    paused &&
    html`<div class="bar warn"><${Icon} name="pause" /><span><strong>Its batches wait</strong> since <${Time} at=${pausedAt} />${pausedBy && `, paused by ${pausedBy}`}. Uploads are still taken.</span></div>`
  }`;
}

/** @param {{ client: Client, found: Found<Client> }} props */
function Actions({ client, found: { set } }) {
  const isActive = client.status === "active";
  const close = (/** @type {any} */ event) => {
    event.currentTarget.closest("details").open = false;
  };
  return html`${
    client.paused
      ? html`<button type="button" class="button" onClick=${() => resume(client, set)}><${Icon} name="play" />Resume</button>`
      : html`<button type="button" class="button" onClick=${() => pause(client, set)}><${Icon} name="pause" />Pause</button>`
  }
    <details class="menu"><summary class="button" aria-label="More actions"><${Icon} name="dots" /></summary>
      <div class="menu-list right" onClick=${close}>
        <button type="button" onClick=${() => rename(client, set)}>Rename</button>
        ${
          isActive
            ? html`<button type="button" class="bad" onClick=${() => disable(client, set)}>Disable</button>`
            : html`<button type="button" onClick=${() => enable(client, set)}>Enable</button>`
        }
        <a href=${`#/clients/${client.id}?tab=data`}>Legal hold, erase, delete</a>
      </div></details>`;
}

/** Shown in place of an erased client: its erasure. @param {{ id: string }} props */
function Gone({ id }) {
  return html`<${Page} title="There is no such client" crumbs=${crumbs}>
    <${Empty} title="No client has this id." icon="clients"><p>It may have been erased: then its erasure stands below. <a href="#/clients">All clients</a> · <a href=${`#/audit?subject=${id}`}>What the audit says</a></p></${Empty}>
    <${Erasures} clientId=${id} />
  </${Page}>`;
}
