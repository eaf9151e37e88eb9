/** Parses the XML of a workbook's parts piece by piece. Refuses a DTD, deep nesting and very long tokens. */
import { SaxesParser, type SaxesTagPlain } from "saxes";
import type { Problem } from "../../lib/errors.ts";
import { broken } from "./archive.ts";

/** The most bytes of one tag with its attributes, or one text. A cell of Excel has 32,767 characters. */
const LONGEST_TOKEN = 4 * 1024 * 1024;
const MOST_DEPTH = 64;

type Decoder = InstanceType<typeof TextDecoder>;
export type Attributes = Readonly<Record<string, string>>;

export interface XmlEvents {
  /** Called for a start tag. `name`: without its prefix. `depth`: 1 for the root. */
  open(name: string, attributes: Attributes, depth: number): void;
  close?(name: string, depth: number): void;
  /** Called for text, which may come in several pieces. */
  text?(text: string): void;
}

/** The name given to an element of another namespace, because its own name means nothing here. */
const FOREIGN = "";

export class XmlReader {
  readonly #parser = new SaxesParser({ xmlns: false, position: false });
  readonly #part: string;
  readonly #events: XmlEvents;
  #decoder: Decoder | null = null;
  #start = Buffer.alloc(0);
  /** The prefix of the main namespace, with its colon. */
  #prefix = "";
  #depth = 0;
  /** Bytes since the last token. */
  #pending = 0;

  constructor(part: string, events: XmlEvents) {
    this.#part = part;
    this.#events = events;
    const parser = this.#parser;
    parser.on("error", () => {
      throw this.#malformed("is no well-formed XML");
    });
    parser.on("doctype", () => {
      throw this.#malformed("has a DTD, which is not taken");
    });
    parser.on("xmldecl", ({ encoding }) => this.#checkEncoding(encoding));
    parser.on("opentag", (tag) => this.#open(tag));
    parser.on("closetag", ({ name }) => this.#close(name));
    const { text } = events;
    if (text === undefined) return;
    const onText = (found: string) => {
      this.#pending = 0;
      text.call(events, found);
    };
    parser.on("text", onText);
    parser.on("cdata", onText);
  }

  /** Throws malformed-body. */
  write(bytes: Buffer): void {
    let piece = bytes;
    if (this.#decoder === null) {
      this.#start = Buffer.concat([this.#start, bytes]);
      if (this.#start.length < 2) return;
      piece = this.#start;
      this.#decoder = decoderOf(piece);
    }
    this.#pending += piece.length;
    this.#parser.write(this.#decoded(this.#decoder, piece));
    if (this.#pending > LONGEST_TOKEN) throw this.#malformed(`has a tag or text of more than ${LONGEST_TOKEN} bytes`);
  }

  end(): void {
    this.#parser.write(this.#decoded(this.#decoder ?? decoderOf(this.#start), null));
    this.#parser.close();
  }

  #decoded(decoder: Decoder, piece: Buffer | null): string {
    try {
      return piece === null ? decoder.decode() : decoder.decode(piece, { stream: true });
    } catch {
      throw this.#malformed(`has bytes that ${decoder.encoding.toUpperCase()} does not have`);
    }
  }

  #checkEncoding(encoding: string | undefined): void {
    if (encoding === undefined || /^(?:utf-?8|utf-?16(?:le|be)?|us-ascii)$/i.test(encoding)) return;
    throw this.#malformed("is not UTF-8 or UTF-16");
  }

  #open({ name, attributes }: SaxesTagPlain): void {
    this.#pending = 0;
    if (++this.#depth === 1) this.#prefix = /^[^:]*:/.exec(name)?.[0] ?? "";
    if (this.#depth > MOST_DEPTH) throw this.#malformed(`is nested deeper than ${MOST_DEPTH} levels`);
    this.#events.open(this.#local(name), attributes, this.#depth);
  }

  #close(name: string): void {
    this.#pending = 0;
    this.#events.close?.(this.#local(name), this.#depth);
    this.#depth--;
  }

  /** The elements that matter have the root's prefix. */
  #local(name: string): string {
    const { length } = this.#prefix;
    if (length === 0) return name.includes(":") ? FOREIGN : name;
    return name.startsWith(this.#prefix) ? name.slice(length) : FOREIGN;
  }

  #malformed(what: string): Problem {
    return broken(`cannot be read: its part "${this.#part.slice(0, 100)}" ${what}`);
  }
}

function decoderOf(start: Buffer): Decoder {
  const wide = { "\xff\xfe": "utf-16le", "\xfe\xff": "utf-16be" }[start.toString("latin1", 0, 2)];
  return new TextDecoder(wide ?? "utf-8", { fatal: true });
}

/** Runs a piece of work when it is its client's turn on the event loop. */
export type InTurn = <T>(work: () => T) => Promise<T>;

/** Reads a whole part. Throws malformed-body, payload-too-large, and what `events` throw. */
export async function readXml(
  part: string,
  pieces: AsyncIterable<Buffer>,
  events: XmlEvents,
  inTurn: InTurn,
): Promise<void> {
  const reader = new XmlReader(part, events);
  for await (const piece of pieces) await inTurn(() => reader.write(piece));
  await inTurn(() => reader.end());
}

/** An attribute by its name without a prefix: `r:id`, whatever prefix the file uses in place of `r`. */
export function prefixed(attributes: Attributes, local: string): string | undefined {
  const name = Object.keys(attributes).find((one) => one.endsWith(`:${local}`) && !one.startsWith("xmlns:"));
  return name === undefined ? undefined : attributes[name];
}
