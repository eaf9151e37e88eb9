/** How a CSV file is written: the members of the Frictionless Table Dialect that decide where rows and cells end. */
import type { Envelope } from "../formats.ts";

export interface Dialect {
  delimiter: string;
  quoteChar: string;
  /** The character before a quote inside quotes. Null: such a quote is doubled instead. */
  escapeChar: string | null;
  /** Whether blanks after a delimiter are skipped. */
  skipInitialSpace: boolean;
}

/** RFC 4180. */
export const plainDialect: Dialect = { delimiter: ",", quoteChar: '"', escapeChar: null, skipInitialSpace: false };

/** Whether only the delimiter differs from RFC 4180. The fast reader can read such files. */
export const isPlainDialect = ({ quoteChar, escapeChar, skipInitialSpace }: Dialect): boolean =>
  quoteChar === '"' && escapeChar === null && !skipInitialSpace;

/** The delimiters that are tried if none is declared. If several fit equally well, the first one wins. */
export const SNIFFED = [",", ";", "\t", "|"] as const;

const WORDS: Record<string, string> = {
  tab: "\t",
  "\\t": "\t",
  comma: ",",
  semicolon: ";",
  pipe: "|",
};

/** Delimiters may be ASCII punctuation or tab. A letter, a digit or a blank would cut cells, and a quote begins one. */
const DELIMITER = /^[\t!#-/:-@[-`{-~]$/;
const QUOTES = ['"', "'"];

/** The delimiter that a text names. Null: it names no character that may be a delimiter. */
export function delimiterOf(text: string): string | null {
  const delimiter = Object.hasOwn(WORDS, text.toLowerCase()) ? (WORDS[text.toLowerCase()] as string) : text;
  return DELIMITER.test(delimiter) && !QUOTES.includes(delimiter) ? delimiter : null;
}

/** The dialect of a batch's chunks. */
export const dialectOf = ({ delimiter = ",", quoteChar = '"', escapeChar, skipInitialSpace }: Envelope): Dialect => ({
  ...plainDialect,
  delimiter,
  quoteChar,
  escapeChar: escapeChar ?? null,
  skipInitialSpace: skipInitialSpace ?? false,
});

const windows1252 = new TextDecoder("windows-1252");

/** The text of a chunk in UTF-8. Earlier releases stored windows-1252 bodies as they were sent. */
export const asUtf8 = (data: Buffer, { charset }: Envelope): Buffer =>
  charset === "windows-1252" ? Buffer.from(windows1252.decode(data)) : data;
