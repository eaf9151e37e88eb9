/**
 * Records that correct rejected ones of an earlier batch. Each takes the key of what it corrects, as a record takes its unique key:
 * reserved before the delivery, and made permanent by the commit that delivers it. So of two corrections one is delivered.
 */

import { notRejectedFault } from "../../formats/check/chunk-verdict.ts";
import { markKey } from "../../formats/check/record-keys.ts";
import type { Envelope } from "../../formats/formats.ts";
import type { BatchRow } from "../batch/batch.domain.ts";
import type { RefusedRecord } from "../batch/batch.reads.domain.ts";
import { withRefusals } from "./batchProcessor.chunk.ts";
import type { HandlerRejected } from "./batchProcessor.handlers.ts";
import { type RefusedTools, refusedIn } from "./batchProcessor.refused.ts";
import { type Checked, textPlaces, withoutPlaces } from "./batchProcessor.unique.ts";

/**
 * What each record of the chunk corrects, by its place. A record that was refused in a correction stands for the one that it would have
 * corrected: whoever corrects either of them takes the same key.
 */
function markByPlace({ numbers }: Checked, corrects: NonNullable<Envelope["corrects"]>, refused: RefusedRecord[]) {
  const keys = new Map(refused.map((one) => [one.seq, one.corrects ?? markKey(corrects, one.seq)]));
  const found = (numbers ?? []).map((number) => (number === null ? undefined : keys.get(number)));
  return new Map(found.flatMap((mark, place): [number, string][] => (mark === undefined ? [] : [[place, mark]])));
}

/** The chunk with the marks of its accepted records, and those that correct nothing: their number was not refused, or comes twice. */
function marked(checked: Checked, asked: ReadonlyMap<number, string>) {
  const marks = new Map<number, string>();
  const wrong: HandlerRejected[] = [];
  const seen = new Set<string>();
  for (const place of textPlaces(checked)) {
    if ((checked.numbers?.[place] ?? null) === null) continue;
    const mark = asked.get(place);
    if (mark === undefined || seen.has(mark)) wrong.push(notRejected(checked, place));
    else marks.set(place, mark);
    if (mark !== undefined) seen.add(mark);
  }
  return { checked: { ...checked, marks, asked }, wrong };
}

/** The records whose errors another batch has corrected. */
function correctedAlready(checked: Checked, taken: string[]): HandlerRejected[] {
  const isTaken = new Set(taken);
  return [...checked.marks].flatMap(([place, key]) => (isTaken.has(key) ? [notRejected(checked, place)] : []));
}

const notRejected = ({ source, numbers }: Checked, place: number): HandlerRejected => ({
  record: source.firstRecord + place,
  errors: notRejectedFault(numbers?.[place] ?? 0),
});

/** The chunk without accepted records that are refused after all. */
const refusing = (checked: Checked, batch: BatchRow, wrong: HandlerRejected[]): Checked =>
  withRefusals(
    withoutPlaces(checked, new Set(wrong.map(({ record }) => record - checked.source.firstRecord))),
    batch,
    wrong,
  );

/** The chunk with its marks. What the records correct is looked up; those that correct nothing are rejected. */
export async function withMarks(tools: RefusedTools, batch: BatchRow, checked: Checked): Promise<Checked> {
  const asked = (checked.numbers ?? []).filter((number) => number !== null);
  const { corrects } = batch.envelope;
  if (asked.length === 0 || !corrects) return checked;
  const publicId = (batch.corrects ?? batch.retryOf) as string;
  const refused = await refusedIn(tools, { id: corrects.id, publicId }, asked);
  const found = marked(checked, markByPlace(checked, corrects, refused));
  return refusing(found.checked, batch, found.wrong);
}

/** The chunk without records whose errors another batch has corrected. Duplicates stay what they are. */
export function withoutCorrected(checked: Checked, batch: BatchRow, taken: string[]): Checked {
  const left = new Set(textPlaces(checked));
  const wrong = correctedAlready(checked, taken);
  return refusing(
    checked,
    batch,
    wrong.filter(({ record }) => left.has(record - checked.source.firstRecord)),
  );
}
