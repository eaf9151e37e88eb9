/** What admins can do with a whole client. Each action tells its consequence first. */
import { signal } from "@preact/signals";
import { del, patch, post } from "../api/client.js";
import { ask } from "../ui/dialog.js";
import { TextField } from "../ui/fields.js";
import { html } from "../ui/html.js";
import { toast } from "../ui/toast.js";
import { clientPath } from "./client.parts.js";

/** @import { Client } from "../types.d.ts" */
/** @typedef {(client: Client) => void} Keep shows the client as the API answered */

/** @param {Client} client @param {Keep} keep */
export async function pause({ id, name }, keep) {
  const isDone = await ask({
    title: `Pause ${name}?`,
    consequence:
      "Its batches wait until it is resumed, also after a restart. Uploads are still taken, and a batch that runs now is finished.",
    action: "Pause client",
    reason: "optional",
    run: async (reason) => keep(await post(clientPath(id, "/pause"), reason ? { reason } : {})),
  });
  if (isDone) toast(`${name} is paused: its batches wait.`);
}

/** @param {Client} client @param {Keep} keep */
export async function resume({ id, name }, keep) {
  const isDone = await ask({
    title: `Resume ${name}?`,
    consequence: "Its batches are worked again, in their order and within its limits.",
    action: "Resume client",
    reason: "optional",
    run: async (reason) => keep(await post(clientPath(id, "/resume"), reason ? { reason } : {})),
  });
  if (isDone) toast(`${name} goes on.`);
}

/** @param {Client} client @param {Keep} keep */
export async function disable({ id, name, clientIdentifier }, keep) {
  const isDone = await ask({
    title: `Disable ${name}?`,
    consequence: html`<ul class="points">
      <li>All its secrets and keys are refused at once (403 <code>client-disabled</code>), and its sessions in this console end.</li>
      <li>Uploads that run now are refused, and nothing of them is stored. Downloads and event streams end.</li>
      <li>Batches that were taken before go on to their end.</li>
      <li>Its webhook gets nothing any more; waiting deliveries end when they are due.</li>
      <li>All nodes know within a moment; within 6 s while RabbitMQ is away.</li>
    </ul>`,
    action: "Disable client",
    isDanger: true,
    type: clientIdentifier,
    run: async () => keep(await patch(clientPath(id), { status: "disabled" })),
  });
  if (isDone) toast(`${name} is disabled.`);
}

/** @param {Client} client @param {Keep} keep */
export async function enable({ id, name }, keep) {
  const isDone = await ask({
    title: `Enable ${name}?`,
    consequence: "It can log in and send again, with the secrets and keys that it had. Its webhook gets new events.",
    action: "Enable client",
    run: async () => keep(await patch(clientPath(id), { status: "active" })),
  });
  if (isDone) toast(`${name} is active.`);
}

const newName = signal("");

function Name() {
  return html`<${TextField} label="Name" value=${newName.value} required maxlength="200" onValue=${(
    /** @type {string} */ value,
  ) => {
    newName.value = value;
  }} />`;
}

/** @param {Client} client @param {Keep} keep */
export async function rename({ id, name, clientIdentifier }, keep) {
  newName.value = name;
  const isDone = await ask({
    title: `Rename ${name}`,
    consequence: `Only the name changes. The partner still logs in as ${clientIdentifier}.`,
    action: "Save",
    extra: html`<${Name} />`,
    run: async () => keep(await patch(clientPath(id), { name: newName.peek().trim() })),
  });
  if (isDone) toast("The name is changed.");
}

/** @param {Client} client @param {Keep} keep */
export async function turnHold({ id, name, legalHold }, keep) {
  const isDone = await ask({
    title: legalHold ? `End the legal hold of ${name}?` : `Put ${name} under a legal hold?`,
    consequence: legalHold
      ? "What is over its time is deleted within a day. It can be erased again."
      : "Nothing of it is deleted, by whomever: not by age, not by an erasure, not by taking batches back. What it sends goes on as before. In a cluster do this only when all nodes have this version.",
    action: legalHold ? "End legal hold" : "Set legal hold",
    isDanger: legalHold,
    run: async () => keep(await patch(clientPath(id), { legalHold: !legalHold })),
  });
  if (isDone) toast(legalHold ? "The legal hold is over." : "Nothing of this client is deleted now.");
}

/** @param {Client} client @param {() => void} reload */
export async function erase({ id, name, clientIdentifier }, reload) {
  const isDone = await ask({
    title: `Erase ${name} for ever?`,
    consequence: html`<ul class="points">
      <li>Everything of it goes: batches with bodies, records, errors and deliveries; keys, policy, datasets that it was granted, secrets.</li>
      <li>Batches that have not ended are cancelled.</li>
      <li>What it has delivered into tables of your own, or to handlers, stays there. Take its batches back first, if that is to go too.</li>
      <li>The identifier is free afterwards. This cannot be undone, and the client cannot be made active meanwhile.</li>
    </ul>`,
    action: "Erase client",
    isDanger: true,
    type: clientIdentifier,
    run: () => del(clientPath(id)),
  });
  if (!isDone) return;
  toast("The erasure has begun. It goes piece by piece.");
  reload();
}
