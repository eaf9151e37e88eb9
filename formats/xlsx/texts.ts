/** Reads the texts of workbooks: joins their runs, undoes escapes, and keeps shared strings as bytes. */
import { ByteStore } from "../split/bytes.ts";
import { broken, tooLarge } from "./archive.ts";
import type { Attributes, XmlEvents } from "./xml.ts";

/** The most bytes of all shared strings, as UTF-8 and with four bytes for each end. */
const MOST_SHARED = 64 * 1024 * 1024;

/** The most characters of one cell, in all its runs. Excel takes 32,767. */
const LONGEST_TEXT = 4 * 1024 * 1024;

const ESCAPE = /_x([0-9a-fA-F]{4})_/g;

/** `_x000D_` stands for a character that XML cannot have, `_x005F_` for a `_` that is no escape (ST_Xstring). */
export function unescaped(text: string): string {
  if (!text.includes("_x")) return text;
  const found = text.replace(ESCAPE, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
  // If the result had half a surrogate pair, the escapes stay.
  return found.isWellFormed() ? found : text;
}

/** The white space of XML, without NBSP. */
const AROUND = /^[ \t\r\n]+|[ \t\r\n]+$/g;

/** Joins the `t` elements of a string item and of its runs. Phonetic hints for Japanese are not part of the text. */
export class TextRuns {
  #text = "";
  #run = "";
  #isInRun = false;
  #isKept = false;
  #phonetic = 0;

  open(name: string, attributes: Attributes): void {
    if (name === "rPh") this.#phonetic++;
    if (name !== "t" || this.#phonetic > 0) return;
    this.#isInRun = true;
    this.#isKept = attributes["xml:space"] === "preserve";
  }

  text(text: string): void {
    if (this.#isInRun) this.#run += text;
  }

  close(name: string): void {
    if (name === "rPh") this.#phonetic--;
    if (name !== "t" || !this.#isInRun) return;
    // As in Excel, blanks around a text count only if the file says so.
    this.#text += unescaped(this.#isKept ? this.#run : this.#run.replace(AROUND, ""));
    if (this.#text.length > LONGEST_TEXT) throw broken(`has a text of more than ${LONGEST_TEXT} characters`);
    this.#run = "";
    this.#isInRun = false;
  }

  /** Takes the text so far, and begins the next one. */
  take(): string {
    const text = this.#text;
    this.#text = "";
    return text;
  }
}

/** Reads the part `sharedStrings`. As bytes, a million texts need no objects, and keep no piece of the XML alive. */
export class SharedTexts implements XmlEvents {
  readonly #bytes = new ByteStore();
  #ends = new Uint32Array(1024);
  #count = 0;
  readonly #runs = new TextRuns();

  open(name: string, attributes: Attributes): void {
    this.#runs.open(name, attributes);
  }

  text(text: string): void {
    this.#runs.text(text);
  }

  close(name: string): void {
    this.#runs.close(name);
    if (name === "si") this.#add(this.#runs.take());
  }

  has(index: number): boolean {
    return index >= 0 && index < this.#count && Number.isInteger(index);
  }

  bytesOf(index: number): number {
    return (this.#ends[index] as number) - this.#startOf(index);
  }

  at(index: number): string {
    return this.#bytes.text(this.#startOf(index), this.#ends[index] as number);
  }

  #startOf(index: number): number {
    return index === 0 ? 0 : (this.#ends[index - 1] as number);
  }

  #add(text: string): void {
    const bytes = Buffer.from(text);
    if (this.#bytes.length + bytes.length > MOST_SHARED || 4 * this.#count >= MOST_SHARED)
      throw tooLarge(`has more than ${MOST_SHARED} bytes of shared strings`, MOST_SHARED);
    this.#bytes.append(bytes, 0, bytes.length);
    if (this.#count === this.#ends.length) {
      const larger = new Uint32Array(2 * this.#count);
      larger.set(this.#ends);
      this.#ends = larger;
    }
    this.#ends[this.#count++] = this.#bytes.length;
  }
}
