/** Tells what is of the person that an erasure is about: records by their values, texts by the values in them. */
import type { Format } from "../../formats/formats.ts";
import type { Criteria } from "./retention.domain.ts";

const MASK = "•••";
const WORD = /[\p{L}\p{N}]/u;

/** The values at a path: of a name with dots, of inner objects, and of each element of a list. */
function valuesAt(value: unknown, path: string[]): unknown[] {
  if (Array.isArray(value)) return value.flatMap((one) => valuesAt(one, path));
  const [name, ...rest] = path;
  if (name === undefined) return [value];
  if (typeof value !== "object" || value === null) return [];
  const whole = path.length > 1 ? (value as Record<string, unknown>)[path.join(".")] : undefined;
  return [
    ...(whole === undefined ? [] : [whole]),
    ...valuesAt(Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined, rest),
  ];
}

/** A value as it may stand in a text: as it is, with CSV's doubled quotes, and as in JSON. */
const formsOf = (value: string | number): string[] => {
  const text = String(value);
  return [...new Set([text, text.replaceAll('"', '""'), JSON.stringify(text).slice(1, -1)])];
};

/** A text of JSON, which may be malformed, with the letters that it writes as escapes. */
const unescaped = (text: string): string =>
  text
    .replace(/\\u([0-9a-f]{4})/gi, (_all, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
    .replaceAll("\\/", "/");

/** Whether the text has it as a word of its own: `17` is not in `2017`. */
function hasWord(text: string, word: string): boolean {
  for (let at = text.indexOf(word); at !== -1; at = text.indexOf(word, at + 1)) {
    const [before, after] = [text.slice(Math.max(0, at - 2), at), text.slice(at + word.length, at + word.length + 2)];
    const isStart = !WORD.test(word[0] ?? "") || !WORD.test([...before].at(-1) ?? "");
    if (isStart && !(WORD.test(word.at(-1) ?? "") && WORD.test([...after][0] ?? ""))) return true;
  }
  return false;
}

export class Person {
  readonly #wanted: [path: string[], value: string | number, forms: string[]][];

  constructor(criteria: Criteria) {
    this.#wanted = Object.entries(criteria).map(([field, value]) => [field.split("."), value, formsOf(value)]);
  }

  /** A delivered record: equal as JSON values. */
  isRecord(text: string): boolean {
    return this.#isAt(text, (found, wanted) => found === wanted) ?? false;
  }

  /** The text of a refused record, or of a body: each value stands in it, in JSON in its field. */
  isText(text: string, format: Format): boolean {
    const isJson = format === "json" || format === "ndjson";
    const texts = isJson && text.includes("\\") ? [text, unescaped(text)] : [text];
    const mayBe = this.#wanted.every(([, , forms]) => forms.some((form) => texts.some((one) => hasWord(one, form))));
    if (!isJson) return mayBe;
    // Letters may be written as \u0040.
    if (!mayBe && !text.includes("\\u")) return false;
    const found = text
      .split("\n")
      .filter((line) => line.trim() !== "")
      .map((line) => this.#isAt(line.replace(/,\s*$/, ""), (value, wanted) => String(value) === String(wanted)));
    // What cannot be read line by line is judged by its text.
    return found.includes(true) || (found.includes(undefined) && mayBe);
  }

  /** A stored chunk of a body, whatever its encoding is. */
  isChunk(data: Buffer, format: Format): boolean {
    return (
      this.isText(data.toString("utf8"), format) || (!isAscii(data) && this.isText(data.toString("latin1"), format))
    );
  }

  /** Whether one of the values stands in the text. */
  isNamedIn(text: string): boolean {
    return this.#wanted.some(([, , forms]) => forms.some((form) => hasWord(text, form)));
  }

  /** Whether a text that an event or a webhook tells names the person. Numbers there are ours. */
  isToldIn(document: string): boolean {
    const texts = stringsOf(JSON.parse(document));
    return texts.some((text) => this.#wanted.every(([, , forms]) => forms.some((form) => hasWord(text, form))));
  }

  /** The text with each value masked. */
  masked(text: string): string {
    let shown = text;
    for (const [, , forms] of this.#wanted)
      for (const form of forms) if (hasWord(shown, form)) shown = shown.replaceAll(form, MASK);
    return shown;
  }

  /** Undefined: the text is no JSON object. */
  #isAt(text: string, isEqual: (found: unknown, wanted: string | number) => boolean): boolean | undefined {
    const value = objectOf(text);
    return value && this.#wanted.every(([path, wanted]) => valuesAt(value, path).some((one) => isEqual(one, wanted)));
  }
}

const isAscii = (data: Buffer): boolean => data.every((byte) => byte < 128);

function objectOf(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function stringsOf(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(stringsOf) : [];
}
