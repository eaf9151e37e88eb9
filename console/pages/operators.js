/** The operators: who may look, who may move batches, and who may change everything. */
import { signal } from "@preact/signals";
import { del, patch, post } from "../api/client.js";
import { may } from "../api/session.js";
import { useList } from "../state/list.js";
import { ask } from "../ui/dialog.js";
import { Empty } from "../ui/empty.js";
import { fieldOf } from "../ui/fields.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { Page } from "../ui/page.js";
import { showOnce } from "../ui/secret.js";
import { State } from "../ui/states.js";
import { Table } from "../ui/table.js";
import { now, Time } from "../ui/time.js";
import { toast } from "../ui/toast.js";

/** @import { Operator, OperatorRole } from "../types.d.ts" */

/** @type {[OperatorRole, string][]} */
const roles = [
  ["viewer", "sees everything and changes nothing"],
  ["operator", "also moves batches, deliveries and nodes"],
  ["admin", "also changes clients, datasets and operators"],
];

/** @type {[days: string, label: string][]} */
const ends = [
  ["", "never"],
  ["1", "in a day"],
  ["30", "in 30 days"],
  ["90", "in 90 days"],
  ["365", "in a year"],
];

/** @param {string} days */
const endIn = (days) => (days === "" ? null : new Date(Date.now() + Number(days) * 86_400_000).toISOString());

/** What the dialog's fields hold. */
const draft = signal({ name: "", role: /** @type {OperatorRole} */ ("viewer"), days: "" });

/** @param {Partial<typeof draft.value>} change */
const edit = (change) => {
  draft.value = { ...draft.peek(), ...change };
};

/** @param {{ withName: boolean, keeps?: boolean }} props `keeps`: offers to keep the present expiry */
function Fields({ withName, keeps = false }) {
  const { name, role, days } = draft.value;
  return html`<div class="stack">
    ${
      withName &&
      html`<label class="field"><span>Name, for the audit</span>
      <input type="text" required autocomplete="off" spellcheck=${false} maxlength="64" pattern="[A-Za-z0-9][A-Za-z0-9._@+\\-]*" value=${name} onInput=${(/** @type {Event} */ event) => edit({ name: fieldOf(event).value })} />
      <span class="help">Letters, digits and . _ @ + -, such as alice@example.com</span></label>`
    }
    <fieldset class="field"><legend>Role</legend><div class="options single">
      ${roles.map(
        ([value, text]) =>
          html`<label key=${value}><input type="radio" name="role" checked=${role === value} onChange=${() => edit({ role: value })} /><span><strong>${value}</strong> ${text}</span></label>`,
      )}
    </div></fieldset>
    <label class="field"><span>The token ends</span>
      <select value=${days} onChange=${(/** @type {Event} */ event) => edit({ days: fieldOf(event).value })}>
        ${keeps && html`<option value="keep">as it is</option>`}
        ${ends.map(([value, label]) => html`<option key=${value} value=${value}>${label}</option>`)}
      </select></label>
  </div>`;
}

/** @param {string} name @param {string} token */
const showToken = (name, token) =>
  showOnce({
    title: `The token of ${name}`,
    what: "token",
    secret: token,
    how: html`<p class="dialog-text">${name} logs in here with it, or sends it as <code>Authorization: Bearer …</code></p>`,
  });

/** @param {() => void} reload */
async function create(reload) {
  draft.value = { name: "", role: "viewer", days: "" };
  let token = "";
  const isDone = await ask({
    title: "New operator",
    action: "Create operator",
    extra: html`<${Fields} withName />`,
    run: async () => {
      const { name, role, days } = draft.peek();
      ({ token } = await post("/admin/operators", { name: name.trim(), role, expiresAt: endIn(days) }));
    },
  });
  if (!isDone) return;
  reload();
  await showToken(draft.peek().name.trim(), token);
}

/** @param {Operator} operator @param {() => void} reload */
async function change({ name, role }, reload) {
  draft.value = { name, role, days: "keep" };
  const isDone = await ask({
    title: `Change ${name}`,
    consequence: "It holds on all nodes within six seconds, also for sessions that are open.",
    action: "Save",
    extra: html`<${Fields} withName=${false} keeps />`,
    run: () => {
      const { role: next, days } = draft.peek();
      return patch(pathOf(name), { role: next, ...(days !== "keep" && { expiresAt: endIn(days) }) });
    },
  });
  if (!isDone) return;
  toast(`${name} is changed.`);
  reload();
}

/** @param {Operator} operator @param {() => void} reload */
async function rotate({ name }, reload) {
  let token = "";
  const isDone = await ask({
    title: `New token for ${name}?`,
    consequence: "The old token and its sessions end at once.",
    action: "Make a new token",
    run: async () => {
      ({ token } = await post(`${pathOf(name)}/rotate`));
    },
  });
  if (!isDone) return;
  reload();
  await showToken(name, token);
}

/** @param {Operator} operator @param {() => void} reload */
async function remove({ name }, reload) {
  const isDone = await ask({
    title: `Delete ${name}?`,
    consequence: "The token and its sessions end at once. What the operator has done stays in the audit.",
    action: "Delete operator",
    isDanger: true,
    run: () => del(pathOf(name)),
  });
  if (!isDone) return;
  toast(`${name} is deleted.`);
  reload();
}

/** @param {string} name */
const pathOf = (name) => `/admin/operators/${encodeURIComponent(name)}`;

/** @param {Operator} operator */
const isOver = ({ expiresAt }) => expiresAt !== null && Date.parse(expiresAt) <= now.value;

/** @param {() => void} reload @returns {import("../ui/table.js").Column<Operator>[]} */
const columnsOf = (reload) => [
  {
    key: "name",
    title: "Name",
    isWide: true,
    render: ({ name }) =>
      html`<a href=${`#/audit?who=${encodeURIComponent(name)}`} title="What this operator has done">${name}</a>`,
  },
  { key: "role", title: "Role", render: ({ role }) => role },
  {
    key: "expires",
    title: "Token",
    render: (operator) =>
      isOver(operator)
        ? html`<${State} of="expired" />`
        : operator.expiresAt
          ? html`ends <${Time} at=${operator.expiresAt} />`
          : html`<span class="quiet">does not end</span>`,
  },
  { key: "created", title: "Created", hides: "first", render: ({ createdAt }) => html`<${Time} at=${createdAt} />` },
  {
    key: "act",
    title: html`<span class="offscreen">Actions</span>`,
    align: "right",
    render: (operator) =>
      may("admin") &&
      html`<details class="menu"><summary class="button small" aria-label=${`Actions for ${operator.name}`}><${Icon} name="dots" /></summary>
        <div class="menu-list right">
          <button type="button" onClick=${() => change(operator, reload)}>Change role or end</button>
          <button type="button" onClick=${() => rotate(operator, reload)}>New token</button>
          <button type="button" class="bad" onClick=${() => remove(operator, reload)}>Delete</button>
        </div></details>`,
  },
];

export default function Operators() {
  const list = useList("/admin/operators", { keyOf: ({ name }) => name });
  const makes =
    may("admin") &&
    html`<button type="button" class="button primary" onClick=${() => create(list.reload)}><${Icon} name="plus" />New operator</button>`;
  return html`<${Page} title="Operators" actions=${makes}
    lead=${html`Beside these there is the operator <strong>admin</strong>, whose token is <code>ADMIN_TOKEN</code>.`}>
    <${Table} caption="Operators" columns=${columnsOf(list.reload)} list=${list} keyOf=${(/** @type {Operator} */ { name }) => name}
      empty=${html`<${Empty} title="No operator has a token of their own yet." icon="operators"><p>With one for each person the audit tells who did what, and a token can end alone.</p>${makes}</${Empty}>`} />
  </${Page}>`;
}
