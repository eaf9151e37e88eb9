/**
 * The value of a JSON text, with the names that the text has. JSON.parse of V8 may take another name where an object before had
 * a name with a backslash: after `{"\\":1}`, `{"\u0061":1}` has the name "\" (nodejs/node#63785). One client could so change
 * what is read of another one's records.
 */
import { stringEnd } from "./json-text.ts";

const QUOTE = 34;
const COMMA = 44;
const COLON = 58;
const OPENS_LIST = 91;
const OPENS_OBJECT = 123;
const CLOSES_LIST = 93;
const CLOSES_OBJECT = 125;
const BLANK = 32;

/** Works as JSON.parse, but with right names. */
export function jsonValue(json: string): unknown {
  const value: unknown = JSON.parse(json);
  return hasEscapedName(json) ? readJson(json) : value;
}

/** Whether a name of the text, which is valid, is written with an escape. */
export function hasEscapedName(json: string): boolean {
  if (!json.includes("\\")) return false;
  for (let at = json.indexOf('"'); at >= 0; ) {
    const end = stringEnd(json, at);
    if (json.charCodeAt(behindBlanks(json, end)) === COLON && json.slice(at, end).includes("\\")) return true;
    at = json.indexOf('"', end);
  }
  return false;
}

function behindBlanks(json: string, from: number): number {
  let at = from;
  while (json.charCodeAt(at) <= BLANK) at++;
  return at;
}

/**
 * Reads a valid text piece by piece: V8 reads names right that are texts of their own. `atomOf`: the value of a number, true,
 * false or null.
 */
export function readJson(json: string, atomOf: (source: string) => unknown = JSON.parse): unknown {
  const root: unknown[] = [];
  const open: (unknown[] | Record<string, unknown>)[] = [root];
  let name: string | null = null;
  let isName = false;
  const put = (value: unknown) => {
    const within = open.at(-1) as unknown[] | Record<string, unknown>;
    if (Array.isArray(within)) within.push(value);
    // Not by assignment, which would make no member __proto__.
    else Object.defineProperty(within, name ?? "", { value, enumerable: true, configurable: true, writable: true });
  };
  for (let at = 0; at < json.length; ) {
    const code = json.charCodeAt(at);
    if (code === QUOTE) {
      const end = stringEnd(json, at);
      const text: string = JSON.parse(json.slice(at, end));
      if (isName) name = text;
      else put(text);
      isName = false;
      at = end;
      continue;
    }
    if (code === OPENS_OBJECT || code === OPENS_LIST) {
      const inner = code === OPENS_OBJECT ? {} : [];
      put(inner);
      open.push(inner);
      isName = code === OPENS_OBJECT;
    } else if (code === CLOSES_OBJECT || code === CLOSES_LIST) open.pop();
    else if (code === COMMA) isName = !Array.isArray(open.at(-1));
    else if (code !== COLON && code > BLANK) {
      const end = atomEnd(json, at);
      put(atomOf(json.slice(at, end)));
      at = end;
      continue;
    }
    at++;
  }
  return root[0];
}

/** The place behind a number, true, false or null. */
function atomEnd(json: string, from: number): number {
  let at = from;
  while (at < json.length && !",]} \t\r\n".includes(json.charAt(at))) at++;
  return at;
}
