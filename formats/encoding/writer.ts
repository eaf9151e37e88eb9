/** Writes texts in the encodings that can be written byte for byte as they were read: UTF-8, UTF-16, and those of one byte a character. */
import { createSinglebyteEncoder } from "@exodus/bytes/single-byte.js";
import { UTF_8 } from "./transcoder.ts";

export interface TextWriter {
  /** The name of the encoding. */
  encoding: string;
  /** Throws for a character that the encoding does not have. */
  bytes(text: string): Uint8Array;
  /** Before the first text: the byte order mark, where the encoding has one. */
  bom: string;
}

const BOM = "\ufeff";

export const utf8Writer: TextWriter = { encoding: UTF_8, bytes: (text) => Buffer.from(text), bom: BOM };

const utf16 = (encoding: string, isBigEndian: boolean): TextWriter => ({
  encoding,
  bytes(text) {
    const bytes = Buffer.from(text, "utf16le");
    return isBigEndian ? bytes.swap16() : bytes;
  },
  bom: BOM,
});

/** A writer for this encoding. Null: text that was read in it may become other bytes when it is written again. */
export function writerOf(encoding: string): TextWriter | null {
  if (encoding === UTF_8) return utf8Writer;
  if (encoding === "utf-16le" || encoding === "utf-16be") return utf16(encoding, encoding === "utf-16be");
  if (!/^(?:windows-|iso-8859-|koi8-|ibm866$|macintosh$|x-mac-cyrillic$)/.test(encoding)) return null;
  return { encoding, bytes: createSinglebyteEncoder(encoding), bom: "" };
}

export function canWrite({ bytes }: TextWriter, text: string): boolean {
  try {
    bytes(text);
    return true;
  } catch {
    return false;
  }
}
