/** Refuses a body whose first bytes show that it is not in the declared format. The error tells the sender what to do. */
import { Problem } from "../../lib/errors.ts";
import { type Format, knownFormats, type RawChunk, type Splitter } from "../formats.ts";
import { type Found, isPlain, isZip, LOOK_BYTES, signatureOf, wideText, ZIP_LOOK_BYTES } from "./signatures.ts";
import { type IsField, TEXT_LOOK_BYTES, textKind } from "./text.ts";

const LF = 10;
const CR = 13;

/** The usual media types, for the texts of errors. */
const type = (format: Format): string => `Content-Type: ${knownFormats[format].mediaTypes[0]}`;
const unpack = (name: string) => `${name}. Unpack it and send the file that it holds.`;

const cures: Record<Found, (charset?: string) => string> = {
  gzip: () => "gzip. Send it with Content-Encoding: gzip, and packed once.",
  zstd: () => "Zstandard. Send it with Content-Encoding: zstd, and packed once.",
  bzip2: () => unpack("bzip2"),
  xz: () => unpack("xz"),
  "7z": () => unpack("a 7z archive"),
  rar: () => unpack("a RAR archive"),
  zip: () => unpack("a zip archive"),
  pdf: () => "a PDF. Export the table itself, as CSV.",
  xlsx: () => `an Excel workbook. Send it with ${type("xlsx")}, or save it as CSV UTF-8 and send that.`,
  xls: () =>
    "a workbook of an old or a binary Excel format, or an encrypted one; these are not taken. Save it as .xlsx without a password, or as CSV UTF-8, and send that.",
  "utf-8": () => "no UTF-16, as its charset says. Leave the charset out where it is UTF-8.",
  "utf-16": (charset = "utf-16le") =>
    `UTF-16 without a byte order mark. Save it as UTF-8, or say charset=${charset} with ${type("csv")}.`,
  "utf-32": () => "UTF-32. Save it as UTF-8.",
  html: () => "a web page, as an error page or a login that was saved in place of the export. Look into the file.",
  xml: () => "XML. Export the records as CSV, NDJSON or JSON.",
  multipart: () => "a form. Send it with the Content-Type multipart/form-data and its boundary, or the file alone.",
  csv: () => `no workbook. Where it is CSV, send it with ${type("csv")}.`,
  json: () => `JSON. Send it with ${type("json")}: an array of records, or {"records": [ … ]}.`,
  ndjson: () => `NDJSON, an object a line. Send it with ${type("ndjson")}.`,
  object: () =>
    `a single object. Send an array of records, or {"records": [ … ]}; objects line by line are ${type("ndjson")}.`,
};

export function notThat(found: Found, { wrapper, charset }: { wrapper?: string; charset?: string } = {}): Problem {
  const detail =
    wrapper === undefined
      ? `The body is ${cures[found](charset)}`
      : `The records stand under "${wrapper.slice(0, 100)}". Send that array itself, or name it "records".`;
  return new Problem("malformed-body", detail, { found, offset: 0 });
}

/** Calls `look` with more and more of the first bytes until they are enough for it. Then gives all bytes to `splitter`. */
function lookedAtFirst(splitter: Splitter, look: (head: Buffer, isAll: boolean) => "more" | "enough"): Splitter {
  let pieces: Buffer[] | null = [];
  let bytes = 0;
  /** How many bytes must have come before the next look, so that single bytes do not each cause a look. */
  let wanted = 1;
  const firstPush = (head: Buffer): RawChunk[] => {
    pieces = null;
    return head.length > 0 ? splitter.push(head) : [];
  };
  return {
    push(piece): RawChunk[] {
      if (pieces === null) return splitter.push(piece);
      // Copies the piece, because its owner reuses the memory.
      pieces.push(Buffer.from(piece));
      bytes += piece.length;
      if (bytes < wanted) return [];
      const head = Buffer.concat(pieces);
      if (look(head, false) === "enough") return firstPush(head);
      pieces = [head];
      wanted = 2 * bytes;
      return [];
    },
    end(): RawChunk[] {
      if (pieces === null) return splitter.end();
      const head = Buffer.concat(pieces);
      look(head, true);
      return [...firstPush(head), ...splitter.end()];
    },
    get envelope() {
      return splitter.envelope;
    },
    get records() {
      return splitter.records;
    },
  };
}

/** Checks bytes as they were sent. `encoding`: as the sender declares it. Throws malformed-body. */
export function recognisedBytes(splitter: Splitter, encoding: string): Splitter {
  return lookedAtFirst(splitter, (head, isAll) => {
    if (!encoding.startsWith("utf-16") && isPlain(head)) return "enough";
    const enough = isZip(head) ? ZIP_LOOK_BYTES : LOOK_BYTES;
    if (head.length < enough && !isAll) return "more";
    const found = signatureOf(head.subarray(0, ZIP_LOOK_BYTES));
    if (found !== null) throw notThat(found);
    const wide = wideText(head.subarray(0, LOOK_BYTES), encoding);
    if (wide === "utf-16le" || wide === "utf-16be") throw notThat("utf-16", { charset: wide });
    if (wide !== null) throw notThat(wide);
    return "enough";
  });
}

interface HeaderNames {
  /** Whether a field of the schema, or the title of one, has this name. */
  isField?: IsField;
}

/** Checks text in UTF-8. Throws malformed-body. */
export function recognisedText(splitter: Splitter, format: Format, { isField = () => false }: HeaderNames): Splitter {
  return lookedAtFirst(splitter, (head, isAll) => {
    const verdict = textKind(
      format,
      head.subarray(0, TEXT_LOOK_BYTES),
      isAll && head.length <= TEXT_LOOK_BYTES,
      isField,
    );
    if (verdict === "more") return "more";
    if (verdict !== null) throw notThat(verdict.found, verdict);
    return "enough";
  });
}

/** The error for a file without line ends: `curl -d` removes them, and then the whole file is the header. */
const onOneLine = () =>
  new Problem(
    "empty-body",
    "The body is one line, so there is a header and no record. curl -d takes line ends out: use curl --data-binary.",
  );

/**
 * For CSV with a header, as UTF-8: if the header is the whole body, an error about it names the missing line ends instead.
 * Throws empty-body.
 */
export function withLineEnds(splitter: Splitter, { isField = () => false }: HeaderNames): Splitter {
  let isOneLine = false;
  let hasLineEnd = false;
  const guarded = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      if (isOneLine && error instanceof Problem && isOfHeader(error, isField)) throw onOneLine();
      throw error;
    }
  };
  return {
    push(bytes) {
      hasLineEnd ||= bytes.includes(LF) || bytes.includes(CR);
      isOneLine = !hasLineEnd;
      return guarded(() => splitter.push(bytes));
    },
    end: () => guarded(() => splitter.end()),
    get envelope() {
      return splitter.envelope;
    },
    get records() {
      return splitter.records;
    },
  };
}

/** How many unknown columns are compared. A header may have one or two other unknown columns before the joined one. */
const JOINTS = 3;

/** Whether an error may come from missing line ends. For wrong columns: the first record is joined to the last name (`amountA1`). */
function isOfHeader({ type, data }: Problem, isField: (name: string) => boolean): boolean {
  if (type !== "wrong-columns") return type === "empty-body" || type === "malformed-body";
  const { unknown = [] } = data as { unknown?: { column: string }[] };
  return unknown
    .slice(0, JOINTS)
    .some(({ column }) => [...column].some((_, i, all) => i > 0 && isField(all.slice(0, i).join(""))));
}
