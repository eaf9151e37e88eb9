/** Finds the place of each value in a JSON text, for faults of the text itself and for pointers in answers of the API. */
import { parseExact } from "../ui/exact-json.js";
import { escaped } from "./pointers.js";

/** @typedef {{ from: number, to: number, line: number }} Place offsets, and the line from 1 */

/** @param {string} text @param {number} offset */
const lineAt = (text, offset) => text.slice(0, offset).split("\n").length;

/**
 * @param {string} text
 * @returns {{ value: unknown, fault: null } | { value: undefined, fault: Place & { message: string } }}
 */
export function parsed(text) {
  try {
    return { value: parseExact(text), fault: null };
  } catch {
    const { offset, message } = faultOf(text);
    const from = Math.min(offset, text.length);
    return {
      value: undefined,
      fault: { from, to: Math.min(from + 1, text.length), line: lineAt(text, from), message },
    };
  }
}

class Fault extends Error {
  /** @param {number} offset @param {string} message */
  constructor(offset, message) {
    super(message);
    this.offset = offset;
  }
}

/** @param {string} text */
function faultOf(text) {
  try {
    scan(text);
  } catch (error) {
    if (error instanceof Fault) return error;
  }
  return new Fault(0, "This is no JSON.");
}

/**
 * The place of every value, by pointer. A member's place begins at its name.
 * @param {string} text
 * @returns {Map<string, Place>} empty if the text is no JSON
 */
export function placesOf(text) {
  try {
    return scan(text);
  } catch {
    return new Map();
  }
}

/** The place of `pointer`. If there is no such value, the place of the nearest part around it. */
/** @param {Map<string, Place>} places @param {string} pointer @returns {Place | undefined} */
export function placeOf(places, pointer) {
  for (let at = pointer; ; at = at.slice(0, at.lastIndexOf("/"))) {
    const found = places.get(at);
    if (found || at === "") return found;
  }
}

const SCALAR = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)/y;
const STRING = /"(?:[ !#-[\]-\uffff]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;

/** @param {string} text @returns {Map<string, Place>} Throws Fault. */
function scan(text) {
  /** @type {Map<string, Place>} */
  const places = new Map();
  let at = 0;
  let line = 1;
  const skip = () => {
    for (; /[ \t\r\n]/.test(text[at] ?? ""); at++) if (text[at] === "\n") line++;
  };
  /** @param {RegExp} pattern @param {string} wanted */
  const take = (pattern, wanted) => {
    pattern.lastIndex = at;
    const [found] = pattern.exec(text) ?? [];
    if (found === undefined || found === "") throw new Fault(at, `Expected ${wanted} here.`);
    at += found.length;
    return found;
  };
  /** @param {string} pointer @param {number} from @param {number} begun */
  const value = (pointer, from, begun) => {
    skip();
    const first = text[at];
    if (first === "{") members(pointer);
    else if (first === "[") items(pointer);
    else if (first === '"') take(STRING, "the end of the text, a quote,");
    else take(SCALAR, "a value");
    places.set(pointer, { from, to: at, line: begun });
  };
  /** @param {string} end @param {(index: number) => void} one */
  const several = (end, one) => {
    at++;
    skip();
    if (text[at] === end) return at++;
    for (let index = 0; ; index++) {
      skip();
      one(index);
      skip();
      const next = text[at];
      if (next !== "," && next !== end) throw new Fault(at, `Expected , or ${end} here.`);
      at++;
      if (next === end) return at;
    }
  };
  /** @param {string} pointer */
  const members = (pointer) =>
    several("}", () => {
      const from = at;
      const begun = line;
      const name = JSON.parse(take(STRING, "the name of a member in quotes"));
      skip();
      take(/:/y, "a colon");
      value(`${pointer}/${escaped(name)}`, from, begun);
    });
  /** @param {string} pointer */
  const items = (pointer) => several("]", (index) => value(`${pointer}/${index}`, at, line));
  skip();
  value("", at, line);
  skip();
  if (at < text.length) throw new Fault(at, "Expected the end here.");
  return places;
}

/** @typedef {Place & { message: string }} JsonMark */

/** Faults by pointer as marks in a text. @param {string} text @param {{ pointer: string, detail: string }[]} faults @returns {JsonMark[]} */
export function marksOf(text, faults) {
  if (faults.length === 0) return [];
  const places = placesOf(text);
  return faults.map(({ pointer, detail }) => ({
    ...(placeOf(places, pointer) ?? { from: 0, to: 0, line: 1 }),
    message: detail,
  }));
}
