/** Recognizes, by its beginning, a text that is not in the declared format: HTML, a form, JSON sent as CSV, and so on. */
import type { Format } from "../formats.ts";
import { type JsonStart, jsonStart } from "./json-start.ts";
import type { Found } from "./signatures.ts";

/** How many bytes are read at most. */
export const TEXT_LOOK_BYTES = 64 * 1024;

/** A verdict about the beginning of a text. Null: nothing is wrong. `more`: more bytes are needed. */
export type TextVerdict = { found: Found; wrapper?: string } | null | "more";

const BLANK = /[ \t\r\n]*/y;
/** Elements with which HTML pages begin (WHATWG MIME Sniffing, 7.1). */
const HTML = /^<(?:!doctype\s+html|!--|(?:html|head|body|meta|title|script|style|iframe)[\s>])/i;
/** HTML and XML tables that some programs write as "Excel" files. */
const HTML_TABLE = /^<table[\s>][\s\S]*<t[rhbd]/i;
const MULTIPART = /^--[^\r\n]{1,70}\r?\n(?:content-disposition|content-type):/i;
/** The fewest bytes that show a page or a form. */
const MARKUP_BYTES = 1024;

/** Whether a field of the schema has that name. */
export type IsField = (name: string) => boolean;

/** `head`: the first bytes of a body in UTF-8. `isAll`: nothing follows them. */
export function textKind(format: Format, head: Buffer, isAll: boolean, isField: IsField = () => false): TextVerdict {
  const text = head.toString("latin1").replace(/^(?:\xef\xbb\xbf)+/, "");
  BLANK.lastIndex = 0;
  const at = BLANK.exec(text)?.[0].length ?? 0;
  const isWhole = isAll || head.length >= TEXT_LOOK_BYTES;
  switch (text[at]) {
    case undefined:
      return isWhole ? null : "more";
    case "<":
    case "-":
      return isWhole || text.length - at >= MARKUP_BYTES ? markup(text.slice(at, at + MARKUP_BYTES)) : "more";
    case "[":
    case "{":
      return jsonKind[format](text, at, { isAll, isWhole, isField });
    default:
      return null;
  }
}

function markup(text: string): TextVerdict {
  if (MULTIPART.test(text)) return { found: "multipart" };
  if (/^<\?xml\s/i.test(text)) return { found: /<html[\s>]/i.test(text) ? "html" : "xml" };
  return HTML.test(text) || HTML_TABLE.test(text) ? { found: "html" } : null;
}

interface Extent {
  isAll: boolean;
  isWhole: boolean;
  isField: IsField;
}

const jsonKind: Record<Format, (text: string, at: number, extent: Extent) => TextVerdict> = {
  csv: jsonAsCsv,
  json: otherThanRecords,
  ndjson: jsonAsLines,
  xlsx: jsonAsCsv,
};

/** Matches `{"name":` or `[{"name":`, with which no header of CSV begins. `[id],[name]` and `{id}` can be headers. */
const NAMED = /^\[?[ \t\r\n]*\{[ \t\r\n]*"(?:[^"\\\r\n]|\\.)*"[ \t\r\n]*:/;

function jsonAsCsv(text: string, at: number, { isAll, isWhole }: Extent): TextVerdict {
  const start = jsonStart(text, at, isAll);
  const follows = start.state === "closed" ? text.slice(start.end).trimStart() : "";
  if (follows === "" && !isWhole) return "more";
  const isJson = start.state !== "broken" && ["", "[", "{"].includes(follows.charAt(0));
  if (!isJson && !NAMED.test(text.slice(at))) return null;
  return { found: text[at] === "{" && isLine(text, at, start) ? "ndjson" : "json" };
}

/** Whether an object is a record of NDJSON: it is on one line, and does not wrap a list of records. */
function isLine(text: string, at: number, { state, end, members }: JsonStart): boolean {
  if (members.length === 1 && members[0]?.[1] === "[") return false;
  const value = text.slice(at, state === "closed" ? end : undefined);
  return state === "broken" ? !/^\{[ \t]*[\r\n]/.test(value) : !/[\r\n]/.test(value.trimEnd());
}

/** Recognizes a JSON object without a list under the name `records`. The check of the records reports other members. */
function otherThanRecords(text: string, at: number, { isAll, isWhole }: Extent): TextVerdict {
  if (text[at] === "[") return null;
  const start = jsonStart(text, at, isAll);
  const names = start.members.map(([name]) => nameOf(name));
  if (names.includes("records")) return null;
  if (start.state === "open" && !isWhole) return "more";
  if (names.length === 0 && start.state !== "closed") return null;
  if (start.state === "closed") {
    const follows = text.slice(start.end).trimStart();
    if (follows.startsWith("{")) return { found: "ndjson" };
    if (follows === "" && !isWhole) return "more";
  }
  const wrapper = start.members.find(([, value]) => value === "[")?.[0];
  return { found: "object", ...(wrapper !== undefined && { wrapper: nameOf(wrapper) }) };
}

function nameOf(written: string): string {
  const text = Buffer.from(written, "latin1").toString();
  try {
    return JSON.parse(`"${text}"`);
  } catch {
    return text;
  }
}

function jsonAsLines(text: string, at: number, extent: Extent): TextVerdict {
  return prettyJson(text, at, extent) ?? onlyRecords(text, at, extent);
}

/** Recognizes JSON that was sent as NDJSON: the first value continues in the next line, or is an array `[{…}, …]`. */
function prettyJson(text: string, at: number, { isAll, isWhole }: Extent): TextVerdict {
  const rest = text.slice(at + 1);
  const isJson = text[at] === "[" ? /^[ \t]*[\r\n]|^[ \t]*\{/ : /^[ \t]*[\r\n]/;
  if (isJson.test(rest)) return { found: "json" };
  const isUndecided = /^[ \t]*$/.test(rest);
  if (isUndecided && !isWhole) return "more";
  return isUndecided && isAll && text[at] === "[" ? { found: "json" } : null;
}

const RECORDS = '"records"';

/** Recognizes a body that is one JSON object `{"records": [ … ]}`. As a line of NDJSON it would be stored as a single record. */
function onlyRecords(text: string, at: number, { isAll, isWhole, isField }: Extent): TextVerdict {
  const name = /^\{[ \t\r\n]*("[^"]*"?|$)/.exec(text.slice(at))?.[1];
  if (name === undefined || !RECORDS.startsWith(name) || isField("records")) return null;
  const { state, end, members } = jsonStart(text, at, isAll);
  const isAlone = state === "open" || (state === "closed" && text.slice(end).trim() === "");
  if (!isAlone || members.length > 1 || !["", "["].includes(members[0]?.[1] ?? "")) return null;
  if (!isWhole) return "more";
  return members[0]?.[1] === "[" ? { found: "json" } : null;
}
