/** Converts bodies in any encoding to UTF-8 before they are split. */
import { normalizeEncoding, TextDecoder } from "@exodus/bytes/encoding.js";
import { Problem } from "../../lib/errors.ts";
import type { RawChunk, Splitter } from "../formats.ts";

export const UTF_8 = "utf-8";

/** Byte order marks. They tell the encoding, whatever was declared. */
const BOMS: [encoding: string, bom: Buffer][] = [
  [UTF_8, Buffer.from([0xef, 0xbb, 0xbf])],
  ["utf-16le", Buffer.from([0xff, 0xfe])],
  ["utf-16be", Buffer.from([0xfe, 0xff])],
];
const UTF_32 = Buffer.from([0xff, 0xfe, 0, 0]);
const LONGEST_BOM = UTF_32.length;

/** A byte that never occurs in UTF-8. It replaces bytes that are invalid in the encoding. */
const INVALID = Buffer.from([0xff]);
const REPLACEMENT = "\ufffd";
const NOTHING = Buffer.alloc(0);

/** The name of the encoding for a label of the WHATWG Encoding Standard. Null: the label is unknown, or we cannot read the encoding. */
export function encodingOf(label: string): string | null {
  const name = normalizeEncoding(label);
  return name === "replacement" ? null : name;
}

interface Decoder {
  push(bytes: Buffer): Buffer;
  end(): Buffer;
}

const untouched: Decoder = { push: (bytes) => bytes, end: () => NOTHING };

function decoderOf(encoding: string): Decoder {
  if (encoding === UTF_8) return untouched;
  return encoding.startsWith("utf-16") ? new Utf16(encoding === "utf-16be") : new Legacy(encoding);
}

/** The decoder writes U+FFFD for invalid bytes. No encoding here has that character, except GB18030, where nobody writes it. */
class Legacy implements Decoder {
  readonly #decoder: InstanceType<typeof TextDecoder>;

  constructor(encoding: string) {
    this.#decoder = new TextDecoder(encoding, { ignoreBOM: true });
  }

  push(bytes: Buffer): Buffer {
    return marked(this.#decoder.decode(bytes, { stream: true }), REPLACEMENT);
  }

  end(): Buffer {
    return marked(this.#decoder.decode(), REPLACEMENT);
  }
}

const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

class Utf16 implements Decoder {
  readonly #isBigEndian: boolean;
  #rest: Buffer = NOTHING;

  constructor(isBigEndian: boolean) {
    this.#isBigEndian = isBigEndian;
  }

  push(bytes: Buffer): Buffer {
    const all = Buffer.concat([this.#rest, bytes]);
    let end = all.length - (all.length % 2);
    // A piece must not end inside a surrogate pair.
    if (end > 0 && ((all[end - (this.#isBigEndian ? 2 : 1)] as number) & 0xfc) === 0xd8) end -= 2;
    this.#rest = Buffer.from(all.subarray(end));
    return this.#decoded(all.subarray(0, end));
  }

  end(): Buffer {
    const isOdd = this.#rest.length % 2 === 1;
    const last = this.#decoded(this.#rest.subarray(0, this.#rest.length - (isOdd ? 1 : 0)));
    return isOdd ? Buffer.concat([last, INVALID]) : last;
  }

  #decoded(bytes: Buffer): Buffer {
    const text = (this.#isBigEndian ? bytes.swap16() : bytes).toString("utf16le");
    return text.isWellFormed() ? Buffer.from(text) : marked(text, LONE_SURROGATE);
  }
}

/** The text as UTF-8, with the invalid byte in place of each `wrong`. */
function marked(text: string, wrong: string | RegExp): Buffer {
  if (typeof wrong === "string" && !text.includes(wrong)) return Buffer.from(text);
  const parts = text.split(wrong).flatMap((part) => [INVALID, Buffer.from(part)]);
  return Buffer.concat(parts.slice(1));
}

/** Converts a body to UTF-8, piece by piece. */
export class Transcoder {
  /** The encoding that the body turned out to have. */
  encoding: string;
  #decoder: Decoder | null = null;
  #start: Buffer = NOTHING;

  /** `declared`: the name of an encoding. */
  constructor(declared: string) {
    this.encoding = declared;
  }

  /** Throws malformed-body for UTF-32, which the standard does not have. */
  push(bytes: Buffer): Buffer {
    if (this.#decoder !== null) return this.#decoder.push(bytes);
    this.#start = this.#start.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#start, bytes]);
    return this.#start.length >= LONGEST_BOM ? this.#begin() : NOTHING;
  }

  end(): Buffer {
    const first = this.#decoder === null ? this.#begin() : NOTHING;
    return Buffer.concat([first, (this.#decoder as Decoder).end()]);
  }

  #begin(): Buffer {
    const bytes = this.#start;
    if (bytes.subarray(0, UTF_32.length).equals(UTF_32))
      throw new Problem("malformed-body", "The body is UTF-32, which is not taken. Save it as UTF-8.", { offset: 0 });
    // The splitter drops the BOM of UTF-8. It stays here, so that offsets count the bytes as sent.
    const [encoding, bom] = BOMS.find(([, bom]) => bytes.subarray(0, bom.length).equals(bom)) ?? [
      this.encoding,
      NOTHING,
    ];
    this.encoding = encoding;
    this.#decoder = decoderOf(encoding);
    this.#start = NOTHING;
    return this.#decoder.push(encoding === UTF_8 ? bytes : bytes.subarray(bom.length));
  }
}

/** A splitter for the output of `transcoder`. */
export function decodedFirst(splitter: Splitter, declared: string): Splitter {
  const transcoder = new Transcoder(declared);
  const pushed = (bytes: Buffer): RawChunk[] => (bytes.length === 0 ? [] : splitter.push(bytes));
  return {
    push: (bytes) => pushed(transcoder.push(bytes)),
    end: () => [...pushed(transcoder.end()), ...splitter.end()],
    get envelope() {
      const { encoding } = transcoder;
      return encoding === UTF_8 ? splitter.envelope : { ...splitter.envelope, encoding };
    },
    get records() {
      return splitter.records;
    },
  };
}
