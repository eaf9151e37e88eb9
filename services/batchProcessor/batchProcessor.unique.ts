/** Unique keys of a checked chunk: which of its records are duplicates. */
import { setImmediate } from "node:timers/promises";
import { checkKey, keyRange, marksScope, recordKey, scopeDigits } from "../../formats/check/record-keys.ts";
import type { RecordNumber } from "../../formats/correction/reserved.ts";
import type { CheckedChunk } from "../../formats/formats.ts";
import { joined, linesOf } from "../../formats/text-lines.ts";
import type { BatchRow, StoredChunk } from "../batch/batch.domain.ts";
import type { TableCommit, TableVerdict } from "../batch/batch.table.domain.ts";
import type { UniqueKeys } from "../batch/batch.writes.domain.ts";

/** A chunk that was parsed and validated, with the bytes it came from. */
export interface Checked extends CheckedChunk {
  source: StoredChunk;
  data: Buffer;
  /** The unique keys, if the policy has a unique key and the records are delivered. */
  keyed: Keyed | null;
  /** If the batch is a correction: the numbers of its records in the corrected batch. */
  numbers: RecordNumber[] | null;
  /** The keys that mark the original records as corrected, by the positions of the correcting records. */
  marks: Map<number, string>;
  /** The keys of what each record would correct, by position. It includes rejected records. */
  asked: ReadonlyMap<number, string>;
  /** If the records go into a table: one row for each text. */
  table?: Omit<TableCommit, "faultsLeft" | "pieceRows">;
  /** If the table has the chunk already: the result of its records. */
  verdict?: TableVerdict;
}

/** The accepted records with a unique key. They are delivered unless the commit finds their key taken. */
export interface Keyed {
  /** The positions of the records in the chunk, ascending. */
  places: number[];
  /** The keys of the records. Null: the record has no key and is always delivered. */
  keys: (string | null)[];
  /** Positions, ascending, of accepted records that are duplicates. */
  duplicates: number[];
  /** The keys that could not be reserved. */
  taken?: string[];
}

/** How many keys are computed in one go, which takes a few ms. Then other work gets its turn. */
const KEYS_AT_ONCE = 2000;

/** Marks records as duplicates if an earlier record of the chunk has the same key. */
export async function withKeys(checked: Checked, fields: readonly string[], scope?: string): Promise<Checked> {
  const texts = linesOf(checked.text);
  const places = placesOf(checked);
  const all: Keyed = { places, keys: await keysOf(texts, fields, scope), duplicates: [] };
  return without({ ...checked, keyed: all }, repeatedKeys(all.keys));
}

/** Marks records as duplicates if another batch has the same key. */
export function withoutTaken(checked: Checked, taken: string[]): Checked {
  const isTaken = new Set(taken);
  const keyed = checked.keyed as Keyed;
  const { keys } = keyed;
  const ranks = new Set(keys.flatMap((key, rank) => (key !== null && isTaken.has(key) ? [rank] : [])));
  const theirs = keys.filter((key) => key !== null && isTaken.has(key)) as string[];
  return without({ ...checked, keyed: { ...keyed, taken: [...(keyed.taken ?? []), ...theirs] } }, ranks);
}

/** The keys that a check reserves in place of these, each with the key that it replaces. */
export const keysOfCheck = (batchId: string, keys: string[]): Map<string, string> =>
  new Map(keys.map((key) => [checkKey(batchId, key), key]));

/** The keys of the records at these positions. */
export function keysAt({ places, keys }: Keyed, wanted: number[]): string[] {
  const isWanted = new Set(wanted);
  return keys.filter((key, rank): key is string => key !== null && isWanted.has(places[rank] as number));
}

/** The marks of these records, which correct nothing because they are rejected or duplicates. */
export const unmarked = ({ marks }: Checked, places: number[]): string[] =>
  places.flatMap((place) => marks.get(place) ?? []);

/** The marks that the commit counts as corrected records. */
export function marksOf({ marks }: Checked, { envelope: { corrects } }: BatchRow): Pick<UniqueKeys, "marks"> {
  if (!corrects || marks.size === 0) return {};
  return { marks: { first: corrects.first, ...keyRange(marksScope(corrects)) } };
}

/** The position of the record of each text. */
export function textPlaces(checked: Checked): number[] {
  const duplicates = new Set(checked.keyed?.duplicates);
  return placesOf(checked).filter((place) => !duplicates.has(place));
}

/** The unique key of each record and the key that it marks as corrected, separated by a blank. Null: there are none. */
export function keyByPlace({ keyed, marks }: Checked): Map<number, string | null> | null {
  if (!keyed && marks.size === 0) return null;
  const keys = new Map<number, string | null>(keyed?.places.map((place, rank) => [place, keyed.keys[rank] ?? null]));
  for (const [place, mark] of marks) {
    const key = keys.get(place) ?? null;
    keys.set(place, key === null ? mark : `${key} ${mark}`);
  }
  return keys;
}

function placesOf({ source, rejected, unlisted }: Checked): number[] {
  const isRejected = new Set([...rejected.map(({ index }) => index), ...unlisted]);
  return Array.from({ length: source.records }, (_, place) => place).filter((place) => !isRejected.has(place));
}

async function keysOf(texts: string[], fields: readonly string[], scope?: string): Promise<(string | null)[]> {
  const keys: (string | null)[] = [];
  const start = scope === undefined ? "" : scopeDigits(scope);
  for (const text of texts) {
    if (keys.length % KEYS_AT_ONCE === KEYS_AT_ONCE - 1) await setImmediate();
    const key = recordKey(text, fields);
    keys.push(key && start + key);
  }
  return keys;
}

/** The ranks of keys that came before. Of records with the same key, the first one counts. */
function repeatedKeys(keys: (string | null)[]): Set<number> {
  const seen = new Set<string>();
  const found = new Set<number>();
  keys.forEach((key, rank) => {
    if (key === null) return;
    if (seen.has(key)) found.add(rank);
    seen.add(key);
  });
  return found;
}

/** Removes accepted records, by position, because they are now rejected. */
export function withoutPlaces(checked: Checked, places: ReadonlySet<number>): Checked {
  const all = textPlaces(checked);
  const ranks = new Set(all.flatMap((place, rank) => (places.has(place) ? [rank] : [])));
  if (ranks.size === 0) return checked;
  const kept = <T>(list: T[]): T[] => list.filter((_one, rank) => !ranks.has(rank));
  const { keyed } = checked;
  return {
    ...checked,
    text: joined(kept(linesOf(checked.text))),
    values: checked.values && kept(checked.values),
    keyed: keyed && { ...keyed, places: kept(keyed.places), keys: kept(keyed.keys) },
  };
}

/** Removes accepted records, by their rank among the accepted records. */
function without(checked: Checked, ranks: ReadonlySet<number>): Checked {
  if (ranks.size === 0) return checked;
  const kept = <T>(list: T[]): T[] => list.filter((_one, rank) => !ranks.has(rank));
  const { places, keys, duplicates } = checked.keyed as Keyed;
  const dropped = places.filter((_place, rank) => ranks.has(rank));
  return {
    ...checked,
    text: joined(kept(linesOf(checked.text))),
    values: checked.values && kept(checked.values),
    keyed: {
      ...(checked.keyed as Keyed),
      places: kept(places),
      keys: kept(keys),
      duplicates: [...duplicates, ...dropped].sort((a, b) => a - b),
    },
  };
}
