/** Recognizes, by the first bytes, bodies that are not text in UTF-8: archives, workbooks, UTF-16. */
import { isUtf8 } from "node:buffer";
import { inflateRawSync } from "node:zlib";

/** What a body turned out to be. The refusal shows it as `found`. */
export type Found =
  | "gzip"
  | "zstd"
  | "bzip2"
  | "xz"
  | "7z"
  | "rar"
  | "pdf"
  | "zip"
  | "xlsx"
  | "xls"
  | "utf-8"
  | "utf-16"
  | "utf-32"
  | "html"
  | "xml"
  | "multipart"
  | "csv"
  | "json"
  | "ndjson"
  | "object";

/** How many bytes of a zip are read. Its first names and its list of content types are within them. */
export const ZIP_LOOK_BYTES = 64 * 1024;
/** How many bytes of other bodies are read. Enough to recognize UTF-16 by its separators, even with a header in Chinese. */
export const LOOK_BYTES = 256;

const signatures: [Found, string][] = [
  ["gzip", "\x1f\x8b"],
  ["zstd", "\x28\xb5\x2f\xfd"],
  ["bzip2", "BZh"],
  ["xz", "\xfd7zXZ\x00"],
  ["7z", "7z\xbc\xaf\x27\x1c"],
  ["rar", "Rar!\x1a\x07"],
  ["pdf", "%PDF-"],
  // The compound file of Excel 97 and of encrypted workbooks; then the formats of earlier versions.
  ["xls", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"],
  ...["\x09\x08\x10\x00", "\x09\x08\x08\x00", "\x09\x04\x06\x00", "\x09\x02\x06\x00", "\x09\x00\x04\x00"].map(
    (start): [Found, string] => ["xls", start],
  ),
  ["utf-32", "\x00\x00\xfe\xff"],
  ["utf-32", "\xff\xfe\x00\x00"],
];
const LF = 10;
const BZIP2 = /^BZh[1-9]1AY&SY/;

/** The first bytes of a zip. The second signature begins an archive without files. */
export const isZip = (head: Buffer): boolean => ["PK\x03\x04", "PK\x05\x06"].includes(head.toString("latin1", 0, 4));

/** How many bytes show that a body is plain text. Fewer are enough if a line ends in them. */
const PLAIN_BYTES = { least: 4, enough: 8, most: 16 };

/**
 * Whether the first bytes are text, whatever follows, so that the records of a slow sender are not held back. The result depends
 * only on the first 16 bytes, not on how many have come.
 */
export function isPlain(head: Buffer): boolean {
  for (let length = PLAIN_BYTES.least; length <= Math.min(PLAIN_BYTES.most, head.length); length++) {
    const start = head.subarray(0, length);
    if ((length >= PLAIN_BYTES.enough || start.includes(LF)) && isPlainStart(start)) return true;
  }
  return false;
}

function isPlainStart(head: Buffer): boolean {
  const start = head.toString("latin1");
  const mayBecome = (signature: string) => signature.startsWith(start) || start.startsWith(signature);
  const isSigned = start.startsWith("PK") || signatures.some(([, signature]) => mayBecome(signature));
  return !isSigned && isUtf8(head) && head.every((byte) => byte >= 32 || (byte >= 9 && byte <= 13));
}

/** Recognizes a body. `head`: its first `LOOK_BYTES` (of a zip `ZIP_LOOK_BYTES`), or all of it. Null: it may be text. */
export function signatureOf(head: Buffer): Found | null {
  const start = head.toString("latin1", 0, 16);
  const known = signatures.find(([, signature]) => start.startsWith(signature))?.[0] ?? null;
  if (known === "bzip2" && !BZIP2.test(start)) return null;
  if (known !== null) return known;
  return isZip(head) ? zipKind(head).kind : null;
}

const LOCAL_HEADER = Buffer.from("PK\x03\x04", "latin1");
const CONTENT_TYPES = "[Content_Types].xml";
/** Parts of a binary workbook (.xlsb). Other workbooks also have binary parts, such as printer settings and macros. */
const BINARY_PART = /^xl\/(workbook\.bin|worksheets\/[^/]+\.bin|_rels\/workbook\.bin\.rels)$/i;

/** `types`: the part of the list of content types that is in `head`. */
function zipKind(head: Buffer): { kind: "xls" | "xlsx" | "zip"; types: string } {
  let isWorkbook = false;
  let types = "";
  for (let at = 0; at !== -1 && at + 30 <= head.length; at = head.indexOf(LOCAL_HEADER, at + 4)) {
    const nameEnd = at + 30 + head.readUInt16LE(at + 26);
    const name = head.toString("latin1", at + 30, nameEnd);
    if (BINARY_PART.test(name)) return { kind: "xls", types };
    isWorkbook ||= /^xl\//i.test(name);
    if (name !== CONTENT_TYPES) continue;
    types = contentTypes(head, nameEnd + head.readUInt16LE(at + 28), head.readUInt16LE(at + 8));
    if (types.includes("ms-excel.sheet.binary")) return { kind: "xls", types };
    isWorkbook ||= /spreadsheetml\.(sheet|template)\.main|ms-excel\.(sheet|template)\.macroEnabled/.test(types);
  }
  return { kind: isWorkbook ? "xlsx" : "zip", types };
}

/** Names of the first file in Office documents. Other archives of XML may begin with such a name too. */
const OFFICE_PART = /^(xl|_rels|docProps|customXml)\/|\.(xml|rels|bin)$/i;

/** For a zip that was sent as a workbook: what it is, if its first bytes show that it is no workbook. Null: all of it must be read. */
export function otherThanWorkbook(head: Buffer): "xls" | "zip" | null {
  const { kind, types } = zipKind(head);
  if (kind !== "zip") return kind === "xls" ? "xls" : null;
  // An empty archive has no first file.
  const firstName = head.length < 30 ? "" : head.toString("latin1", 30, 30 + head.readUInt16LE(26));
  return /<\/(\w+:)?Types>/.test(types) || !OFFICE_PART.test(firstName) ? "zip" : null;
}

/** The part of the list that is in `head`. Empty: it cannot be read. */
function contentTypes(head: Buffer, at: number, method: number): string {
  if (method === 0) return head.toString("latin1", at, at + 8192);
  try {
    // A cut-off end, or bytes after it, do not matter.
    return inflateRawSync(head.subarray(at), { finishFlush: 2, maxOutputLength: 1 << 20 }).toString("latin1");
  } catch {
    return "";
  }
}

const BOM = /^(?:\xff\xfe|\xfe\xff)/;
/** The last of Unicode's planes that has characters of languages. A line end or a tab is no such number. */
const LAST_PLANE = 3;
const isPrintable = (byte: number): boolean => (byte >= 32 && byte < 127) || (byte >= 9 && byte <= 13);

/**
 * Recognizes UTF-16 and UTF-32 without a byte order mark. In UTF-16 at least the separators have a 0 in the same byte of each
 * pair, and hardly ever in the other byte. Pairs of two ASCII letters are rare, even in Chinese. `declared`: the encoding that
 * the sender declares. Null: it is none of these, or what it is declared as.
 */
export function wideText(head: Buffer, declared: string): "utf-8" | "utf-16le" | "utf-16be" | "utf-32" | null {
  if (BOM.test(head.toString("latin1", 0, 2))) return null;
  if (isUtf32(head)) return "utf-32";
  const pairs = head.length >> 1;
  let zerosFirst = 0;
  let zerosSecond = 0;
  let plain = 0;
  for (let i = 0; i < 2 * pairs; i += 2) {
    const [first = 0, second = 0] = head.subarray(i, i + 2);
    if (first === 0) zerosFirst++;
    if (second === 0) zerosSecond++;
    if (isPrintable(first) && isPrintable(second)) plain++;
  }
  if (declared.startsWith("utf-16")) {
    if (pairs > 0 && isNarrow(head)) return "utf-8";
    return declared === "utf-16le" ? lineEndIn(head, 0, "utf-16be") : lineEndIn(head, LF, "utf-16le");
  }
  const isWide =
    4 * Math.min(zerosFirst, zerosSecond) <= Math.max(zerosFirst, zerosSecond) &&
    zerosFirst + zerosSecond >= Math.max(2, pairs / 16) &&
    2 * plain < pairs;
  return isWide ? (zerosFirst > zerosSecond ? "utf-16be" : "utf-16le") : null;
}

/** Whether the bytes are UTF-8 without a mark, and no UTF-16: there each separator and line end has a 0. */
function isNarrow(head: Buffer): boolean {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(head, { stream: true });
    return !text.startsWith("\ufeff") && !text.includes("\0");
  } catch {
    return false;
  }
}

/** `found` if a pair is a line end that begins with the byte `first`. In the other order of bytes it would be no character. */
function lineEndIn<T>(head: Buffer, first: 0 | typeof LF, found: T): T | null {
  for (let i = 0; i + 2 <= head.length; i += 2) if (head[i] === first && head[i + 1] === LF - first) return found;
  return null;
}

/** Whether each character has four bytes. In UTF-16 every second one would be a control character. */
function isUtf32(head: Buffer): boolean {
  let [little, big] = [head.length >= 8, head.length >= 8];
  for (let i = 0; i + 4 <= head.length; i += 4) {
    const [first = 0, second = 0, third = 0, fourth = 0] = head.subarray(i, i + 4);
    little &&= fourth === 0 && third <= LAST_PLANE;
    big &&= first === 0 && second <= LAST_PLANE;
  }
  return little !== big;
}
