/** How much records grow when the defaults of their schema, and the names of a CSV's columns, are added. */
import { type SchemaNode, walkSchema } from "../schema/walk.ts";

/** A chunk is cut where defaults may have added so much to its records; commits of 4 MiB make others wait on SQLite. */
export const MOST_DEFAULTS = 1024 * 1024;
/** The same of the names of columns, which are added in any case: chunks of ordinary CSV are not to be cut by it. */
export const MOST_NAMES = 4 * 1024 * 1024;
/** Characters of a chunk's accepted records, beside one that is as long as may be: a chunk is one commit, and held in memory. */
export const CHUNK_CHARACTERS = 8 * 1024 * 1024;

/** Characters that defaults may add to all records of a batch, for each byte that its body may have; in any case 64 MiB. */
const GROWTH = 4;
const LEAST_GROWTH = 64 * 1024 * 1024;

/**
 * The bytes that defaults may add to a chunk: the chunk's share, by its number of records. So a chunk does not depend on what
 * other chunks have used.
 */
export const growthShare = (maxBytes: number, records: number, ofAll: number): number =>
  (Math.max(LEAST_GROWTH, GROWTH * maxBytes) * records) / Math.max(records, ofAll);

/** The place of a default that is filled in at most once: a property of the record, or of an object in it. */
const ONE_PLACE = /^(?:\/properties\/[^/]+|\/allOf\/\d+)+$/;
/** How many items a list is assumed to have when a chunk is cut. Then up to eight times as many still fit. */
const USUAL_ITEMS = 4;

interface Defaults {
  /** The approximate size of all defaults, with their names. */
  bytes: number;
  /** Whether none is put into a record twice. */
  areOnce: boolean;
}

const known = new WeakMap<object, Defaults>();

function defaultsOf(schema: object): Defaults {
  const found = known.get(schema) ?? { bytes: 0, areOnce: true };
  if (known.has(schema)) return found;
  walkSchema(schema, (node, pointer) => {
    if (node.$ref !== undefined || node.$dynamicRef !== undefined) found.areOnce = false;
    if (node.default === undefined) return;
    found.areOnce &&= ONE_PLACE.test(pointer);
    found.bytes += Buffer.byteLength(JSON.stringify(node.default)) + Buffer.byteLength(nameIn(pointer)) + 4;
  });
  known.set(schema, found);
  return found;
}

const nameIn = (pointer: string): string => pointer.slice(pointer.lastIndexOf("/") + 1);

/** The most bytes that defaults may add to a record; infinite where one may be put in more than once. */
export function growthOf(schema: object): number {
  const { bytes, areOnce } = defaultsOf(schema);
  return bytes === 0 || areOnce ? bytes : Number.POSITIVE_INFINITY;
}

/** The bytes that defaults may well add to a record. */
export function usualGrowthOf(schema: object): number {
  const { bytes, areOnce } = defaultsOf(schema);
  return areOnce ? bytes : bytes * USUAL_ITEMS;
}

/** What the names of its columns add to the JSON text of a row whose cells are all texts. */
export const namesOf = (columns: string[]): number =>
  columns.reduce((bytes, name) => bytes + Buffer.byteLength(name) + 6, 2);

/**
 * Whether the JSON text of `value` certainly has more bytes than `limit`, however it is written. Asked before that text is
 * made: the defaults of a schema that refers to itself, or of each item of a list, can make a gigabyte of a few bytes.
 */
export const isLongerThan = (value: unknown, limit: number): boolean =>
  roomAfter(value, limit, mostBytes) < 0 && roomAfter(value, limit, Buffer.byteLength) < 0;

/** A letter has up to three bytes. To count them takes some ten times as long, and few records come near a limit. */
const mostBytes = (text: string): number => 3 * text.length;

/** What is left of `room` behind the text of `value`; less than 0 as soon as that is known. */
function roomAfter(value: unknown, room: number, bytesOf: (text: string) => number): number {
  if (typeof value === "string") return room - bytesOf(value) - 2;
  if (typeof value !== "object" || value === null) return room - (typeof value === "number" ? 1 : 4);
  let left = room - 1;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length && left >= 0; i++) left = roomAfter(value[i], left - 1, bytesOf);
  } else {
    for (const name in value) {
      left = roomAfter((value as SchemaNode)[name], left - bytesOf(name) - 4, bytesOf);
      if (left < 0) return left;
    }
  }
  return left;
}
