/** Public ids: UUIDs of version 7, which begin with the time. */
import { randomFillSync } from "node:crypto";
import { v7 } from "uuid";

/**
 * Random bytes are fetched for this many ids at once: fetching 16 bytes costs ten times the rest of an id, and a POST
 * needs three ids.
 */
const AT_ONCE = 256;
const BYTES = 16;
const pool = new Uint8Array(AT_ONCE * BYTES);
let used = pool.length;

function random(): Uint8Array {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += BYTES;
  return pool.subarray(used - BYTES, used);
}

/** A new id. Ids of one millisecond have no order. */
export const uuidv7 = (): string => v7({ random: random() });
