/** Gives a dataset to a client. */
import { signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { get, put } from "../api/client.js";
import { ApiProblem } from "../api/problem.js";
import { ask } from "../ui/dialog.js";
import { fieldOf } from "../ui/fields.js";
import { html } from "../ui/html.js";
import { toast } from "../ui/toast.js";

/** @import { Client } from "../types.d.ts" */

const typed = signal("");

/**
 * @param {string} text
 * @returns {Promise<Client[]>} clients whose identifier or name contains the text; all clients if the node cannot search
 */
async function clientsLike(text) {
  const { items } = await get("/admin/clients", { q: text, limit: 20 }).catch((error) => {
    if (error.status !== 422) throw error;
    return get("/admin/clients", { limit: 200 });
  });
  return items;
}

function Fields() {
  const [found, setFound] = useState(/** @type {Client[]} */ ([]));
  const text = typed.value;
  useEffect(() => {
    const timer = setTimeout(() => clientsLike(text.trim()).then(setFound, () => setFound([])), 300);
    return () => clearTimeout(timer);
  }, [text]);
  return html`<label class="field"><span>Client</span>
    <input type="text" required autocomplete="off" spellcheck=${false} list="grant-clients" placeholder="identifier" value=${text} onInput=${(
      /** @type {Event} */ event,
    ) => {
      typed.value = fieldOf(event).value;
    }} />
    <datalist id="grant-clients">${found.map((client) => html`<option key=${client.id} value=${client.clientIdentifier}>${client.name}</option>`)}</datalist></label>`;
}

/** @param {string} dataset @returns {Promise<boolean>} whether it was given */
export async function grantTo(dataset) {
  typed.value = "";
  const isDone = await ask({
    title: `Grant ${dataset} to a client`,
    consequence:
      "The client may then upload to it. What differs for this client alone can be set on the client's page.",
    action: "Grant",
    extra: html`<${Fields} />`,
    run: async () => {
      const wanted = typed.peek().trim();
      const client = (await clientsLike(wanted)).find(
        ({ clientIdentifier, id }) => clientIdentifier === wanted || id === wanted,
      );
      if (!client)
        throw new ApiProblem({
          status: 404,
          code: "not-found",
          detail: `There is no client "${wanted}". Type its identifier.`,
        });
      await put(`/admin/clients/${client.id}/datasets/${encodeURIComponent(dataset)}`, {});
    },
  });
  if (isDone) toast(`${typed.peek().trim()} has ${dataset} now.`);
  return isDone;
}
