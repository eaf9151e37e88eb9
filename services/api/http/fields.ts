/** Header fields that are structured (RFC 8941), as far as an upload has some. */
import type { IncomingMessage } from "node:http";
import { Problem } from "../../../lib/errors.ts";
import { type Digest, digestBytes } from "../../imports/imports.contract.ts";

const malformed = (header: string, detail: string) => new Problem("invalid-header", detail, { header });

const KEY = "Idempotency-Key";
const BARE_KEY = /^(?!")[\x21-\x7e]{1,255}$/;
const QUOTED_KEY = /^"((?:[\x21\x23-\x5b\x5d-\x7e]|\\["\\]){1,255})"$/;

/** The client's key for this upload, the same whether it is quoted or bare. Throws invalid-header. */
export function idempotencyKeyOf({ headersDistinct }: IncomingMessage): string | undefined {
  const [text, ...more] = headersDistinct["idempotency-key"] ?? [];
  if (text === undefined) return undefined;
  if (more.length > 0) throw malformed(KEY, `${KEY} stands there more than once.`);
  const [, quoted] = QUOTED_KEY.exec(text) ?? [];
  if (quoted !== undefined) return quoted.replaceAll(/\\(.)/g, "$1");
  if (BARE_KEY.test(text)) return text;
  throw malformed(KEY, `${KEY} is 1 to 255 visible ASCII characters, quoted or not.`);
}

const DIGEST = "Content-Digest";
const PARAMETERS =
  '(?:; *[a-z*][a-z0-9_.*-]*(?:=(?:"(?:[\\x20\\x21\\x23-\\x5b\\x5d-\\x7e]|\\\\["\\\\])*"|[^",; ]+))?)*';
const MEMBER = new RegExp(`^([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/]*={0,2}):${PARAMETERS}[ \\t]*(?:,[ \\t]*(?=.)|$)`);

/**
 * The digests that this server can check; others are ignored, as RFC 9530 allows, but not what is no digest at all.
 * Of an algorithm that stands there twice the last one counts. Throws invalid-header.
 */
export function contentDigestsOf({ headers }: IncomingMessage): Digest[] | undefined {
  const field = headers["content-digest"];
  if (field === undefined) return undefined;
  const found = new Map<Digest["algorithm"], Digest>();
  let rest = String(field);
  do {
    const [member, name = "", base64 = ""] = MEMBER.exec(rest) ?? [];
    if (member === undefined) throw malformed(DIGEST, `${DIGEST} is a list of digests like sha-256=:…base64…:`);
    rest = rest.slice(member.length);
    if (!isKnown(name)) continue;
    const bytes = Buffer.from(base64, "base64");
    if (bytes.length !== digestBytes[name])
      throw malformed(DIGEST, `A digest of ${name} has ${digestBytes[name]} bytes.`);
    found.set(name, { algorithm: name, hex: bytes.toString("hex") });
  } while (rest !== "");
  return [...found.values()];
}

const isKnown = (name: string): name is Digest["algorithm"] => Object.hasOwn(digestBytes, name);
