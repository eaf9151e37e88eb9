/** A chunk's part of the batch's error report: the rejected records that it lists, each with its line and text. */
import type { RecordPlaces, RejectedRecord } from "../formats.ts";
import { ReportRoom } from "./fault-bounds.ts";

export interface ErrorReport {
  /** In their order. */
  errors: RejectedRecord[];
  /** Positions, ascending. */
  unlisted: number[];
}

/** `rejected` in their order, and further ones that are not listed: from the first one that has no room all are. */
export function boundedReport(rejected: RejectedRecord[], unlisted: number[], faultsLeft: number): ErrorReport {
  const room = new ReportRoom(faultsLeft);
  const end = rejected.findIndex(
    ({ index, errors }) => index > (unlisted[0] ?? Number.MAX_SAFE_INTEGER) || !room.take(errors),
  );
  if (end < 0) return { errors: rejected, unlisted };
  const others = [...rejected.slice(end).map(({ index }) => index), ...unlisted].sort((a, b) => a - b);
  return { errors: rejected.slice(0, end), unlisted: others };
}

/** How many numbers a record has in `RecordPlaces.places`. */
export const PLACE_NUMBERS = 3;

/** The line on which a record of the chunk begins; null: it has none. */
export const lineAt = ({ places }: RecordPlaces, index: number): number | null =>
  places[index * PLACE_NUMBERS + 2] || null;

/** Throws where the chunk has no record at `index`. */
export function originAt(of: RecordPlaces, index: number): { line: number | null; raw: string } {
  const [start, end] = of.places.subarray(index * PLACE_NUMBERS);
  if (start === undefined) throw new Error(`The chunk has no record at ${index}.`);
  const { buffer, byteOffset, byteLength } = of.data;
  const raw = Buffer.from(buffer, byteOffset, byteLength)
    .toString("utf8", start, end)
    .replace(/[\r\n]+$/, "");
  return { line: lineAt(of, index), raw: keptText(raw) };
}

/**
 * What stands for NUL in the kept text of a rejected record, because PostgreSQL takes no NUL in a text. Unicode has given no letter this
 * number, and leaves it to programs. U+FFFD would be mistaken: partners send it, out of files that were damaged before.
 */
const NUL = "\ufdd0";
export const keptText = (text: string): string => text.replaceAll("\0", NUL);
/** The kept text with its NULs restored. */
export const sentText = (kept: string): string => kept.replaceAll(NUL, "\0");
/** The text for people. */
export const shownText = (kept: string): string => kept.replaceAll(NUL, "\uFFFD");
export const holdsNul = (kept: string): boolean => kept.includes(NUL);
