/** Unique keys of a checked chunk: which of its records are duplicates of others. */
import { setImmediate } from "node:timers/promises";
import { recordKey } from "../../formats/check/record-keys.ts";
import { joined, linesOf } from "../../formats/text-lines.ts";
import type { Checked, Keyed } from "./batchProcessor.checked.ts";

/** Keys that are computed at once, a few ms of work; then others get their turn. */
const KEYS_AT_ONCE = 2000;

/** Counts the records as duplicates whose key an earlier record of the chunk has. */
export async function withKeys(checked: Checked, fields: readonly string[]): Promise<Checked> {
  const texts = linesOf(checked.text);
  const places = placesOf(checked);
  const all: Keyed = { places, keys: await keysOf(texts, fields), duplicates: [] };
  return without({ ...checked, keyed: all }, repeatedKeys(all.keys));
}

/** Counts the records as duplicates whose key another batch has. */
export function withoutTaken(checked: Checked, taken: string[]): Checked {
  const isTaken = new Set(taken);
  const { keys } = checked.keyed as Keyed;
  return without(checked, new Set(keys.flatMap((key, rank) => (key !== null && isTaken.has(key) ? [rank] : []))));
}

/** The keys of the records at these places. */
export function keysAt({ places, keys }: Keyed, wanted: number[]): string[] {
  const isWanted = new Set(wanted);
  return keys.filter((key, rank): key is string => key !== null && isWanted.has(places[rank] as number));
}

function placesOf({ source, rejected, unlisted }: Checked): number[] {
  const isRejected = new Set([...rejected.map(({ index }) => index), ...unlisted]);
  return Array.from({ length: source.records }, (_, place) => place).filter((place) => !isRejected.has(place));
}

async function keysOf(texts: string[], fields: readonly string[]): Promise<(string | null)[]> {
  const keys: (string | null)[] = [];
  for (const text of texts) {
    if (keys.length % KEYS_AT_ONCE === KEYS_AT_ONCE - 1) await setImmediate();
    keys.push(recordKey(text, fields));
  }
  return keys;
}

/** Ranks of keys that came before: the first record with a key is the one that counts. */
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

/** Takes accepted records out, by their rank among the accepted. */
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
      places: kept(places),
      keys: kept(keys),
      duplicates: [...duplicates, ...dropped].sort((a, b) => a - b),
    },
  };
}
