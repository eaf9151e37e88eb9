/** Texts without line breaks, stored together as one value: UTF-8, joined by LF. */

const LF = 10;

/** V8 takes fresh memory from the system for each string of more than 128 KiB, which costs more than to fill it. */
const BLOCK_BYTES = 64 * 1024;

export const joined = (texts: readonly string[]): Buffer => Buffer.from(texts.join("\n"));

/** Splits stored bytes into their texts. Zero bytes are no text. */
export const linesOf = (bytes: Uint8Array): string[] => (bytes.length === 0 ? [] : textOf(bytes).split("\n"));

/** The number of lines in stored bytes: the number of LFs, plus one. */
export function countLines(bytes: Uint8Array): number {
  let lines = 1;
  for (let at = bytes.indexOf(LF); at !== -1; at = bytes.indexOf(LF, at + 1)) lines++;
  return lines;
}

/** Yields stored texts in blocks of whole lines, joined by LF. */
export function* lineBlocks(bytes: Uint8Array): Generator<string, void> {
  for (let at = 0; at <= bytes.length; ) {
    const found = bytes.indexOf(LF, at + BLOCK_BYTES);
    const end = found < 0 ? bytes.length : found;
    yield textOf(bytes, at, end);
    at = end + 1;
  }
}

const textOf = (bytes: Uint8Array, from = 0, to = bytes.length): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString();
