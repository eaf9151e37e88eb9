/** Where a text stops being JSON. V8 tells it for some faults only, in sentences that change with its versions. */
import { type ParseError, printParseErrorCode, visit } from "jsonc-parser";

/**
 * The index of the first character with which no JSON can begin; the text's length where only its end is missing.
 * The text is not JSON, and not nested too deeply to recurse.
 */
export function faultOf(text: string): number {
  const { error, offset, length } = firstError(text) as ParseError;
  const standIn = standIns.get(printParseErrorCode(error));
  if (standIn === undefined) return offset;
  // The token itself is wrong. If no such token may be at this place, the fault is at its beginning.
  if (firstError(text.slice(0, offset) + standIn)?.offset === offset) return offset;
  return offset + rightPart(text, offset, length);
}

/** For errors within a token: a right one of its kind. All other errors are at the begin of a token. */
const standIns = new Map<string, string>([
  ["InvalidSymbol", "0"],
  ["UnexpectedEndOfNumber", "0"],
  ["UnexpectedEndOfString", '""'],
  ["InvalidUnicode", '""'],
  ["InvalidEscapeCharacter", '""'],
  ["InvalidCharacter", '""'],
]);

function firstError(text: string): ParseError | undefined {
  const errors: ParseError[] = [];
  const onError = (error: ParseError["error"], offset: number, length: number) =>
    errors.push({ error, offset, length });
  visit(text, { onError }, { disallowComments: true });
  return errors[0];
}

/** The begin of a string, up to within an escape. */
const STRING = /"(?:[\x20\x21\x23-\x5b\x5d-\uffff]|\\(?:["\\/bfnrt]|u[\dA-Fa-f]{4}))*(?:\\(?:u[\dA-Fa-f]{0,3})?)?/y;
const WORDS = ["true", "false", "null"];

/** How many characters of the wrong token could still become a right one. */
function rightPart(text: string, offset: number, length: number): number {
  const first = text.charAt(offset);
  if (first === '"') {
    STRING.lastIndex = offset;
    return (STRING.exec(text)?.[0] ?? "").length;
  }
  if (/[-\d]/.test(first)) return length;
  const word = WORDS.find((one) => one.startsWith(first)) ?? "";
  let same = 0;
  while (same < word.length && word[same] === text[offset + same]) same++;
  return same;
}
