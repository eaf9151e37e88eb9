/** Objects of JSON that have a name twice: what is checked and what is stored could differ (RFC 7493). */
import { stringEnd } from "./json-text.ts";

export interface NameTwice {
  name: string;
  /** The character where it comes again, from 1. */
  at: number;
}

/**
 * The name that comes twice in an object of a JSON text, somewhere; null: none does. `value` is what JSON.parse made of it,
 * which has one member fewer then. Most texts cost a search for their colons.
 */
export function nameTwice(json: string, value: unknown): NameTwice | null {
  return hasEachName(json, value) ? null : foundTwice(json);
}

/** Colons of a text and of strings in it. */
function colonsIn(text: string): number {
  let count = 0;
  for (let at = text.indexOf(":"); at >= 0; at = text.indexOf(":", at + 1)) count++;
  return count;
}

/**
 * Whether there are no more names in the text than in the value, seen by counting: each name has a colon behind it, and
 * each other colon stands in a string. A text with escapes could hide how many its strings have. Strings of members that
 * were lost are not counted, so that a name too many is never missed.
 */
function hasEachName(json: string, value: unknown): boolean {
  const others = colonsIn(json) - namesOf(value);
  return others === 0 || (!json.includes("\\") && others === colonsWithin(value));
}

const isNested = (value: unknown): value is object => typeof value === "object" && value !== null;

function namesOf(value: unknown): number {
  if (!isNested(value)) return 0;
  let count = 0;
  if (Array.isArray(value)) {
    for (const item of value) if (isNested(item)) count += namesOf(item);
    return count;
  }
  for (const name in value) {
    count++;
    const inner = (value as Record<string, unknown>)[name];
    if (isNested(inner)) count += namesOf(inner);
  }
  return count;
}

/** Colons of its strings. A name with a colon is left to a reading of the whole text. */
function colonsWithin(value: unknown): number {
  if (typeof value === "string") return colonsIn(value);
  if (!isNested(value)) return 0;
  let count = 0;
  if (Array.isArray(value)) for (const item of value) count += colonsWithin(item);
  else
    for (const name in value) {
      const inner = (value as Record<string, unknown>)[name];
      if (typeof inner === "string") count += colonsIn(inner);
      else if (isNested(inner)) count += colonsWithin(inner);
    }
  return count;
}

const QUOTE = 34;
const COLON = 58;
const COMMA = 44;
const OPENS_LIST = 91;
const OPENS_OBJECT = 123;
const CLOSES_LIST = 93;
const CLOSES_OBJECT = 125;

/** Reads the whole text. */
function foundTwice(json: string): NameTwice | null {
  /** The names of each object that is open; null: a list. */
  const open: (Set<string> | null)[] = [];
  let isName = false;
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code === QUOTE) {
      const end = stringEnd(json, at);
      const names = open.at(-1);
      if (isName && names) {
        const name: string = JSON.parse(json.slice(at, end));
        if (names.has(name)) return { name, at: at + 1 };
        names.add(name);
      }
      isName = false;
      at = end - 1;
    } else if (code === OPENS_OBJECT || code === OPENS_LIST) {
      isName = code === OPENS_OBJECT;
      open.push(isName ? new Set() : null);
    } else if (code === CLOSES_OBJECT || code === CLOSES_LIST) open.pop();
    else if (code === COMMA) isName = open.at(-1) !== null;
    else if (code === COLON) isName = false;
  }
  return null;
}
