/** What the search box looks in, beside the names of pages. A page adds its things with a line here. */

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

/** @type {Searcher[]} */
export const searchers = [];
