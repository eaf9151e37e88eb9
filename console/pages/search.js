/** What the search box looks in, beside the names of pages. A page adds its things with a line here. */

import { get } from "../api/client.js";

/** @import { ListedClient } from "../types.d.ts" */

/**
 * @typedef {object} Hit
 * @property {string} label
 * @property {string} [hint] at the right
 * @property {string} href `#/batches/0193…`
 * @property {string} icon
 */

/**
 * @typedef {object} Searcher
 * @property {"operator" | "partner"} side
 * @property {(text: string, signal: AbortSignal) => Promise<Hit[]>} search answers few; what it throws is as if nothing was found
 */

const MOST_CLIENTS = 6;

/** @type {Searcher["search"]} */
async function clients(text, signal) {
  const { items } = await get("/admin/clients", { q: text.slice(0, 100), limit: MOST_CLIENTS }, { signal });
  return items.map((/** @type {ListedClient} */ { id, name, clientIdentifier }) => ({
    label: name,
    hint: clientIdentifier,
    href: `#/clients/${id}`,
    icon: "clients",
  }));
}

/** @type {Searcher[]} */
export const searchers = [{ side: "operator", search: clients }];
