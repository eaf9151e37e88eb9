/** The structured header fields (RFC 9651) of an upload. */
import type { IncomingMessage } from "node:http";
import { parseDictionary, parseItem } from "structured-headers";
import { Problem } from "../../../lib/errors.ts";
import { type Digest, digestBytes } from "../../imports/imports.contract.ts";

const malformed = (header: string, detail: string) => new Problem("invalid-header", detail, { header });

/** Reads a structured field with `parse`. Throws invalid-header if the field is not structured. */
function read<T>(parse: (field: string) => T, field: string, header: string, detail: string): T {
  try {
    return parse(field);
  } catch {
    throw malformed(header, detail);
  }
}

const KEY = "Idempotency-Key";
const KEY_RULE = `${KEY} is 1 to 255 visible ASCII characters, quoted or not.`;
const VISIBLE = /^[\x21-\x7e]{1,255}$/;

/** The value of `Idempotency-Key`, the same whether it is quoted or bare. Throws invalid-header. */
export function idempotencyKeyOf({ headersDistinct }: IncomingMessage): string | undefined {
  const [text, ...more] = headersDistinct["idempotency-key"] ?? [];
  if (text === undefined) return undefined;
  if (more.length > 0) throw malformed(KEY, `${KEY} stands there more than once.`);
  const [key, parameters] = text.startsWith('"') ? read(parseItem, text, KEY, KEY_RULE) : [text];
  if (typeof key === "string" && VISIBLE.test(key) && !parameters?.size) return key;
  throw malformed(KEY, KEY_RULE);
}

const DIGEST = "Content-Digest";
const DIGEST_RULE = `${DIGEST} is a list of digests like sha-256=:…base64…:`;

/**
 * The digests of `Content-Digest` that this server can check. Other digests are ignored, as RFC 9530 allows. If an
 * algorithm is named twice, the last value counts. Throws invalid-header for a value that is no digest.
 */
export function contentDigestsOf({ headers }: IncomingMessage): Digest[] | undefined {
  const field = headers["content-digest"];
  if (field === undefined) return undefined;
  const members = [...read(parseDictionary, String(field), DIGEST, DIGEST_RULE)];
  if (members.length === 0) throw malformed(DIGEST, DIGEST_RULE);
  return members.flatMap(([name, [bytes]]) => {
    if (!(bytes instanceof ArrayBuffer)) throw malformed(DIGEST, DIGEST_RULE);
    if (!isKnown(name)) return [];
    if (bytes.byteLength !== digestBytes[name])
      throw malformed(DIGEST, `A digest of ${name} has ${digestBytes[name]} bytes.`);
    return [{ algorithm: name, hex: Buffer.from(bytes).toString("hex") }];
  });
}

const isKnown = (name: string): name is Digest["algorithm"] => Object.hasOwn(digestBytes, name);
