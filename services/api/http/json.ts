/** JSON from a body's bytes, with the place of its fault: V8 tells it for some faults only, and in letters. */
import { inexactNumbers } from "../../../formats/check/exact-json.ts";
import { Problem } from "../../../lib/errors.ts";

/** More than any policy needs. What goes through a value by itself (a merge, a compiler of schemas) would run out of stack. */
const MOST_DEPTH = 200;

/**
 * Throws malformed-body with the offset of the byte that is out of place, and validation for a number that no double
 * holds: a limit of a schema, say, would become another one without a word.
 */
export function jsonOf(bytes: Buffer): unknown {
  const text = textOf(bytes);
  const fault = (detail: string, letters: number) =>
    malformed(detail, bytes.length - Buffer.byteLength(text.slice(letters)));
  const value = parsed(text, fault);
  const deep = tooDeepAt(text);
  if (deep !== null) throw fault(`The body is nested deeper than ${MOST_DEPTH} levels.`, deep);
  const inexact = inexactNumbers(text);
  if (inexact.length > 0)
    throw new Problem("validation", "Numbers have too many digits.", { errors: inexact.map(digitsFault) });
  return value;
}

const digitsFault = ({ pointer, source }: { pointer: string; source: string }) => ({
  pointer,
  detail: `expected a number that is kept as it is (up to 15 digits): ${source.slice(0, 100)} would become ${Number(source)}${cure(source)}`,
});

/** Generators of schemas write the bounds of 64 bits. */
const INT64 = /^-?922337203685477580[78]$/;

function cure(source: string): string {
  if (!Number.isFinite(Number(source))) return "";
  return `; send that if it is meant${INT64.test(source) ? ', or use "format": "int64" in place of this bound' : ""}`;
}

function parsed(text: string, fault: (detail: string, letters: number) => Problem): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const letters = furthest(text.length, (end) => mayGoOn(text.slice(0, end)));
    throw fault("The body is not JSON.", letters);
  }
}

/** Where JSON goes one level too deep; null: nowhere. */
function tooDeepAt(json: string): number | null {
  let depth = 0;
  for (const { 0: piece, index } of json.matchAll(/"(?:[^"\\]|\\.)*"|[[{]|[\]}]/g)) {
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

/** Whether bytes are UTF-8; with `isCut` the last letter may be incomplete. */
function isBeginning(bytes: Buffer, isCut: boolean): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: isCut });
    return true;
  } catch {
    return false;
  }
}

/** The longest beginning that is right; every shorter one is right too, so halving finds it in a few steps. */
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

/** Whether something can follow that makes JSON of it: what is wrong is nothing but its end. */
function mayGoOn(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    const { message } = error as Error;
    const position = /at position (\d+)/.exec(message)?.[1];
    return /end of JSON input|^Unterminated string/.test(message) || Number(position ?? -1) === text.length;
  }
}
