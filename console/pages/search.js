/** What the search box finds beside the names of pages. To add something, add a line to this table. */

import { get } from "../api/client.js";
import { shortOf } from "../ui/copy.js";
import { wordOf } from "../ui/states.js";

/** @import { Batch, ListedBatch, ListedClient } from "../types.d.ts" */

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
 * @property {(text: string, signal: AbortSignal) => Promise<Hit[]>} search answers a few hits. If it throws, nothing was found
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

const MOST_BATCHES = 6;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** Texts by which the API can find batches. It refuses others, so they are not sent. */
const OF_BATCHES = /^([0-9a-f]{8}[0-9a-f-]{0,28}|[0-9a-f]{64}|sha-256=:.{44}:|(request|key):.+)$/i;

/** @type {Searcher["search"]} */
async function batches(text, signal) {
  if (!OF_BATCHES.test(text)) return [];
  // The text may also be the id of a request.
  const asked = UUID.test(text) ? [text, `request:${text}`] : [text];
  const pages = await Promise.all(asked.map((q) => get("/admin/batches", { q, limit: MOST_BATCHES }, { signal })));
  return pages
    .flatMap(({ items }) => items)
    .map((/** @type {ListedBatch} */ { id, status, client }) => ({
      label: `Batch ${shortOf(id)}`,
      hint: [client?.clientIdentifier, wordOf(status)].filter(Boolean).join(" · "),
      href: `#/batches/${id}`,
      icon: "batches",
    }));
}

/** Searches the partner's own batches, as the list of batches does. @type {Searcher["search"]} */
async function ownBatches(text, signal) {
  if (!OF_BATCHES.test(text)) return [];
  /** @type {{ items: Batch[] }} */
  const { items } = await get("/imports", { q: text, limit: MOST_BATCHES }, { signal });
  return items.map(({ id, status, dataset }) => ({
    label: `Batch ${shortOf(id)}`,
    hint: `${dataset} · ${wordOf(status)}`,
    href: `#/batches/${id}`,
    icon: "batches",
  }));
}

/** @type {Searcher[]} */
export const searchers = [
  { side: "partner", search: ownBatches },
  { side: "operator", search: batches },
  { side: "operator", search: clients },
];
