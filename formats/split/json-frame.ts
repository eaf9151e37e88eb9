import { Problem } from "../../lib/errors.ts";
import { ByteStore } from "./bytes.ts";
import { malformed } from "./json-element.ts";

/** An error shows the name of an unknown key up to this length. */
const MAX_KEY = 256;
const QUOTE = 34;
const BACKSLASH = 92;

/** White space of JSON. */
export const isWhite = (byte: number): boolean => byte === 32 || byte === 10 || byte === 13 || byte === 9;

/**
 * What stands around the elements: `[ … ]`, or `{"records": [ … ]}`.
 * ```
 * start ─[─► first ─element─► next ─,─► element ─► next …       first, next ─]─► closed
 *   └─{─► key ("…") ─► colon ─► value ─[─► first                closed (of an object) ─,─► key, ─}─► ended
 * ```
 */
type State =
  | "start"
  | "firstKey"
  | "key"
  | "inKey"
  | "colon"
  | "value"
  | "first"
  | "element"
  | "next"
  | "closed"
  | "ended";

export class JsonFrame {
  #state: State = "start";
  #isObject = false;
  #hasRecords = false;
  readonly #key = new ByteStore();
  #isEscaped = false;

  get hasBegun(): boolean {
    return this.#state !== "start";
  }

  get isInKey(): boolean {
    return this.#state === "inKey";
  }

  get hasEnded(): boolean {
    return this.#state === "ended";
  }

  /** Takes a byte from outside the elements. True: an element begins with it. */
  take(byte: number, offset: number): boolean {
    if (this.#state === "inKey") this.#state = this.#inKey(byte, offset);
    else if (!isWhite(byte)) return this.#step(String.fromCharCode(byte), offset);
    return false;
  }

  #step(char: string, offset: number): boolean {
    const isElement = (this.#state === "first" || this.#state === "element") && !",]}".includes(char);
    const state = isElement ? "next" : this.#after(char);
    if (state === null) throw malformed(this.#expected(char), offset);
    this.#state = state;
    return isElement;
  }

  /** The state after `char`, null where it is out of place. */
  #after(char: string): State | null {
    switch (this.#state) {
      case "start":
        this.#isObject = char === "{";
        return char === "[" ? "first" : char === "{" ? "firstKey" : null;
      case "firstKey":
        if (char === "}") throw wrong("/records", "a field that is required");
        return char === '"' ? "inKey" : null;
      case "key":
        return char === '"' ? "inKey" : null;
      case "colon":
        return char === ":" ? "value" : null;
      case "value":
        if (char !== "[" && !",:]}".includes(char)) throw wrong("/records", "must be an array");
        return char === "[" ? "first" : null;
      case "first":
        return char === "]" ? this.#closed() : null;
      case "next":
        return char === "," ? "element" : char === "]" ? this.#closed() : null;
      case "closed":
        return char === "," ? "key" : char === "}" ? "ended" : null;
      default:
        return null;
    }
  }

  #closed(): State {
    return this.#isObject ? "closed" : "ended";
  }

  #inKey(byte: number, offset: number): State {
    if (byte === QUOTE && !this.#isEscaped) return this.#endKey(offset);
    this.#isEscaped = byte === BACKSLASH && !this.#isEscaped;
    this.#key.push(byte);
    if (this.#key.length > MAX_KEY) throw unknownField(this.#key.view().toString());
    return "inKey";
  }

  #endKey(offset: number): State {
    const key = keyText(this.#key.view(), offset);
    if (key !== "records") throw unknownField(key);
    if (this.#hasRecords) throw wrong("/records", "the same field twice");
    this.#hasRecords = true;
    this.#key.truncate(0);
    return "colon";
  }

  #expected(char: string): string {
    switch (this.#state) {
      case "start":
        return 'The body must be a JSON array, or an object {"records": [ … ]}.';
      case "next":
        return `A comma or "]" was due, not ${JSON.stringify(char)}.`;
      case "ended":
        return "Something follows the end of the JSON text.";
      default:
        return `${JSON.stringify(char)} is out of place.`;
    }
  }
}

function keyText(key: Buffer, offset: number): string {
  try {
    return JSON.parse(`"${key.toString()}"`);
  } catch {
    throw malformed("A key is no JSON string.", offset);
  }
}

function unknownField(key: string): Problem {
  return wrong(`/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`, "unknown field");
}

function wrong(pointer: string, detail: string): Problem {
  return new Problem("validation", `${pointer}: ${detail}.`, { errors: [{ pointer, detail }] });
}
