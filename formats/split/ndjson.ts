import type { SplitLimits } from "../formats.ts";
import { type RowScanner, RowSplitter } from "./rows.ts";

const LF = 10;
const SPACE = 32;
const BLANKS = " \t\r";

class LineScanner implements RowScanner {
  readonly lines = 1;
  contentEnd = 0;
  #bytes: Buffer = Buffer.alloc(0);

  feed(bytes: Buffer): void {
    this.#bytes = bytes;
  }

  next(from: number): number {
    this.contentEnd = this.#bytes.indexOf(LF, from);
    return this.contentEnd + 1 || -1;
  }
}

/** A line is a record, unless it is blank. */
export class NdjsonSplitter extends RowSplitter {
  constructor(limits: SplitLimits) {
    super(limits, new LineScanner(), BLANKS);
    this.oddStarts.fill(1, 0, SPACE + 1);
  }

  protected override isNoRecord(row: Buffer): boolean {
    return row.every((byte) => BLANKS.includes(String.fromCharCode(byte)));
  }

  /**
   * The text that replaces a record that is too long. If its first bytes are all blank, "?" replaces it, because the parser would
   * take them for a blank line.
   */
  protected override standIn(first: Buffer): Buffer {
    return this.isNoRecord(first) ? Buffer.from("?") : first;
  }
}
