/** Keeps a body as it came, beside its chunks: chunks have its records, and not each byte of it. */
import { firstBodyPart } from "../batch/batch.domain.ts";

/** The size of a stored part of a body. A part is read at once, like a chunk. */
const PART_BYTES = 1024 * 1024;

/** A part of a body, as it is stored. */
export interface BodyPart {
  no: number;
  data: Buffer;
}

export class KeptBody {
  private pieces: Buffer[] = [];
  private bytes = 0;
  private parts = 0;

  /** Takes the next bytes, and answers a part that is full. */
  push(piece: Buffer): BodyPart[] {
    this.pieces.push(piece);
    this.bytes += piece.length;
    return this.bytes >= PART_BYTES ? this.end() : [];
  }

  /** The last part. None: it is empty. */
  end(): BodyPart[] {
    if (this.bytes === 0) return [];
    const data = Buffer.concat(this.pieces);
    this.pieces = [];
    this.bytes = 0;
    return [{ no: firstBodyPart + this.parts++, data }];
  }
}
