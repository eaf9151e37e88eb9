/** Pages of lists: the query's `limit` and `cursor`, and the body of the answer. */
import { described, type JsonSchema, listOf, orNull, record, schemaRef, text } from "../../../lib/json-schema.ts";
import type { BatchPage } from "../../batch/batch.filter.domain.ts";
import type { Exchange } from "./exchange.ts";
import { wrongQuery } from "./input.ts";

export const MOST_ITEMS = 200;
export const USUAL_ITEMS = 50;

/** The page of a filter that no batch can match. */
export const nothingListed = { items: [], next: null };

/** A page of a list. `list` names the list and its owner: a cursor is valid for that list only. */
export interface Page {
  list: string;
  limit: number;
  /**
   * The page that the action is asked for. Its limit is one row more than the page has, so that the extra row tells
   * whether a next page exists.
   */
  asked: { limit: number; before?: number };
}

const wrongCursor = () => wrongQuery("cursor", "expected the `next` of a page before, of this list");

export function limitOf(limit = String(USUAL_ITEMS)): number {
  const number = /^\d{1,3}$/.test(limit) ? Number(limit) : 0;
  if (number < 1 || number > MOST_ITEMS) throw wrongQuery("limit", `expected a whole number from 1 to ${MOST_ITEMS}`);
  return number;
}

/** Reads the page that the query asks for. Throws validation. */
export function pageOf(
  { req }: Exchange,
  list: string,
  { limit, cursor }: { limit?: string | undefined; cursor?: string | undefined },
): Page {
  const number = limitOf(limit);
  const asked = { limit: number + 1 };
  if (cursor === undefined) return { list, limit: number, asked };
  const before = req.$service.cursors.open(list, cursor);
  if (before === null) throw wrongCursor();
  return { list, limit: number, asked: { ...asked, before } };
}

/** A page of a list that is ordered by names. */
export interface NamePage {
  list: string;
  limit: number;
  asked: { limit: number; after?: string };
}

/** Reads the page of a list in the order of names that the query asks for. Throws validation. */
export function namePageOf(list: string, { limit, cursor }: { limit?: string; cursor?: string }): NamePage {
  const most = limitOf(limit);
  const asked = { limit: most + 1 };
  if (cursor === undefined) return { list, limit: most, asked };
  const [of, after] = Buffer.from(cursor, "base64url").toString().split("\n");
  if (of !== list || !after) throw wrongCursor();
  return { list, limit: most, asked: { ...asked, after } };
}

/**
 * Works as `pageBody`, for lists in the order of names. The cursor is a name and not encrypted, because names are no
 * secret to readers of the list.
 */
export function namePageBody<Row extends { name: string }, Item>(
  { list, limit }: NamePage,
  rows: Row[],
  show: (row: Row) => Item,
): { items: Item[]; next: string | null } {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  const next = rows.length > limit && last ? Buffer.from(`${list}\n${last.name}`).toString("base64url") : null;
  return { items: items.map(show), next };
}

/** Makes the body of a page from the rows that the action answered. */
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

/** The page in the form that actions take which find batches by a filter. */
export const beyond = ({ limit, asked: { before } }: Page, isOldestFirst = false): BatchPage => ({
  limit,
  isOldestFirst,
  ...(before !== undefined && { beyond: before }),
});

/**
 * Makes the body of a page from what an action has found by a filter. Such a page may have fewer items than the limit
 * although more pages follow.
 */
export const foundBody = <Item>(
  { req }: Exchange,
  { list }: Page,
  { next }: { next: number | null },
  items: Item[],
) => ({
  items,
  next: next === null ? null : req.$service.cursors.seal(list, next),
});

/** The JSON Schema of what `pageBody` answers, for items of the schema `name`. */
export const pageSchema = (name: string): JsonSchema =>
  record({
    items: listOf(schemaRef(name)),
    next: described("The cursor of the next page; null: this is the last.", orNull(text())),
  });
