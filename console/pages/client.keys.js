/** The credentials of a client: its secret, and further keys that may expire or be limited to some calls or networks. */
import { signal } from "@preact/signals";
import { del, post } from "../api/client.js";
import { may } from "../api/session.js";
import { useList } from "../state/list.js";
import { ask } from "../ui/dialog.js";
import { AreaField, Checks, SelectField, TextField } from "../ui/fields.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { Section } from "../ui/page.js";
import { State } from "../ui/states.js";
import { Table } from "../ui/table.js";
import { exact, now, Time } from "../ui/time.js";
import { toast } from "../ui/toast.js";
import { clientPath, graces, showClientSecret } from "./client.parts.js";

/** @import { Client, ClientKey } from "../types.d.ts" */

const DEFAULT = "default";

/** @type {[days: string, label: string][]} */
const ends = [
  ["", "never"],
  ["1", "in a day"],
  ["30", "in 30 days"],
  ["90", "in 90 days"],
  ["365", "in a year"],
];

const usual = { name: "", days: "90", cidrs: "", scopes: ["import", "read"] };
const draft = signal(usual);

/** @param {Partial<typeof usual>} change */
const edit = (change) => {
  draft.value = { ...draft.peek(), ...change };
};

function Fields() {
  const { name, days, cidrs, scopes } = draft.value;
  return html`<div class="stack">
    <${TextField} label="Name" value=${name} required maxlength="64" pattern="[A-Za-z0-9][A-Za-z0-9._\\-]*" help="What has it: a program, a person. Letters, digits and . _ -" onValue=${(/** @type {string} */ value) => edit({ name: value })} />
    <${SelectField} label="It ends" value=${days} options=${ends} onValue=${(/** @type {string} */ value) => edit({ days: value })} />
    <${Checks} label="It is for" values=${scopes} onValues=${(/** @type {string[]} */ values) => edit({ scopes: values })} options=${[
      ["import", "import", "sends and changes: uploads, checks, corrections"],
      ["read", "read", "looks: batches, errors, records, downloads"],
    ]} />
    <${AreaField} label="Only from these networks" rows="3" value=${cidrs} help="Addresses or networks, one a line, such as 203.0.113.0/24. Empty: from anywhere." onValue=${(/** @type {string} */ value) => edit({ cidrs: value })} />
  </div>`;
}

/** @returns {Record<string, unknown>} */
function body() {
  const { name, days, cidrs, scopes } = draft.peek();
  const allowedCidrs = cidrs.split(/[\s,]+/).filter(Boolean);
  if (scopes.length === 0) throw new Error("Choose what the key is for.");
  return {
    name: name.trim(),
    scopes,
    ...(days !== "" && { expiresAt: new Date(Date.now() + Number(days) * 86_400_000).toISOString() }),
    ...(allowedCidrs.length > 0 && { allowedCidrs }),
  };
}

/** @param {Client} client @param {() => void} reload */
async function create({ id, clientIdentifier: identifier }, reload) {
  draft.value = usual;
  let secret = "";
  const isDone = await ask({
    title: "New key",
    consequence: "It stands beside the client's own secret. Each key can end alone, and tells when it was last used.",
    action: "Create key",
    extra: html`<${Fields} />`,
    run: async () => {
      ({ secret } = await post(clientPath(id, "/keys"), body()));
    },
  });
  if (!isDone) return;
  reload();
  await showClientSecret({ identifier, secret, title: `The key ${draft.peek().name} of ${identifier}` });
}

const grace = signal("86400");

export function Grace() {
  return html`<${SelectField} label="The secret of now" value=${grace.value} options=${graces} onValue=${(
    /** @type {string} */ value,
  ) => {
    grace.value = value;
  }} />`;
}

/**
 * Asks how long the former secret stays valid, and makes a new secret.
 * @param {{ title: string, consequence: any, path: string }} about
 * @returns {Promise<{ secret: string, note: string } | null>} the new secret, and until when the former one is good
 */
export async function rotated({ title, consequence, path }) {
  grace.value = "86400";
  let made = { secret: "", previousValidUntil: "" };
  const isDone = await ask({
    title,
    consequence,
    action: "Make a new secret",
    extra: html`<${Grace} />`,
    run: async () => {
      made = await post(path, { graceSeconds: Number(grace.peek()) });
    },
  });
  if (!isDone) return null;
  const isOver = Date.parse(made.previousValidUntil) <= Date.now();
  const note = isOver ? "The former secret is over." : `The former secret ends at ${exact(made.previousValidUntil)}.`;
  return { secret: made.secret, note };
}

/** @param {Client} client @param {() => void} reload */
async function rotate({ id, name, clientIdentifier: identifier }, reload) {
  const made = await rotated({
    title: `New secret for ${name}?`,
    consequence:
      "Both secrets are good until the former one ends: time for the partner to change over. When it ends, requests and sessions that came with it end too. Further keys stay as they are.",
    path: clientPath(id, "/rotate-secret"),
  });
  if (made === null) return;
  reload();
  await showClientSecret({ identifier, ...made, title: `The new secret of ${identifier}` });
}

/** @param {Client} client @param {ClientKey} key @param {() => void} reload */
async function remove({ id }, { id: keyId, name }, reload) {
  const isDone = await ask({
    title: `Delete the key ${name}?`,
    consequence:
      "Whoever has it is refused at once. Its requests that run now and the sessions that began with it end.",
    action: "Delete key",
    isDanger: true,
    run: () => del(clientPath(id, `/keys/${encodeURIComponent(keyId)}`)),
  });
  if (!isDone) return;
  toast(`The key ${name} is deleted.`);
  reload();
}

/** @param {ClientKey} key */
const isOver = ({ expiresAt }) => expiresAt !== null && Date.parse(expiresAt) <= now.value;

/** @param {Client} client @param {() => void} reload @returns {import("../ui/table.js").Column<ClientKey>[]} */
const columnsOf = (client, reload) => [
  {
    key: "name",
    title: "Key",
    isWide: true,
    render: ({ id, name }) =>
      id === DEFAULT
        ? html`<strong>${name}</strong> <span class="under quiet">the client's own secret</span>`
        : html`<strong>${name}</strong>`,
  },
  { key: "scopes", title: "For", render: ({ scopes }) => scopes.join(" and ") },
  {
    key: "from",
    title: "From",
    hides: "last",
    render: ({ allowedCidrs }) =>
      allowedCidrs
        ? html`<span class="mono cut" title=${allowedCidrs.join("\n")}>${allowedCidrs.join(", ")}</span>`
        : html`<span class="quiet">anywhere</span>`,
  },
  {
    key: "ends",
    title: "Ends",
    render: (key) =>
      isOver(key)
        ? html`<${State} of="expired" />`
        : key.expiresAt
          ? html`<${Time} at=${key.expiresAt} />`
          : html`<span class="quiet">never</span>`,
  },
  {
    key: "used",
    title: "Last used",
    render: ({ lastUsedAt }) =>
      lastUsedAt ? html`<${Time} at=${lastUsedAt} />` : html`<span class="quiet">never</span>`,
  },
  { key: "created", title: "Made", hides: "first", render: ({ createdAt }) => html`<${Time} at=${createdAt} />` },
  {
    key: "act",
    title: html`<span class="offscreen">Actions</span>`,
    align: "right",
    render: (key) =>
      may("admin") &&
      (key.id === DEFAULT
        ? html`<button type="button" class="button small" onClick=${() => rotate(client, reload)}>New secret</button>`
        : html`<button type="button" class="button small" aria-label=${`Delete the key ${key.name}`} onClick=${() => remove(client, key, reload)}>Delete</button>`),
  },
];

/** @param {{ client: Client }} props */
export function Keys({ client }) {
  const list = useList(clientPath(client.id, "/keys"), { topics: ["stats"], everyMs: 30_000 });
  const makes =
    may("admin") &&
    html`<button type="button" class="button small" onClick=${() => create(client, list.reload)}><${Icon} name="plus" />New key</button>`;
  return html`<${Section} title="Secrets and keys" actions=${makes}>
    <p class="quiet section-lead">One key for each program or person: each ends alone, may be limited to reading or to networks, and tells when it was last used, to the minute.</p>
    <${Table} caption="Keys" columns=${columnsOf(client, list.reload)} list=${list} />
  </${Section}>`;
}
