import type { StoredChunk } from "../../database/store.ts";
import type { CheckedChunk } from "../../formats/formats.ts";

/** A chunk that was parsed and validated, with the bytes it came from. */
export interface Checked extends CheckedChunk {
  source: StoredChunk;
  data: Buffer;
  /** Where the policy has a unique key and the records are delivered. */
  keyed: Keyed | null;
}

/** The accepted records that are delivered, unless their keys turn out to be taken. */
export interface Keyed {
  /** Their places in the chunk, rising. */
  places: number[];
  /** Their keys; null: like no other. */
  keys: (string | null)[];
  /** Places, rising, of accepted records that are not delivered. */
  duplicates: number[];
}
