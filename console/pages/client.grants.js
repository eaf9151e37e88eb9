/** The shared datasets that a client may send, and the client's overrides of them. */
import { signal } from "@preact/signals";
import { del, get, put } from "../api/client.js";
import { may } from "../api/session.js";
import { useList } from "../state/list.js";
import { ask } from "../ui/dialog.js";
import { Empty } from "../ui/empty.js";
import { AreaField, objectIn, SelectField } from "../ui/fields.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { Section } from "../ui/page.js";
import { Table } from "../ui/table.js";
import { toast, toastProblem } from "../ui/toast.js";
import { clientPath } from "./client.parts.js";

/** @import { Client, Grant } from "../types.d.ts" */

const draft = signal({ name: "", override: "{}", names: /** @type {string[]} */ ([]) });

/** @param {Partial<typeof draft.value>} change */
const edit = (change) => {
  draft.value = { ...draft.peek(), ...change };
};

/** @param {{ isNew: boolean }} props */
function Fields({ isNew }) {
  const { name, names, override } = draft.value;
  return html`<div class="stack">
    ${isNew && html`<${SelectField} label="Dataset" value=${name} options=${names.map((one) => [one, one])} onValue=${(/** @type {string} */ value) => edit({ name: value })} />`}
    <${AreaField} label="What differs for this client, as JSON" class="mono" value=${override} onValue=${(/** @type {string} */ value) => edit({ override: value })}
      help=${html`A merge patch over the dataset, such as <code>{"maxErrors": 10}</code>. <code>{}</code>: nothing differs.`} />
  </div>`;
}

/** @param {string} id @param {string} name */
const grantPath = (id, name) => clientPath(id, `/datasets/${encodeURIComponent(name)}`);

/** @param {Client} client @param {Grant[]} granted @param {() => void} reload */
async function grant({ id, name: client }, granted, reload) {
  /** @type {string[]} */
  let names = [];
  try {
    const { items } = await get("/admin/datasets", { limit: 200 });
    const has = new Set(granted.map(({ name }) => name));
    names = items
      .map((/** @type {{ name: string }} */ { name }) => name)
      .filter((/** @type {string} */ one) => !has.has(one));
  } catch (error) {
    return toastProblem("The datasets could not be read", error);
  }
  if (names.length === 0) return toast("There is no further dataset to grant.", "plain");
  draft.value = { name: names[0] ?? "", override: "{}", names };
  const isDone = await ask({
    title: `Grant a dataset to ${client}`,
    consequence: "The client may send it from now on, at its own address, beside what its own policy takes.",
    action: "Grant dataset",
    extra: html`<${Fields} isNew />`,
    run: () => put(grantPath(id, draft.peek().name), objectIn(draft.peek().override)),
  });
  if (!isDone) return;
  toast(`${client} may send ${draft.peek().name} now.`);
  reload();
}

/** @param {Client} client @param {Grant} grant @param {() => void} reload */
async function differ({ id, name: client }, { name, override }, reload) {
  draft.value = { name, override: JSON.stringify(override, null, 2), names: [] };
  const isDone = await ask({
    title: `What differs in ${name} for ${client}`,
    consequence:
      "It holds for what is sent from now on. Batches that were taken before keep what they were taken under.",
    action: "Save",
    extra: html`<${Fields} isNew=${false} />`,
    run: () => put(grantPath(id, name), objectIn(draft.peek().override)),
  });
  if (!isDone) return;
  toast(`${name} is changed for ${client}.`);
  reload();
}

/** @param {Client} client @param {Grant} grant @param {() => void} reload */
async function revoke({ id, name: client }, { name }, reload) {
  const isDone = await ask({
    title: `Revoke ${name} from ${client}?`,
    consequence:
      "The client can send no more of it. Batches that were taken before go on. What differs for this client is forgotten.",
    action: "Revoke dataset",
    isDanger: true,
    run: () => del(grantPath(id, name)),
  });
  if (!isDone) return;
  toast(`${client} can send ${name} no more.`);
  reload();
}

/** @param {Client} client @param {() => void} reload @returns {import("../ui/table.js").Column<Grant>[]} */
const columnsOf = (client, reload) => [
  {
    key: "name",
    title: "Dataset",
    isWide: true,
    render: ({ name, effective }) =>
      html`<a href=${`#/datasets/${encodeURIComponent(name)}`}>${name}</a>${effective.description && html` <span class="under quiet">${effective.description}</span>`}`,
  },
  {
    key: "differs",
    title: "Differs in",
    render: ({ override }) => {
      const fields = Object.keys(override);
      return fields.length === 0
        ? html`<span class="quiet">nothing</span>`
        : html`<span class="mono cut" title=${fields.join("\n")}>${fields.join(", ")}</span>`;
    },
  },
  {
    key: "formats",
    title: "Takes",
    hides: "first",
    render: ({ effective }) => effective.formats.join(", "),
  },
  { key: "handler", title: "Goes to", hides: "first", render: ({ effective }) => effective.handler },
  {
    key: "act",
    title: html`<span class="offscreen">Actions</span>`,
    align: "right",
    render: (one) =>
      may("admin") &&
      html`<span class="row end"><button type="button" class="button small" aria-label=${`Change what differs in ${one.name}`} onClick=${() => differ(client, one, reload)}>Change</button>
      <button type="button" class="button small" aria-label=${`Revoke ${one.name}`} onClick=${() => revoke(client, one, reload)}>Revoke</button></span>`,
  },
];

/** @param {Grant} grant */
const overrideOf = ({ override }) =>
  Object.keys(override).length === 0
    ? null
    : html`<pre tabindex="0" aria-label="What differs">${JSON.stringify(override, null, 2)}</pre>`;

/** @param {{ client: Client }} props */
export function Grants({ client }) {
  const list = useList(clientPath(client.id, "/datasets"), { query: { limit: 200 }, keyOf: nameOf });
  const grants =
    may("admin") &&
    html`<button type="button" class="button small" onClick=${() => grant(client, list.items, list.reload)}><${Icon} name="plus" />Grant a dataset</button>`;
  return html`<${Section} title="Datasets it may send" actions=${grants}>
    <p class="quiet section-lead">Beside these, what it sends without a dataset is taken by <a href=${`#/clients/${client.id}?tab=policy`}>its own policy</a>.</p>
    <${Table} caption="Datasets it may send" columns=${columnsOf(client, list.reload)} list=${list} keyOf=${nameOf} moreOf=${overrideOf}
      empty=${html`<${Empty} title="It was granted no dataset." icon="datasets"><p>Several clients may share a dataset: its schema is written once. <a href="#/datasets">All datasets</a></p>${grants}</${Empty}>`} />
  </${Section}>`;
}

/** @param {Grant} grant */
const nameOf = ({ name }) => name;
