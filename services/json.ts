/** Parses JSON from a body's bytes, and names the byte offset of a fault. */
import { inexactNumbers } from "../formats/check/exact-json.ts";
import { nameTwice } from "../formats/check/json-names.ts";
import { jsonValue } from "../formats/check/json-value.ts";
import { Problem } from "../lib/errors.ts";
import { faultOf } from "../lib/json-fault.ts";

/**
 * The deepest nesting that is accepted, which is more than any policy needs. On deeper values, recursive code (a merge, the schema
 * compiler) would run out of stack.
 */
const MOST_DEPTH = 200;

/**
 * Throws malformed-body with the offset of the wrong byte, or of a name that comes again: only the last one would count. Throws validation for a number that a double cannot hold
 * exactly: a limit in a schema, for example, would silently become another number.
 */
export function jsonOf(bytes: Buffer): unknown {
  const text = textOf(bytes);
  const fault = (detail: string, letters: number) =>
    malformed(detail, bytes.length - Buffer.byteLength(text.slice(letters)));
  const value = parsed(text, fault);
  const deep = tooDeepAt(text);
  if (deep !== null) throw tooDeep(fault, deep);
  const twice = nameTwice(text, value);
  if (twice !== null) throw fault(`The name "${twice.name.slice(0, 100)}" comes twice in an object.`, twice.at - 1);
  const inexact = inexactNumbers(text);
  if (inexact.length > 0)
    throw new Problem("validation", "Numbers have too many digits.", { errors: inexact.map(digitsFault) });
  return value;
}

const digitsFault = ({ pointer, source }: { pointer: string; source: string }) => ({
  pointer,
  detail: `expected a number that is kept as it is (up to 15 digits): ${source.slice(0, 100)} would become ${Number(source)}${cure(source)}`,
});

/** Schema generators write the limits of a 64-bit integer. */
const INT64 = /^-?922337203685477580[78]$/;

function cure(source: string): string {
  if (!Number.isFinite(Number(source))) return "";
  return `; send that if it is meant${INT64.test(source) ? ', or use "format": "int64" in place of this bound' : ""}`;
}

function parsed(text: string, fault: (detail: string, letters: number) => Problem): unknown {
  try {
    return jsonValue(text);
  } catch {
    // The search for the offset recurses once for each level.
    const deep = tooDeepAt(text);
    const letters = faultOf(deep === null ? text : text.slice(0, deep));
    if (letters === deep) throw tooDeep(fault, deep);
    throw fault("The body is not JSON.", letters);
  }
}

const tooDeep = (fault: (detail: string, letters: number) => Problem, letters: number) =>
  fault(`The body is nested deeper than ${MOST_DEPTH} levels.`, letters);

/** The offset at which JSON exceeds the deepest nesting. Null: it never does. A string without an end extends to the end of the text. */
function tooDeepAt(json: string): number | null {
  let depth = 0;
  for (const { 0: piece, index } of json.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?$)|[[{]|[\]}]/gs)) {
    if (piece === "[" || piece === "{") depth++;
    else if (piece === "]" || piece === "}") depth--;
    if (depth > MOST_DEPTH) return index;
  }
  return null;
}

const malformed = (detail: string, offset: number) => new Problem("malformed-body", detail, { offset });

function textOf(bytes: Buffer): string {
  if (isBeginning(bytes, false)) return new TextDecoder().decode(bytes);
  const offset = furthest(bytes.length, (end) => isBeginning(bytes.subarray(0, end), true));
  throw malformed("The body is not UTF-8.", offset);
}

/** Whether bytes are UTF-8. With `isCut` the last character may be incomplete. */
function isBeginning(bytes: Buffer, isCut: boolean): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: isCut });
    return true;
  } catch {
    return false;
  }
}

/**
 * The length of the longest valid beginning. Every shorter one is valid too, so a binary search finds it in a few
 * steps.
 */
function furthest(length: number, isRight: (end: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (isRight(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}
