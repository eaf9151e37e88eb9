/** How many clients have a dataset. */
import { useEffect, useState } from "preact/hooks";
import { get } from "../api/client.js";
import { html } from "../ui/html.js";
import { plural } from "../ui/numbers.js";

/** The list of datasets has the number. @param {string} name @returns {Promise<number | null>} null: there is no such dataset */
export async function clientsOf(name) {
  for (let cursor = ""; ; ) {
    const { items, next } = await get("/admin/datasets", { limit: 200, cursor });
    const found = items.find((/** @type {{ name: string }} */ one) => one.name === name);
    if (found || next === null) return found?.clients ?? null;
    cursor = next;
  }
}

/** @param {{ name: string }} props */
export function Granted({ name }) {
  const [clients, setClients] = useState(/** @type {number | null} */ (null));
  useEffect(() => {
    clientsOf(name).then(setClients, () => setClients(null));
  }, [name]);
  if (clients === null) return html`<span class="quiet">–</span>`;
  return clients === 0 ? html`none has it yet` : html`${plural(clients, "client has", "clients have")} it`;
}
