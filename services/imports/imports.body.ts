/** Reads the bytes of an upload: decodes them, and watches the idle limit. */
import type { Readable } from "node:stream";
import { Decoding, type RoomFor } from "./imports.codings.ts";
import { type Coding, mostWireBytes } from "./imports.contract.ts";
import { IdleWatch, type Patience } from "./imports.idle.ts";

interface BodyOptions {
  /** The most bytes of the decoded body. An encoded body is refused during the upload if it is longer than any encoding of such a body. */
  maxBytes: number;
  patience: Patience;
  /** Aborting it ends the wait for the next piece, with the abort's reason. */
  signal?: AbortSignal;
  /** Takes room for a decoder's window. The wait for it is not the client's. */
  roomFor: RoomFor;
  /** Called with all bytes of the wire, including those after the end of the encoded content. */
  onWire?: ((piece: Buffer) => void) | null;
}

/**
 * The decoded pieces of `wire`. `wire` stays open afterwards, also after an error, because the client still needs its answer.
 * `codings` are in the order in which they were applied.
 * Throws upload-timeout if nothing or too little came, what `Decoding` throws, and what `wire` throws (the client hung up).
 */
export async function* decodedBody(
  wire: Readable,
  codings: readonly Coding[],
  { maxBytes, patience, signal, roomFor, onWire }: BodyOptions,
): AsyncGenerator<Buffer> {
  const watch = new IdleWatch(patience, signal);
  const mostWire = mostWireBytes(codings, maxBytes);
  const roomInTime: RoomFor = (bytes) => {
    const window = roomFor(bytes);
    return { ...window, ready: watch.aside(window.ready) };
  };
  const stages = codings.toReversed().map((coding) => new Decoding(coding, mostWire, roomInTime));
  const sent = wirePieces(wire, (piece) => {
    watch.came(piece.length);
    onWire?.(piece);
  });
  const pieces = stages.reduce((source, stage) => stage.pieces(source), sent);
  try {
    for (;;) {
      const next = await watch.orIdle(pieces.next());
      if (next.done) return;
      yield next.value;
    }
  } finally {
    watch.end();
    for (const stage of stages) stage.close();
  }
}

/** `destroyOnReturn` is false, so that a reader that stops early does not close the connection before the answer is sent. */
async function* wirePieces(wire: Readable, came: (piece: Buffer) => void): AsyncGenerator<Buffer> {
  for await (const piece of wire.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    came(piece);
    yield piece;
  }
}
