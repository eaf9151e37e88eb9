/** Lists, page by page: `limit` and `cursor` of a query, and the body that answers it. */
import { described, type JsonSchema, listOf, orNull, record, schemaRef, text } from "../../../lib/json-schema.ts";
import type { Exchange } from "./exchange.ts";
import { wrongQuery } from "./input.ts";

export const MOST_ITEMS = 200;
export const USUAL_ITEMS = 50;

/** A page of a list. `list` names the list and whose it is: a cursor is good for that one only. */
export interface Page {
  list: string;
  limit: number;
  /** For the action that reads it: one row more than the limit, so that `next` is exact. */
  asked: { limit: number; before?: number };
}

/** Throws validation. */
export function pageOf(
  { req }: Exchange,
  list: string,
  { limit = String(USUAL_ITEMS), cursor }: { limit?: string; cursor?: string },
): Page {
  const number = /^\d{1,3}$/.test(limit) ? Number(limit) : 0;
  if (number < 1 || number > MOST_ITEMS) throw wrongQuery("limit", `expected a whole number from 1 to ${MOST_ITEMS}`);
  const asked = { limit: number + 1 };
  if (cursor === undefined) return { list, limit: number, asked };
  const before = req.$service.cursors.open(list, cursor);
  if (before === null) throw wrongQuery("cursor", "expected the `next` of a page before, of this list");
  return { list, limit: number, asked: { ...asked, before } };
}

/** Of the rows that were asked for. */
export async function pageBody<Row extends { id: number }, Item>(
  { req }: Exchange,
  { list, limit }: Page,
  rows: Row[],
  show: (row: Row) => Item | Promise<Item>,
): Promise<{ items: Item[]; next: string | null }> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return {
    items: await Promise.all(items.map(show)),
    next: rows.length > limit && last ? req.$service.cursors.seal(list, last.id) : null,
  };
}

/** What `pageBody` answers, of items of the document's schema `name`. */
export const pageSchema = (name: string): JsonSchema =>
  record({
    items: listOf(schemaRef(name)),
    next: described("The cursor of the next page; null: this is the last.", orNull(text())),
  });
