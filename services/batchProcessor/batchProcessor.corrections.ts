/**
 * Records that correct rejected records of an earlier batch. Each reserves the key of the record that it corrects before its delivery,
 * like a unique key. The commit that delivers the record makes the key permanent. So of two corrections of one record, only one is
 * delivered.
 */

import { emptyCorrectionFault, notRejectedFault } from "../../formats/check/chunk-verdict.ts";
import { markKey } from "../../formats/check/record-keys.ts";
import { isWithoutValue } from "../../formats/correction/splitter.ts";
import type { Envelope } from "../../formats/formats.ts";
import { recordOrigins } from "../../formats/parts.ts";
import type { BatchRow } from "../batch/batch.domain.ts";
import type { RefusedRecord } from "../batch/batch.reads.domain.ts";
import { withRefusals } from "./batchProcessor.chunk.ts";
import type { HandlerRejected } from "./batchProcessor.handlers.ts";
import { type RefusedTools, refusedIn } from "./batchProcessor.refused.ts";
import { type Checked, textPlaces, withoutPlaces } from "./batchProcessor.unique.ts";

/**
 * The key that each record of the chunk corrects, by its position. A correction that was rejected can be corrected, too: that takes the
 * key of the original record.
 */
function markByPlace({ numbers }: Checked, corrects: NonNullable<Envelope["corrects"]>, refused: RefusedRecord[]) {
  const keys = new Map(refused.map((one) => [one.seq, one.corrects ?? markKey(corrects, one.seq)]));
  const found = (numbers ?? []).map((number) => (number === null ? undefined : keys.get(number)));
  return new Map(found.flatMap((mark, place): [number, string][] => (mark === undefined ? [] : [[place, mark]])));
}

/**
 * Adds the marks of its accepted records to the chunk. It rejects records that correct nothing: their number was not rejected, or comes
 * twice, or they are `empty`.
 */
function marked(checked: Checked, asked: ReadonlyMap<number, string>, empty: ReadonlySet<number>) {
  const marks = new Map<number, string>();
  const wrong: HandlerRejected[] = [];
  const seen = new Set<string>();
  for (const place of textPlaces(checked)) {
    if ((checked.numbers?.[place] ?? null) === null) continue;
    const mark = asked.get(place);
    if (mark === undefined || seen.has(mark)) wrong.push(notRejected(checked, place));
    else if (empty.has(place)) wrong.push(refusedWith(checked, place, emptyCorrectionFault));
    else marks.set(place, mark);
    if (mark !== undefined && !empty.has(place)) seen.add(mark);
  }
  return { checked: { ...checked, marks, asked }, wrong };
}

/** Finds the records that correct a record which another batch has already corrected. */
function correctedAlready(checked: Checked, taken: string[]): HandlerRejected[] {
  const isTaken = new Set(taken);
  return [...checked.marks].flatMap(([place, key]) => (isTaken.has(key) ? [notRejected(checked, place)] : []));
}

/** The positions of these records that have no value at all. A schema without required fields would accept them. */
function emptyAmong({ source, data }: Checked, { format, envelope }: BatchRow, asked: ReadonlyMap<number, string>) {
  const places = [...asked.keys()];
  const origins = recordOrigins({ ...source, data }, format, envelope, places);
  return new Set(places.filter((_place, i) => isWithoutValue(origins[i]?.raw ?? "", format, envelope)));
}

const refusedWith = ({ source, numbers }: Checked, place: number, fault: typeof notRejectedFault): HandlerRejected => ({
  record: source.firstRecord + place,
  errors: fault(numbers?.[place] ?? 0),
});

const notRejected = (checked: Checked, place: number) => refusedWith(checked, place, notRejectedFault);

/** Moves accepted records of the chunk to its rejected ones. */
const refusing = (checked: Checked, batch: BatchRow, wrong: HandlerRejected[]): Checked =>
  withRefusals(
    withoutPlaces(checked, new Set(wrong.map(({ record }) => record - checked.source.firstRecord))),
    batch,
    wrong,
  );

/** Looks up what the records correct and adds their marks to the chunk. Records that correct nothing are rejected. */
export async function withMarks(tools: RefusedTools, batch: BatchRow, checked: Checked): Promise<Checked> {
  const asked = (checked.numbers ?? []).filter((number) => number !== null);
  const { corrects } = batch.envelope;
  if (asked.length === 0 || !corrects) return checked;
  const publicId = (batch.corrects ?? batch.retryOf) as string;
  const refused = await refusedIn(tools, { id: corrects.id, publicId }, asked);
  const marks = markByPlace(checked, corrects, refused);
  const found = marked(checked, marks, emptyAmong(checked, batch, marks));
  return refusing(found.checked, batch, found.wrong);
}

/** Rejects the records that correct a record which another batch has already corrected. Duplicates stay duplicates. */
export function withoutCorrected(checked: Checked, batch: BatchRow, taken: string[]): Checked {
  const left = new Set(textPlaces(checked));
  const wrong = correctedAlready(checked, taken);
  return refusing(
    checked,
    batch,
    wrong.filter(({ record }) => left.has(record - checked.source.firstRecord)),
  );
}
