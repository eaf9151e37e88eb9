/** Which rejected records of a batch a later batch has delivered: by a correction, or by a retry of what was rejected. */
import type { BatchStore } from "../../database/store.ts";
import { markKey } from "../../formats/check/record-keys.ts";
import { correctionOf } from "../batches.ts";
import type { BatchRow } from "./batch.domain.ts";

type Corrected = Pick<BatchRow, "id" | "clientId" | "corrected" | "envelope">;

/**
 * The rejected records of these numbers that are corrected. A record of a correction stands for the record that it would have
 * corrected: if it is corrected, that record is, too.
 */
export async function correctedAmong(
  store: Pick<BatchStore, "refused" | "keptKeys">,
  batch: Corrected,
  records: number[],
): Promise<number[]> {
  // The first batch counts what is corrected. So most batches need no query.
  if (records.length === 0 || (batch.corrected === null && !batch.envelope.corrects)) return [];
  const refused = await store.refused(batch.id, records);
  const keyOf = new Map(refused.map(({ seq, corrects }) => [seq, corrects ?? markKey(correctionOf(batch), seq)]));
  const kept = new Set(await store.keptKeys(batch.clientId, [...keyOf.values()]));
  return [...keyOf].flatMap(([seq, key]) => (kept.has(key) ? [seq] : []));
}
