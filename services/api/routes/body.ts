/** `GET /imports/{id}/body`: the body of a batch as the client sent it, but without its `Content-Encoding`. */
import { pipeline } from "node:stream/promises";
import { knownFormats } from "../../../formats/formats.ts";
import { Problem } from "../../../lib/errors.ts";
import { actors } from "../../actors.ts";
import type { BatchRow } from "../../batch/batch.domain.ts";
import { callerOf, type Exchange } from "../http/exchange.ts";
import type { Turns } from "../http/open.ts";
import { batchOf, unlessGone } from "./export.ts";
import { checksumOf } from "./views.ts";

type ReadPart = (no: number) => Promise<Uint8Array | null>;

/** Sends the body of a batch. Throws not-found, gone, too-many-streams, unavailable. */
export async function getBody(exchange: Exchange): Promise<undefined> {
  const batch = await batchOf(exchange);
  const { exports } = exchange.req.$service;
  const { client } = callerOf(exchange);
  exports.requirePlace(client.id);
  await exports.keep(client.id, { closed: send(exchange, batch, exports.turns) });
}

async function send({ ctx, req, res }: Exchange, batch: BatchRow, turns: Turns): Promise<void> {
  const read: ReadPart = (no) => turns.read(() => actors.batch.bodyPart(ctx, { id: batch.id, no }));
  // An erasure empties the body at once, and deletes its parts afterwards.
  const first = batch.chunks === 0 ? null : await read(0);
  if (!first)
    throw new Problem("gone", "The body of the batch is not kept, or not any longer (`keepBodyDays`, or an erasure).");
  if (res.destroyed) return;
  req.revoked?.throwIfAborted();
  res.writeHead(200, headersOf(batch));
  if (req.method === "HEAD") return void res.end();
  await pipeline(parts(first, read, batch.bytes), res).catch(unlessGone);
}

function headersOf({ publicId, format, envelope, contentHash }: BatchRow) {
  const known = knownFormats[format];
  const { mediaTypes, endings } = "withTab" in known && envelope.delimiter === "\t" ? known.withTab : known;
  const [[type], [ending]] = [mediaTypes, endings];
  return {
    "Content-Type": envelope.encoding === undefined ? type : `${type}; charset=${envelope.encoding}`,
    "Content-Disposition": `attachment; filename="${publicId}.${ending}"`,
    "Repr-Digest": checksumOf(contentHash) ?? "",
  };
}

/**
 * The parts of a body. A part is read once the client has read the part before. If the body is deleted meanwhile, the
 * answer is cut off.
 */
async function* parts(first: Uint8Array, read: ReadPart, bytes: number): AsyncGenerator<Uint8Array> {
  let sent = 0;
  for (let no = 1, part: Uint8Array | null = first; part; part = await read(no++)) {
    yield part;
    sent += part.length;
    if (sent === bytes) return;
  }
  throw new Error("The body was deleted while it was read.");
}
