/** Determines the format of a body: by its media type and parameters, by the name in `?format=`, or by the name of its file. */
import { Problem } from "../lib/errors.ts";
import { delimiterOf } from "./csv/dialect.ts";
import { encodingOf } from "./encoding/transcoder.ts";
import { type Format, formats, knownFormats } from "./formats.ts";

/** What the request says about how to read the body. */
export interface Content {
  format: Format;
  charset?: string;
  delimiter?: string;
  hasHeader?: boolean;
}

interface Kind {
  /** The format, by its name in `?format=`. */
  name: string;
  format: Format;
  mediaTypes: readonly string[];
  endings: readonly string[];
  delimiter?: string;
}

const FORM = "multipart/form-data";

const kinds: Kind[] = [
  ...formats.flatMap((format): Kind[] => {
    const { withTab, ...known }: (typeof knownFormats)[Format] & { withTab?: Omit<Kind, "format"> } =
      knownFormats[format];
    const plain = { name: format, format, mediaTypes: known.mediaTypes, endings: known.endings };
    return withTab ? [plain, { ...withTab, format, delimiter: "\t" }] : [plain];
  }),
];

/** The names that `?format=` may have. */
export const formatNames = kinds.map(({ name }) => name);
/** The name in `?format=` for each media type and each file ending. */
export const readableKinds: readonly Omit<Kind, "format">[] = kinds;

const mediaTypes = [...kinds.flatMap((kind) => kind.mediaTypes), FORM].join(", ");
const accepted = { headers: { Accept: mediaTypes } };
const endings = kinds.flatMap((kind) => kind.endings.map((ending) => `.${ending}`)).join(", ");

const refused = (detail: string): Problem => new Problem("unsupported-media-type", detail, accepted);

/** The media type of a body without its parameters, in lower case. Empty: the request has none. */
export const mediaType = (header = ""): string => (header.split(";")[0] ?? "").trim().toLowerCase();

const PARAMETER = /;\s*([a-z0-9!#$&^_.+-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s"]*))\s*/giy;

/**
 * The parameters of a media type (RFC 9110, 5.6.6), with names in lower case. Throws unsupported-media-type for a malformed
 * header. The package content-type is not used: version 2.1 refuses no malformed header, so it would guess a delimiter whose
 * quote never ends, and version 1.0 refuses blanks around `=` too.
 */
export function parametersOf(header: string): Map<string, string> {
  const found = new Map<string, string>();
  const start = header.indexOf(";");
  PARAMETER.lastIndex = start === -1 ? header.length : start;
  while (PARAMETER.lastIndex < header.length) {
    const at = PARAMETER.lastIndex;
    const match = PARAMETER.exec(header);
    if (!match) {
      if (/^;?\s*$/.test(header.slice(at))) break;
      throw refused(`The Content-Type "${header}" cannot be read.`);
    }
    const [, name = "", quoted, bare = ""] = match;
    if (found.has(name.toLowerCase())) throw refused(`The Content-Type "${header}" has the parameter "${name}" twice.`);
    // Accepts `delimiter=;` without quotes. By the RFC its value would be empty.
    if (name.toLowerCase() === "delimiter" && quoted === undefined && bare === "") {
      found.set("delimiter", header.startsWith(";", PARAMETER.lastIndex) ? ";" : "");
      if (found.get("delimiter") === ";") PARAMETER.lastIndex++;
      continue;
    }
    // Reads `delimiter="\t"` as a tab. By the RFC it would be the letter t.
    const isTab = name.toLowerCase() === "delimiter" && quoted === "\\t";
    found.set(name.toLowerCase(), (isTab ? quoted : quoted?.replaceAll(/\\(.)/g, "$1")) ?? bare);
  }
  return found;
}

/**
 * The format of a body, and how to read it. `named`: the format of `?format=`. It takes precedence over the media type, whose
 * parameters still count.
 * Throws unsupported-media-type.
 */
export function contentOf(header: string | undefined, named?: string): Content {
  const type = mediaType(header);
  const kind = kinds.find((one) => (named === undefined ? one.mediaTypes.includes(type) : one.name === named));
  if (kind === undefined) throw refused(`${found(type)}: expected ${mediaTypes}${hint(type)}.`);
  return readAs(kind, header);
}

const found = (type: string): string =>
  type === "" ? "The Content-Type is missing" : `The Content-Type "${type}" is not taken`;

const hint = (type: string): string =>
  type === "application/x-www-form-urlencoded"
    ? ". curl sends this one where the command has no -H; send files with --data-binary, not with -d"
    : "";

/** The format of a form's file: by `named`, else by the part's own media type if it is one of ours, else by the file's ending. */
export function fileContentOf(header: string | undefined, fileName: string, named?: string): Content {
  const type = mediaType(header);
  const ending = /\.([^./\\]*)$/.exec(fileName)?.[1]?.toLowerCase();
  const isKind = (kind: Kind) => (named === undefined ? kind.mediaTypes.includes(type) : kind.name === named);
  const kind = kinds.find(isKind) ?? kinds.find((one) => one.endings.includes(ending ?? ""));
  if (kind !== undefined) return readAs(kind, header);
  const told = type === "" ? "has no type" : `has the type "${type}"`;
  throw refused(`The form's file "${fileName}" ${told}: expected ${mediaTypes}, or a name that ends in ${endings}.`);
}

function readAs({ format, delimiter: usual }: Kind, header = ""): Content {
  const parameters = parametersOf(header);
  const charset = charsetOf(parameters.get("charset"), format);
  if (!knownFormats[format].hasCells) return { format };
  const delimiter = delimiterParameter(parameters.get("delimiter")) ?? usual;
  const hasHeader = headerParameter(parameters.get("header"));
  return {
    format,
    ...(charset === undefined ? {} : { charset }),
    ...(delimiter === undefined ? {} : { delimiter }),
    ...(hasHeader === undefined ? {} : { hasHeader }),
  };
}

/** The boundary of a form. Null: the body is not a form. Throws malformed-body. */
export function boundaryOf(header: string | undefined): string | null {
  if (header === undefined || mediaType(header) !== FORM) return null;
  const boundary = parametersOf(header).get("boundary") ?? "";
  // RFC 2046, 5.1.1. Programs use more characters than it allows.
  if (/^[\x20-\x7e]{0,69}[\x21-\x7e]$/.test(boundary)) return boundary;
  throw new Problem("malformed-body", "The form's Content-Type has no boundary of 1 to 70 characters.");
}

/** Throws unsupported-media-type. */
export function checkFormat(format: Format, allowed: readonly Format[]): void {
  if (!allowed.includes(format)) throw refused(`The policy takes ${allowed.join(", ")}, not ${format}.`);
}

/** The encoding of a body with cells. For JSON only UTF-8 is accepted, because a BOM tells any other. Throws unsupported-media-type. */
function charsetOf(label: string | undefined, format: Format): string | undefined {
  if (label === undefined) return undefined;
  const { hasCells } = knownFormats[format];
  const charset = encodingOf(label);
  if (hasCells && charset !== null) return charset;
  if (/^utf-(?:8|16[lb]e)$/.test(charset ?? "") || label.toLowerCase() === "us-ascii") return undefined;
  const taken = hasCells ? "a label of the WHATWG Encoding Standard, such as utf-8 or windows-1252" : "utf-8";
  throw refused(`The charset "${label}" is not taken for ${format}: expected ${taken}.`);
}

/** The delimiter of the parameter. Throws unsupported-media-type for a character that cells use themselves. */
function delimiterParameter(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const delimiter = delimiterOf(text);
  if (delimiter !== null) return delimiter;
  throw refused(
    `The delimiter "${text}" is not taken: expected comma, semicolon, tab, pipe, or one ASCII punctuation character that is no quote.`,
  );
}

/** The parameter `header` of RFC 4180: whether the first row names the columns. */
function headerParameter(text: string | undefined): boolean | undefined {
  if (text === undefined) return undefined;
  const name = text.toLowerCase();
  if (name === "present" || name === "absent") return name === "present";
  throw refused(`The parameter header "${text}" is not taken: expected present or absent.`);
}
