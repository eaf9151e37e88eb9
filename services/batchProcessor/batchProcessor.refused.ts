/** Finds the rejected records of a batch, from its error report and, for those that the report does not list, from its body. */

import type { ServiceBroker } from "moleculer";
import type { BatchStore } from "../../database/store.ts";
import { markKey } from "../../formats/check/record-keys.ts";
import type { BatchRow } from "../batch/batch.domain.ts";
import type { RefusedRecord } from "../batch/batch.reads.domain.ts";
import { pinnedPolicy } from "../batches.ts";
import { chunkOf, rejectedAgain } from "../bodies.ts";

export interface RefusedTools {
  broker: ServiceBroker;
  store: Pick<BatchStore, "batch" | "readChunk" | "refused">;
}

/** A rejected record that the report does not list. In a correction it has the number of the record that it corrects. */
interface Unlisted {
  seq: number;
  named: number | null;
}

/** The records of these numbers that were rejected. The report of a batch with very many errors does not list all of them. */
export async function refusedIn(
  tools: RefusedTools,
  { id, publicId }: Pick<BatchRow, "id" | "publicId">,
  numbers: number[],
): Promise<RefusedRecord[]> {
  const listed = await tools.store.refused(id, numbers);
  const known = new Set(listed.map(({ seq }) => seq));
  const left = [...new Set(numbers)].filter((number) => number > 0 && !known.has(number)).sort((a, b) => a - b);
  const batch = left.length > 0 ? await tools.store.batch(publicId, null) : null;
  if (!batch || batch.unlisted === 0 || batch.chunks === 0) return listed;
  const found = await unlistedAmong(tools, batch, left);
  const marks = await marksOf(tools, batch, found);
  return [...listed, ...found.map(({ seq, named }) => ({ seq, corrects: marks.get(named ?? 0) ?? null }))];
}

/** Looks up ascending record numbers in the body, by checking their chunks again. */
async function unlistedAmong({ broker, store }: RefusedTools, batch: BatchRow, numbers: number[]): Promise<Unlisted[]> {
  const { policy, isGone } = await pinnedPolicy(broker, batch);
  if (isGone) return [];
  const body = { store, batch, policy };
  const found: Unlisted[] = [];
  for (let at = 0; at < numbers.length; ) {
    const chunk = await chunkOf(body, numbers[at] as number);
    // The other numbers are higher than the last record's, or the body is deleted.
    if (!chunk) return found;
    const refused = new Set((await rejectedAgain(body, chunk)).map(({ seq }) => seq));
    const end = chunk.firstRecord + chunk.records;
    for (; at < numbers.length && (numbers[at] as number) < end; at++) {
      const seq = numbers[at] as number;
      if (refused.has(seq)) found.push({ seq, named: chunk.numbers?.[seq - chunk.firstRecord] ?? null });
    }
  }
  return found;
}

/** The keys of the records that a correction's records would have corrected, by record number. */
async function marksOf(tools: RefusedTools, batch: BatchRow, found: Unlisted[]): Promise<Map<number, string>> {
  const { corrects } = batch.envelope;
  const numbers = found.flatMap(({ named }) => named ?? []);
  if (!corrects || numbers.length === 0) return new Map();
  const publicId = (batch.corrects ?? batch.retryOf) as string;
  const refused = await refusedIn(tools, { id: corrects.id, publicId }, numbers);
  return new Map(refused.map((one) => [one.seq, one.corrects ?? markKey(corrects, one.seq)]));
}
