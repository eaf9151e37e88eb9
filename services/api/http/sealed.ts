/**
 * Texts that only the nodes of one system can make and read: encrypted and signed under a key from ADMIN_TOKEN. Cursors
 * of lists are such texts.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";

const CIPHER = "aes-256-gcm";
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export class Seal {
  private readonly key: Buffer;

  /** `use` names the purpose of the key, so that one kind of text never passes as another. */
  constructor(adminToken: string, use: string) {
    this.key = Buffer.from(hkdfSync("sha256", adminToken, "", use, KEY_BYTES));
  }

  /** Seals bytes as a text. `context`: a text that `open` needs as well. */
  close(plain: Buffer, context: string): string {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, this.key, nonce, { authTagLength: TAG_BYTES }).setAAD(Buffer.from(context));
    const sealed = [nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()];
    return Buffer.concat(sealed).toString("base64url");
  }

  /** Opens a sealed text. Null if the text was not made by `close` with this key and this context. */
  open(text: string, context: string): Buffer | null {
    const bytes = Buffer.from(text, "base64url");
    if (bytes.length < NONCE_BYTES + TAG_BYTES) return null;
    const decipher = createDecipheriv(CIPHER, this.key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
      .setAAD(Buffer.from(context))
      .setAuthTag(bytes.subarray(-TAG_BYTES));
    try {
      return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
    } catch {
      return null;
    }
  }
}

const ID_BYTES = 8;
const TIME_BYTES = 6;
/** A cursor with an id. 36 bytes fill 48 characters of base64 exactly, so each cursor has one spelling. */
const CURSOR = /^[\w-]{48}$/;
/** A cursor with an id and a time. 42 bytes fill 56 characters of base64 exactly. */
const PLACE = /^[\w-]{56}$/;

/** Where a page of a list in the order of time ended. `createdAt` is in epoch ms. */
export interface Place {
  id: number;
  createdAt: number;
}

/**
 * Cursors of lists: the last id of a page. Nobody learns internal ids or forges a cursor. The key comes from
 * ADMIN_TOKEN, so a cursor is valid on every node that serves this API, also after a restart.
 */
export class Cursors {
  private readonly sealed: Seal;

  constructor(adminToken: string) {
    this.sealed = new Seal(adminToken, "dataflow cursor 1");
  }

  /** The cursor for what follows this id in the list. */
  seal(list: string, id: number): string {
    // The id is padded to one length, because a shorter cursor would give away a smaller id.
    const plain = Buffer.alloc(ID_BYTES);
    plain.writeBigUInt64BE(BigInt(id));
    return this.sealed.close(plain, list);
  }

  /** The id in a cursor. Null if the cursor was not made for this list. */
  open(list: string, cursor: string): number | null {
    const plain = CURSOR.test(cursor) ? this.sealed.open(cursor, list) : null;
    return plain && Number(plain.readBigUInt64BE());
  }

  /** The cursor for what follows this place in the list. */
  sealPlace(list: string, { id, createdAt }: Place): string {
    const plain = Buffer.alloc(ID_BYTES + TIME_BYTES);
    plain.writeBigUInt64BE(BigInt(id));
    plain.writeUIntBE(createdAt, ID_BYTES, TIME_BYTES);
    return this.sealed.close(plain, list);
  }

  /** The place in a cursor. Null if the cursor was not made for this list. */
  openPlace(list: string, cursor: string): Place | null {
    const plain = PLACE.test(cursor) ? this.sealed.open(cursor, list) : null;
    return plain && { id: Number(plain.readBigUInt64BE()), createdAt: plain.readUIntBE(ID_BYTES, TIME_BYTES) };
  }
}
