/**
 * Files and documents that never change while a node runs. They are sent with a tag, plain or compressed, in pieces.
 */
import { createHash } from "node:crypto";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { configOf } from "../../../config/config.ts";
import { addressOf } from "../http/address.ts";
import type { Exchange } from "../http/exchange.ts";
import { takesGzip } from "../http/packed.ts";
import { isKnownTag } from "../http/prefer.ts";
import { unlessGone } from "./export.ts";

/**
 * One form of a body: plain or compressed. The two forms differ in their bytes, so their tags differ too (RFC 9110,
 * 8.8.3.3).
 */
interface Representation {
  bytes: Buffer;
  headers: { ETag: string; "Content-Encoding"?: string };
}

/** A body that never changes while the node runs, in its plain and its compressed form. */
export interface Sendable {
  type: string;
  identity: Representation;
  gzip: Representation;
}

const compress = promisify(gzip);

export async function sendable(type: string, plain: Buffer): Promise<Sendable> {
  const hash = createHash("sha256").update(plain).digest("base64url").slice(0, 27);
  return {
    type,
    identity: { bytes: plain, headers: { ETag: `"${hash}"` } },
    gzip: {
      bytes: await compress(plain, { level: 9 }),
      headers: { ETag: `"${hash}-gzip"`, "Content-Encoding": "gzip" },
    },
  };
}

const PIECE = 64 * 1024;

/** Sends a body with its tag, compressed if the client accepts that. 304 if the client has this form already. */
export async function send({ req, res }: Exchange, { type, ...forms }: Sendable, more: Record<string, string>) {
  const { bytes, headers: own } = takesGzip(req) ? forms.gzip : forms.identity;
  const headers = { Vary: "Accept-Encoding", ...more };
  const known = req.headers["if-none-match"];
  if (known !== undefined && isKnownTag(known, own.ETag))
    return void res.writeHead(304, { ETag: own.ETag, ...headers }).end();
  const { files } = req.$service;
  const reader = addressOf(req, configOf(req.$service.broker).trustedProxies);
  const isLarge = bytes.length > PIECE && req.method !== "HEAD";
  if (isLarge) files.requirePlace(reader);
  res.writeHead(200, { "Content-Type": type, "Content-Length": bytes.length, ...own, ...headers });
  if (!isLarge) return void res.end(bytes);
  const closed = pipeline(pieces(bytes), res).catch(unlessGone);
  await files.keep(reader, { closed });
}

/**
 * The pieces of a body. A piece waits until the client has read the piece before, because the system would buffer
 * megabytes for a client that reads nothing.
 */
function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += PIECE) yield bytes.subarray(at, at + PIECE);
}
