/** Replaces sensitive values within the text of a JSON record. The rest of the text stays byte for byte. */
import { stringEnd } from "./json-text.ts";
import { isSensitive, isWithin, MASK, type Sensitive } from "./sensitive.ts";

const MASKED = JSON.stringify(MASK);
const BLANK = /\s/;
/** Ends a number or a word. */
const END = /[\s,\]}]/g;

/** `json`: an object, which JSON.parse reads. */
export function maskedJson(json: string, sensitive: Sensitive): string {
  const parts: string[] = [];
  let copied = 0;
  const mask = (from: number, to: number) => {
    parts.push(json.slice(copied, from), MASKED);
    copied = to;
  };
  members(json, skipBlank(json, 0), "", sensitive, mask);
  return parts.join("") + json.slice(copied);
}

/**
 * Looks at the members of the object at `at`, and answers the place behind it. An object is entered where it may hold a
 * sensitive field.
 */
function members(
  json: string,
  at: number,
  path: string,
  sensitive: Sensitive,
  mask: (from: number, to: number) => void,
): number {
  let place = skipBlank(json, at + 1);
  while (json[place] !== "}") {
    if (json[place] === ",") place = skipBlank(json, place + 1);
    const nameEnd = stringEnd(json, place);
    const name: string = JSON.parse(json.slice(place, nameEnd));
    const field = path === "" ? name : `${path}.${name}`;
    const from = skipBlank(json, skipBlank(json, nameEnd) + 1);
    const holdsOne = json[from] === "{" && !sensitive.some((one) => isWithin(field, one));
    const to =
      holdsOne && isSensitive(field, sensitive) ? members(json, from, field, sensitive, mask) : valueEnd(json, from);
    if (!holdsOne && isSensitive(field, sensitive)) mask(from, to);
    place = skipBlank(json, to);
  }
  return place + 1;
}

function skipBlank(json: string, at: number): number {
  let place = at;
  while (BLANK.test(json[place] ?? "")) place++;
  return place;
}

function valueEnd(json: string, from: number): number {
  if (json[from] === '"') return stringEnd(json, from);
  if (json[from] !== "{" && json[from] !== "[") {
    END.lastIndex = from;
    return END.exec(json)?.index ?? json.length;
  }
  let depth = 0;
  for (let at = from; ; at++) {
    const letter = json[at];
    if (letter === '"') at = stringEnd(json, at) - 1;
    else if (letter === "{" || letter === "[") depth++;
    else if ((letter === "}" || letter === "]") && --depth === 0) return at + 1;
  }
}
