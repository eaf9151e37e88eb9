/** Which rejected records of a batch a later batch has delivered: by a correction, or by a retry of what was rejected. */
import type { BatchStore } from "../../database/store.ts";
import { markKey } from "../../formats/check/record-keys.ts";
import { correctionOf } from "../batches.ts";
import type { BatchRow } from "./batch.domain.ts";

type Corrected = Pick<BatchRow, "id" | "clientId" | "corrected" | "envelope">;

/**
 * Those of these rejected records that are corrected. A correction may be rejected, and then be corrected itself: then the original
 * record also counts as corrected.
 */
export async function correctedAmong(
  store: Pick<BatchStore, "refused" | "keptKeys">,
  batch: Corrected,
  records: number[],
): Promise<number[]> {
  // A batch counts its corrected records. For most batches this count is null, so they need no query.
  if (records.length === 0 || (batch.corrected === null && !batch.envelope.corrects)) return [];
  const refused = await store.refused(batch.id, records);
  const keyOf = new Map(refused.map(({ seq, corrects }) => [seq, corrects ?? markKey(correctionOf(batch), seq)]));
  const kept = new Set(await store.keptKeys(batch.clientId, [...keyOf.values()]));
  return [...keyOf].flatMap(([seq, key]) => (kept.has(key) ? [seq] : []));
}
