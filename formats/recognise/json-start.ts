/** Parses the beginning of a body as JSON, as far as it has come. */

/** A string without its closing quote. */
const OPEN_STRING = /"[^"\\\r\n]*(?:\\.[^"\\\r\n]*)*/;
/** One token. The text has one character for each byte. */
const TOKEN = new RegExp(
  `[ \\t\\r\\n]*(?:([{}[\\],:])|(${OPEN_STRING.source}")|true|false|null|-?(?:0|[1-9]\\d*)(?:\\.\\d+)?(?:[eE][+-]?\\d+)?)`,
  "y",
);
/** A text that may become a token with the next bytes. */
const UNFINISHED = new RegExp(`^[ \\t\\r\\n]*(?:${OPEN_STRING.source}\\\\?|t|tr|tru|f|fa|fal|fals|n|nu|nul|-|)$`);

export interface JsonStart {
  /** `closed`: the value has ended. `open`: the text ends inside the value. `broken`: it is not JSON. */
  state: "closed" | "open" | "broken";
  /** The position where the value ended. */
  end: number;
  /** The member names of the outermost object, as written, with the first character of each value. */
  members: [name: string, value: string][];
}

/** Parses the array or object with which `text` begins. `isAll`: nothing follows the text. */
export function jsonStart(text: string, at: number, isAll: boolean): JsonStart {
  const members: JsonStart["members"] = [];
  const open: string[] = [];
  /** The tokens that may come next. */
  let next: "value" | "valueOrEnd" | "name" | "nameOrEnd" | "colon" | "comma" = "value";
  const found = (state: JsonStart["state"]): JsonStart => ({ state, end: at, members });
  for (;;) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(text);
    if (!match) return found(UNFINISHED.test(text.slice(at)) && !isAll ? "open" : "broken");
    const [whole, sign, string] = match;
    const isClose = sign === "}" || sign === "]";
    if (isClose) {
      const isDue = next === "comma" || next === (sign === "}" ? "nameOrEnd" : "valueOrEnd");
      if (!isDue || open.pop() !== sign) return found("broken");
      next = "comma";
    } else if (sign === "," || sign === ":") {
      if (next !== (sign === "," ? "comma" : "colon")) return found("broken");
      next = sign === "," && open.at(-1) === "}" ? "name" : "value";
    } else if (next === "name" || next === "nameOrEnd") {
      if (string === undefined) return found("broken");
      if (open.length === 1) members.push([string.slice(1, -1), ""]);
      next = "colon";
    } else {
      if (next !== "value" && next !== "valueOrEnd") return found("broken");
      const last = members.at(-1);
      if (open.length === 1 && open[0] === "}" && last) last[1] = whole.trimStart().charAt(0);
      if (sign === undefined) next = "comma";
      else {
        open.push(sign === "{" ? "}" : "]");
        next = sign === "{" ? "nameOrEnd" : "valueOrEnd";
      }
    }
    at = TOKEN.lastIndex;
    if (open.length === 0) return found("closed");
    if (at === text.length) return found(isAll ? "broken" : "open");
  }
}
