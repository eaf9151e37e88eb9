/**
 * What protects a client's data and what erases it: the legal hold, the erasure of one person's records, the erasure of the
 * client.
 */
import { may } from "../api/session.js";
import { useList } from "../state/list.js";
import { Empty } from "../ui/empty.js";
import { html } from "../ui/html.js";
import { count, plural } from "../ui/numbers.js";
import { Section } from "../ui/page.js";
import { State } from "../ui/states.js";
import { Table } from "../ui/table.js";
import { Time } from "../ui/time.js";
import { erase, turnHold } from "./client.actions.js";
import { erasePerson } from "./client.erase.js";

/** @import { Client, Erasure } from "../types.d.ts" */
/** @import { Found } from "../state/live.js" */

/** @param {{ client: Client, found: Found<Client> }} props */
export function Data({ client, found }) {
  const list = useErasures();
  const reload = () => {
    found.reload();
    list.reload();
  };
  return html`<div class="columns">
      <${Hold} client=${client} keep=${found.set} />
      <${Erasing} client=${client} reload=${reload} />
    </div>
    <${ErasureTable} list=${ofClient(list, client.id, true)} />`;
}

/** @param {{ client: Client, keep: (client: Client) => void }} props */
function Hold({ client, keep }) {
  const { legalHold } = client;
  return html`<${Section} title="Legal hold">
    <p>${legalHold ? "Nothing of this client is deleted: not by age, not by an erasure, not by taking batches back." : "There is none: batches go when their time is over, as the policy says."}</p>
    ${may("admin") && html`<p class="section-foot"><button type="button" class="button" onClick=${() => turnHold(client, keep)}>${legalHold ? "End the legal hold" : "Set a legal hold"}</button></p>`}
  </${Section}>`;
}

/** @param {{ client: Client, reload: () => void }} props */
function Erasing({ client, reload }) {
  const { legalHold, status } = client;
  const hindrance = legalHold
    ? "Under the legal hold nothing can be erased. End it first."
    : status === "active"
      ? "Only a disabled client can be erased as a whole: disable it first, so that it sends nothing meanwhile."
      : null;
  return html`<${Section} title="Erase">
    <p>One person's data in what this client has sent, or the whole client. Both go piece by piece, and say below how far they are.</p>
    ${hindrance && html`<p class="quiet">${hindrance}</p>`}
    ${
      may("admin") &&
      html`<p class="row section-foot"><button type="button" class="button" disabled=${legalHold} onClick=${() => erasePerson(client, reload)}>Erase a person …</button>
      <button type="button" class="button danger" disabled=${hindrance !== null} onClick=${() => erase(client, reload)}>Erase the client …</button></p>`
    }
  </${Section}>`;
}

const MOST = 200;

/** All erasures, newest first; there are few. While one runs the list is read again. */
const useErasures = () => useList("/admin/erasures", { query: { limit: MOST }, topics: ["stats"], everyMs: 3_000 });

/** @param {import("../state/list.js").FoundList<Erasure>} list @param {string} id @param {boolean} withAll also those of all clients */
const ofClient = (list, id, withAll) => ({
  ...list,
  items: list.items.filter(({ client }) => client === id || (withAll && client === null)),
  newer: 0,
  gone: new Set(),
});

/** @param {{ clientId: string }} props */
export function Erasures({ clientId }) {
  return html`<${ErasureTable} list=${ofClient(useErasures(), clientId, false)} />`;
}

/** @type {import("../ui/table.js").Column<Erasure>[]} */
const columns = [
  {
    key: "status",
    title: "State",
    render: ({ status }) => html`<${State} of=${status === "done" ? "erased" : status} />`,
  },
  {
    key: "what",
    title: "What",
    isWide: true,
    render: ({ dataset, fields, client, waits }) =>
      html`${dataset === null ? "the whole client" : `a person in ${dataset}, by ${fields.join(" and ")}`}${client === null && html` <span class="quiet">of all clients</span>`}
      ${waits && html`<span class="under warn tone">waits: ${waits}</span>`}`,
  },
  { key: "batches", title: "Batches", align: "right", render: ({ counts }) => count(counts.batches) },
  { key: "records", title: "Records", align: "right", render: ({ counts }) => count(counts.records) },
  { key: "begun", title: "Begun", hides: "first", render: ({ createdAt }) => html`<${Time} at=${createdAt} />` },
  {
    key: "ended",
    title: "Done",
    render: ({ finishedAt }) =>
      finishedAt ? html`<${Time} at=${finishedAt} />` : html`<span class="quiet">not yet</span>`,
  },
];

/** @param {Erasure} erasure */
const moreOf = ({ counts }) => html`<p>Erased: ${erasedOf(counts)}.</p>`;

/** @param {Erasure["counts"]} counts */
export const erasedOf = ({ batches, records, errors, examples, bodies, deliveries, uniqueKeys }) =>
  [
    plural(records, "record"),
    plural(errors, "error"),
    plural(examples, "example"),
    plural(bodies, "file"),
    plural(deliveries, "delivery", "deliveries"),
    ...(uniqueKeys > 0 ? [plural(uniqueKeys, "unique key")] : []),
    `of ${plural(batches, "batch", "batches")}`,
  ].join(", ");

/** @param {{ list: any }} props */
function ErasureTable({ list }) {
  return html`<${Section} title="Erasures">
    <${Table} caption="Erasures" columns=${columns} list=${list} moreOf=${moreOf}
      empty=${html`<${Empty} title="Nothing of it was erased." icon="check"><p>An erasure stays in this list when it is done, with its counts and without the values.</p></${Empty}>`} />
  </${Section}>`;
}
