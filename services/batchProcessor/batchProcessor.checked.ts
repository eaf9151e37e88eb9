import type { StoredChunk } from "../../database/store.ts";
import type { CheckedChunk } from "../../formats/formats.ts";

/** A chunk that was parsed and validated, with the bytes it came from. */
export interface Checked extends CheckedChunk {
  source: StoredChunk;
  data: Buffer;
  /** Where the policy has a unique key and the records are delivered. */
  keyed: Keyed | null;
}

/** The accepted records with a unique key. They are delivered unless the commit finds their key taken. */
export interface Keyed {
  /** Their positions in the chunk, rising. */
  places: number[];
  /** Their keys. Null: the record has no key and is always delivered. */
  keys: (string | null)[];
  /** Positions, rising, of accepted records that are duplicates. */
  duplicates: number[];
}
