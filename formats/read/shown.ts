/** Writes values of records as an error report shows them. */
import { Digits } from "../check/exact-record.ts";
import { cutText } from "../check/fault-bounds.ts";
import type { RecordNumbers } from "../check/record-numbers.ts";

/** How many characters of a value are shown. */
const LONGEST = 100;
/** How many characters of a text are read. An escaped letter takes six characters. */
const LOOKED_AT = LONGEST + 1;

/** Characters that are invisible, or reorder the text around them: controls, formats, fillers, and all blanks but the plain one. */
const UNSEEN = new RegExp(
  [
    "\\p{Cc}|\\p{Cf}|\\p{Cs}|\\p{Co}|\\p{Cn}|\\p{Zl}|\\p{Zp}|(?! )\\p{Zs}",
    "[\\u034f\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u2800\\u3164\\ufe00-\\ufe0f\\uffa0]",
  ].join("|"),
  "gu",
);

const escaped = (letter: string): string =>
  Array.from({ length: letter.length }, (_, i) => `\\u${letter.charCodeAt(i).toString(16).padStart(4, "0")}`).join("");

/** Shows the text of a cell. An invisible character is written as `\u00a0`. */
export function shownText(text: string): string {
  const visible = text.slice(0, LOOKED_AT).replace(UNSEEN, escaped);
  return cutText(visible.length <= LONGEST && text.length > LOOKED_AT ? `${visible}…` : visible, LONGEST);
}

/** Shows the JSON text of a value, cut to the length that is shown. */
export const shownJson = (value: unknown, numbers: RecordNumbers | null): string =>
  shownText(jsonStart(value, numbers));

/** The start of a long value, so that not all of a megabyte is serialized. */
function jsonStart(value: unknown, numbers: RecordNumbers | null): string {
  const parts: string[] = [];
  let room = LOOKED_AT;
  const put = (text: string) => {
    parts.push(text);
    room -= text.length;
  };
  const write = (one: unknown): void => {
    if (typeof one === "string") put(JSON.stringify(one.slice(0, room)).slice(0, one.length > room ? -1 : undefined));
    else if (typeof one === "number") put(numbers?.sourceOf(one)?.slice(0, room) ?? JSON.stringify(one));
    else if (one instanceof Digits) put(one.source.slice(0, room));
    else if (typeof one !== "object" || one === null) put(String(JSON.stringify(one)));
    else if (Array.isArray(one)) {
      put("[");
      for (let i = 0; i < one.length && room > 0; i++) {
        if (i > 0) put(",");
        write(one[i]);
      }
      put("]");
    } else {
      let next = "{";
      for (const name in one) {
        if (room <= 0) break;
        put(`${next}${JSON.stringify(name.slice(0, LOOKED_AT))}:`);
        write((one as Record<string, unknown>)[name]);
        next = ",";
      }
      put(next === "{" ? "{}" : "}");
    }
  };
  write(value);
  return parts.join("");
}
