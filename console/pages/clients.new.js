/** A new client: its identifier, its name, and the policy that it starts with. */
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { get, post } from "../api/client.js";
import { ask } from "../ui/dialog.js";
import { AreaField, Choices, objectIn, TextField } from "../ui/fields.js";
import { html } from "../ui/html.js";
import { clientPath, showClientSecret, showWebhookSecret } from "./client.parts.js";

/** @import { ListedClient } from "../types.d.ts" */

const usual = { identifier: "", name: "", start: "defaults", source: "", json: "", takenBy: "" };
/** What the dialog's fields hold. `takenBy`: the identifier that is known to be taken. */
const draft = signal(usual);

/** @param {Partial<typeof usual>} change */
const edit = (change) => {
  draft.value = { ...draft.peek(), ...change };
};

const REST_MS = 250;
const RULE = "3 to 64 small letters, digits and . _ -";

/** What is wrong with an identifier; null: no fault that the page can see. @param {typeof usual} typed */
function faultOf({ identifier, takenBy }) {
  if (identifier === "") return null;
  const wrong = /[^a-z0-9._-]/.exec(identifier);
  if (wrong) return `"${wrong[0]}" is not allowed: ${RULE}.`;
  if (identifier.length < 3) return `${3 - identifier.length} more: ${RULE}.`;
  if (identifier.length > 64) return `Too long by ${identifier.length - 64}: ${RULE}.`;
  if (takenBy === identifier) return "There is a client with this identifier. Choose another one.";
  return null;
}

/** Checks whether the identifier is taken when a person stops typing. The API decides in the end. */
function useLook() {
  const { identifier } = draft.value;
  useEffect(() => {
    if (!/^[a-z0-9._-]{3,64}$/.test(identifier)) return;
    const controller = new AbortController();
    const timer = setTimeout(async () => {
      const found = await get("/admin/clients", { q: identifier, limit: 200 }, { signal: controller.signal }).catch(
        () => null,
      );
      const isTaken = found?.items.some((/** @type {ListedClient} */ one) => one.clientIdentifier === identifier);
      if (isTaken) edit({ takenBy: identifier });
    }, REST_MS);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [identifier]);
}

function Fields() {
  useLook();
  const { identifier, name, start, source, json } = draft.value;
  return html`<div class="stack">
    <${TextField} label="Identifier" value=${identifier} required maxlength="64" pattern="[a-z0-9._\\-]{3,64}" autofocus
      wrong=${faultOf(draft.value)} help=${`The partner logs in with it. It cannot be changed later. ${RULE}.`} onValue=${(/** @type {string} */ value) => edit({ identifier: value })} />
    <${TextField} label="Name" value=${name} required maxlength="200" help="As people call this partner." onValue=${(/** @type {string} */ value) => edit({ name: value })} />
    <${Choices} label="Policy to start with" name="start" value=${start} onValue=${(/** @type {string} */ value) => edit({ start: value })} options=${[
      ["defaults", "The defaults", "accept any JSON object, 600 requests a minute"],
      ["copy", "As another client has it", "without its webhook, which is that partner's"],
      ["json", "JSON", "that you have"],
    ]} />
    ${start === "copy" && html`<${Source} value=${source} />`}
    ${start === "json" && html`<${AreaField} label="Policy as JSON" class="mono" required value=${json} placeholder=${'{"maxErrors": 100}'} help="What is left out has its default. Faults are told at their fields; nothing is made then." onValue=${(/** @type {string} */ value) => edit({ json: value })} />`}
  </div>`;
}

const found = signal(/** @type {ListedClient[]} */ ([]));

/** @param {{ value: string }} props */
function Source({ value }) {
  useEffect(() => {
    const controller = new AbortController();
    const timer = setTimeout(async () => {
      const query = { limit: 20, q: value.trim() };
      const page = await get("/admin/clients", query, { signal: controller.signal }).catch(() => null);
      if (page) found.value = page.items;
    }, REST_MS);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [value]);
  return html`<${TextField} label="Client to copy from" value=${value} required list="clients-to-copy" help="Its identifier." onValue=${(/** @type {string} */ text) => edit({ source: text })} />
    <datalist id="clients-to-copy">${found.value.map(({ clientIdentifier, name }) => html`<option key=${clientIdentifier} value=${clientIdentifier}>${name}</option>`)}</datalist>`;
}

/** The policy to send; undefined: the defaults. */
async function policyToStart() {
  const { start, source, json } = draft.peek();
  if (start === "defaults") return undefined;
  if (start === "json") return objectIn(json);
  const identifier = source.trim();
  const { items } = await get("/admin/clients", { q: identifier, limit: 200 });
  const client = items.find((/** @type {ListedClient} */ one) => one.clientIdentifier === identifier);
  if (!client) throw new Error(`There is no client "${identifier}" to copy from. Type its whole identifier.`);
  return { ...(await get(clientPath(client.id, "/policy"))), webhook: null };
}

/** Asks for a new client's data, creates the client, and shows its secret. */
export async function createClient() {
  draft.value = usual;
  /** @type {any} */
  let made = null;
  const isDone = await ask({
    title: "New client",
    action: "Create client",
    extra: html`<${Fields} />`,
    run: async () => {
      const { identifier, name } = draft.peek();
      const policy = await policyToStart();
      made = await post("/admin/clients", { clientIdentifier: identifier, name: name.trim(), policy });
    },
  });
  if (!isDone) return;
  const { id, clientIdentifier: identifier, secret, webhook } = made;
  location.hash = `#/clients/${id}`;
  await showClientSecret({ identifier, secret, title: `The secret of ${identifier}` });
  if (webhook) await showWebhookSecret(identifier, webhook.secret);
}
