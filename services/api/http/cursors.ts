/** Cursors of lists: the last id of a page, encrypted and signed, so nobody learns internal ids or forges a cursor. */
import { Seal } from "./sealed.ts";

const ID_BYTES = 8;
/** 36 bytes fill 48 characters of base64 exactly, so each cursor has one spelling. */
const CURSOR = /^[\w-]{48}$/;

/** The key comes from ADMIN_TOKEN, so a cursor is good on every node that serves this API, also after a restart. */
export class Cursors {
  private readonly sealed: Seal;

  constructor(adminToken: string) {
    this.sealed = new Seal(adminToken, "dataflow cursor 1");
  }

  /** The cursor for what follows this id in this list. */
  seal(list: string, id: number): string {
    // Padded to one length: a shorter cursor would give away a smaller id.
    const plain = Buffer.alloc(ID_BYTES);
    plain.writeBigUInt64BE(BigInt(id));
    return this.sealed.close(plain, list);
  }

  /** The id in a cursor; null if the cursor was not made for this list. */
  open(list: string, cursor: string): number | null {
    const plain = CURSOR.test(cursor) ? this.sealed.open(cursor, list) : null;
    return plain && Number(plain.readBigUInt64BE());
  }
}
