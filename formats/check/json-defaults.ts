/** Puts the defaults of a record into its own text. */

import { isObject } from "../schema/walk.ts";
import { stringEnd } from "./json-text.ts";

/** The record's text with what its check added to its value `checked`. All else stays as it was sent: 1.0 is no 1. */
export const withDefaults = (json: string, checked: unknown): string => new Filling(json).of(checked);

/** A valid JSON text, read beside the value that was made of it. Its numbers and long texts are passed over. */
class Filling {
  readonly #json: string;
  #at = 0;
  #copied = 0;
  #filled = "";

  constructor(json: string) {
    this.#json = json;
  }

  of(checked: unknown): string {
    this.#value(checked);
    return this.#filled + this.#json.slice(this.#copied);
  }

  /**
   * Fills defaults into a value. If a name came twice, the text may have another value than the parsed object. The later one
   * counts, and is filled too.
   */
  #value(checked: unknown): void {
    switch (this.#next()) {
      case "{":
        this.#object(isObject(checked) ? checked : {});
        return;
      case "[":
        this.#list(Array.isArray(checked) ? checked : []);
        return;
      case '"':
        this.#at = stringEnd(this.#json, this.#at);
        return;
      default:
        while (!isDelimiter(this.#json.charCodeAt(this.#at))) this.#at++;
    }
  }

  #list(checked: unknown[]): void {
    this.#at++;
    for (let i = 0; this.#next() !== "]"; i++) {
      this.#value(checked[i]);
      if (this.#next() === ",") this.#at++;
    }
    this.#at++;
  }

  #object(checked: Record<string, unknown>): void {
    const sent = new Set<string>();
    this.#at++;
    while (this.#next() !== "}") {
      const name = this.#name();
      sent.add(name);
      this.#value(Object.hasOwn(checked, name) ? checked[name] : undefined);
      if (this.#next() === ",") this.#at++;
    }
    for (const name of Object.keys(checked)) {
      if (sent.has(name)) continue;
      this.#insert(`${sent.size > 0 ? "," : ""}${JSON.stringify(name)}:${JSON.stringify(checked[name])}`);
      sent.add(name);
    }
    this.#at++;
  }

  /** The name of a member; then comes its value. */
  #name(): string {
    const start = this.#at;
    this.#at = stringEnd(this.#json, start);
    const text = this.#json.slice(start, this.#at);
    this.#next();
    this.#at++;
    return text.includes("\\") ? JSON.parse(text) : text.slice(1, -1);
  }

  /** The next letter that is no blank. */
  #next(): string | undefined {
    while (isBlank(this.#json.charCodeAt(this.#at))) this.#at++;
    return this.#json[this.#at];
  }

  #insert(text: string): void {
    this.#filled += this.#json.slice(this.#copied, this.#at) + text;
    this.#copied = this.#at;
  }
}

const COMMA = 44;
const CLOSES_LIST = 93;
const CLOSES_OBJECT = 125;

const isBlank = (code: number): boolean => code === 32 || (code >= 9 && code <= 13);

/** What ends a number, `true`, `false` or `null`. NaN: behind the text. */
const isDelimiter = (code: number): boolean =>
  code === COMMA || code === CLOSES_LIST || code === CLOSES_OBJECT || isBlank(code) || Number.isNaN(code);
