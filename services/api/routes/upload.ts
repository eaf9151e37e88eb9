/** `POST /imports`: what its headers say, before the first byte of the body is read. */

import { Problem } from "../../../lib/errors.ts";
import { actors } from "../../actors.ts";
import { mostWireBytes } from "../../imports/imports.contract.ts";
import type { ParamsOf } from "../../messages.ts";
import { callerOf, type Exchange, type Reply, wantBodyWhenRead } from "../http/exchange.ts";
import { contentDigestsOf, idempotencyKeyOf } from "../http/fields.ts";
import { mediaType } from "../http/input.ts";
import { waitOf } from "../http/prefer.ts";
import { batchPosted } from "./waiting.ts";

type Create = ParamsOf<"imports.create">;
type Content = Pick<Create, "format" | "charset" | "delimiter">;

const formats: Record<string, Create["format"]> = {
  "application/x-ndjson": "ndjson",
  "application/jsonl": "ndjson",
  "text/csv": "csv",
  "application/json": "json",
};
const accepted = { headers: { Accept: Object.keys(formats).join(", ") } };

const PARAMETER = /;\s*([a-z0-9!#$&^_.+-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s"]*))\s*/giy;

/** The parameters of a media type (RFC 9110, 5.6.6), names in lower case. Throws unsupported-media-type. */
function parametersOf(header: string): Map<string, string> {
  const found = new Map<string, string>();
  const start = header.indexOf(";");
  PARAMETER.lastIndex = start === -1 ? header.length : start;
  while (PARAMETER.lastIndex < header.length) {
    const at = PARAMETER.lastIndex;
    const match = PARAMETER.exec(header);
    if (!match) {
      if (/^;?\s*$/.test(header.slice(at))) break;
      throw new Problem("unsupported-media-type", `The Content-Type "${header}" cannot be read.`, accepted);
    }
    const [, name = "", quoted, bare = ""] = match;
    found.set(name.toLowerCase(), quoted?.replaceAll(/\\(.)/g, "$1") ?? bare);
  }
  return found;
}

/** Throws unsupported-media-type. */
export function contentOf(header: string | undefined): Content {
  const format = formats[mediaType(header)];
  if (!header || !format)
    throw new Problem("unsupported-media-type", `Send ${Object.keys(formats).join(", ")}.`, accepted);
  const parameters = parametersOf(header);
  const charset = charsetOf(parameters.get("charset"), format);
  if (format !== "csv") return { format, charset };
  const delimiter = delimiterOf(parameters.get("delimiter"));
  return delimiter === undefined ? { format, charset } : { format, charset, delimiter };
}

function charsetOf(name: string | undefined, format: Create["format"]): "utf-8" | "windows-1252" {
  const charset = (name ?? "utf-8").toLowerCase();
  if (charset === "utf-8" || charset === "utf8" || charset === "us-ascii") return "utf-8";
  if (charset === "windows-1252" && format === "csv") return charset;
  throw new Problem("unsupported-media-type", `The charset "${name}" is not taken for ${format}.`, accepted);
}

/** One character that cannot be part of a cell's own syntax. */
function delimiterOf(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const delimiter = text === "tab" || text === "\\t" ? "\t" : text;
  if (/^[\t\x20-\x7e]$/.test(delimiter) && delimiter !== '"') return delimiter;
  throw new Problem("unsupported-media-type", "The delimiter must be one ASCII character, and no quote.", accepted);
}

/** Throws unsupported-encoding. */
function encodingOf(header = "identity"): Create["encoding"] {
  const encoding = header.trim().toLowerCase();
  if (encoding === "identity" || encoding === "") return "identity";
  if (encoding === "gzip" || encoding === "x-gzip") return "gzip";
  throw new Problem("unsupported-encoding", `The encoding "${header}" is not taken.`, {
    headers: { "Accept-Encoding": "gzip, identity" },
  });
}

/** Told from the header, before the body is read. Throws payload-too-large. */
function checkLength(header: string | undefined, most: number): void {
  if (header !== undefined && Number(header) > most)
    throw new Problem("payload-too-large", `The body has ${header} bytes, ${most} are allowed.`, { limit: most });
}

export async function postImport(exchange: Exchange): Promise<Reply> {
  const { req, ctx } = exchange;
  const { client, policy } = callerOf(exchange);
  const content = contentOf(req.headers["content-type"]);
  const encoding = encodingOf(req.headers["content-encoding"]);
  const length = req.headers["content-length"];
  const seconds = waitOf(req.headers.prefer);
  checkFormat(content.format, policy.policy.formats);
  checkLength(length, mostWireBytes(encoding, policy.policy.maxBytes));
  const idempotencyKey = idempotencyKeyOf(req);
  const digests = contentDigestsOf(req);
  const params: Create = {
    ...content,
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    ...(digests === undefined ? {} : { digests }),
    ...(length === undefined ? {} : { contentLength: Number(length) }),
    clientId: client.id,
    clientPublicId: client.publicId,
    policy,
    encoding,
    requestId: ctx.requestID,
  };
  wantBodyWhenRead(exchange);
  const created = await actors.imports.create(ctx, params, { stream: req, timeout: 0 });
  const headers: Record<string, string> = created.isReplayed ? { "Idempotent-Replayed": "true" } : {};
  return batchPosted(exchange, created.batch, seconds, { status: created.status, headers });
}

function checkFormat(format: Create["format"], allowed: Create["format"][]): void {
  if (!allowed.includes(format))
    throw new Problem("unsupported-media-type", `The policy takes ${allowed.join(", ")}, not ${format}.`, accepted);
}
