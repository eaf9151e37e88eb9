/** JSON from a body's bytes, with the place of its fault: V8 tells it for some faults only, and in letters. */
import { Problem } from "../errors.ts";

/** Throws malformed-body with the offset of the byte that is out of place. */
export function jsonOf(bytes: Buffer): unknown {
  const text = textOf(bytes);
  try {
    return JSON.parse(text);
  } catch {
    const letters = furthest(text.length, (end) => mayGoOn(text.slice(0, end)));
    throw malformed("The body is not JSON.", bytes.length - Buffer.byteLength(text.slice(letters)));
  }
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
