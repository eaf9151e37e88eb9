/**
 * Finds the place at which a text stops being JSON. V8 tells the place of some faults only, and its wording changes.
 */
import { type ParseError, printParseErrorCode, visit } from "jsonc-parser";

/**
 * The index of the first character that makes a text invalid JSON. If only the end of the text is missing, this is the
 * text's length. The caller makes sure that the text is not JSON, and is not nested too deeply for a recursive parser.
 */
export function faultOf(text: string): number {
  const { error, offset, length } = firstError(text) as ParseError;
  const standIn = standIns.get(printParseErrorCode(error));
  if (standIn === undefined) return offset;
  // The token is malformed. If no token of its kind may be at this place, the fault is at the token's beginning.
  if (firstError(text.slice(0, offset) + standIn)?.offset === offset) return offset;
  return offset + rightPart(text, offset, length);
}

/** For each error within a token: a valid token of the same kind. All other errors are at the beginning of a token. */
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

/** The valid beginning of a JSON string, which may end within an escape. */
const STRING = /"(?:[\x20\x21\x23-\x5b\x5d-\uffff]|\\(?:["\\/bfnrt]|u[\dA-Fa-f]{4}))*(?:\\(?:u[\dA-Fa-f]{0,3})?)?/y;
const WORDS = ["true", "false", "null"];

/** The number of characters at the beginning of a malformed token that a valid token could begin with. */
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
