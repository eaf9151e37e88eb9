/** Cursors of lists: the last id of a page, encrypted and signed, so nobody learns internal ids or forges a cursor. */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";

const CIPHER = "aes-256-gcm";
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const ID_BYTES = 8;
const TAG_BYTES = 16;
/** 36 bytes fill 48 characters of base64 exactly, so each cursor has one spelling. */
const CURSOR = /^[\w-]{48}$/;

/** The key comes from ADMIN_TOKEN, so a cursor is good on every node that serves this API, also after a restart. */
export class Cursors {
  private readonly key: Buffer;

  constructor(adminToken: string) {
    this.key = Buffer.from(hkdfSync("sha256", adminToken, "", "dataflow cursor 1", KEY_BYTES));
  }

  /** The cursor for what follows this id in this list. */
  seal(list: string, id: number): string {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, this.key, nonce, { authTagLength: TAG_BYTES }).setAAD(Buffer.from(list));
    // Padded to one length: a shorter cursor would give away a smaller id.
    const plain = Buffer.alloc(ID_BYTES);
    plain.writeBigUInt64BE(BigInt(id));
    const sealed = [nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()];
    return Buffer.concat(sealed).toString("base64url");
  }

  /** The id in a cursor; null if the cursor was not made for this list. */
  open(list: string, cursor: string): number | null {
    if (!CURSOR.test(cursor)) return null;
    const bytes = Buffer.from(cursor, "base64url");
    const nonce = bytes.subarray(0, NONCE_BYTES);
    const decipher = createDecipheriv(CIPHER, this.key, nonce, { authTagLength: TAG_BYTES })
      .setAAD(Buffer.from(list))
      .setAuthTag(bytes.subarray(-TAG_BYTES));
    try {
      const plain = [decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()];
      return Number(Buffer.concat(plain).readBigUInt64BE());
    } catch {
      return null;
    }
  }
}
