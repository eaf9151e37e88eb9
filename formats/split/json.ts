import type { SplitLimits } from "../formats.ts";
import { BodySplitter } from "./body.ts";
import { ElementScanner, malformed } from "./json-element.ts";
import { isWhite, JsonFrame } from "./json-frame.ts";

const SPACE = 0x20;
/** Takes the place of a line end inside a string: JSON allows neither there, so the record stays as wrong as it was. */
const VERTICAL_TAB = 0x0b;

/** Splits a JSON array, bare or as `{"records": […]}`, into its elements, one a line. */
export class JsonSplitter extends BodySplitter {
  readonly #frame = new JsonFrame();
  readonly #scanner = new ElementScanner();
  #inElement = false;

  constructor(limits: SplitLimits) {
    super(limits, false);
  }

  protected override take(bytes: Buffer): void {
    for (let i = 0; i < bytes.length; ) {
      if (this.#inElement) {
        i = this.#element(bytes, i);
      } else {
        if (!this.#frame.isInKey) i = behindWhite(bytes, i);
        if (i === bytes.length) return;
        this.#inElement = this.#frame.take(bytes[i] as number, this.offset + i);
        if (this.#inElement) this.#scanner.begin(bytes[i] as number);
        else i++;
      }
    }
  }

  protected override finish(): void {
    if (this.#inElement || (this.#frame.hasBegun && !this.#frame.hasEnded)) {
      throw malformed("The JSON text never ends.", this.offset);
    }
  }

  #element(bytes: Buffer, from: number): number {
    const at = this.#scanner.scan(bytes, from, this.offset);
    if (at > from) this.chunks.keep(bytes, from, at);
    if (this.#scanner.stop === "piece") return at;
    if (this.#scanner.stop === "end") return this.#endElement(at);
    this.chunks.keepByte(this.#scanner.isString ? VERTICAL_TAB : SPACE);
    return at + 1;
  }

  #endElement(at: number): number {
    this.#inElement = false;
    if (this.chunks.recordBytes <= this.chunks.limits.maxRecordBytes) this.chunks.endRecord(0);
    else this.chunks.endOversized(this.chunks.firstBytes, 1);
    return at;
  }
}

/** The place behind the white space that begins at `from`. */
function behindWhite(bytes: Buffer, from: number): number {
  let i = from;
  while (i < bytes.length && isWhite(bytes[i] as number)) i++;
  return i;
}
