/**
 * Erases a whole client in pieces: its batches with all that belongs to them, oldest first, then its keys and policies, its grants, and at
 * last the client itself. Batches that have not ended are cancelled; one that is being taken back comes to its end first.
 * What lies in the company's own tables stays.
 */
import type { ServiceBroker } from "moleculer";
import type { BatchStore } from "../../database/store.ts";
import { isProblem } from "../../lib/errors.ts";
import { actors } from "../actors.ts";
import type { Removal, Removed } from "../batch/batch.reads.domain.ts";
import type { ErasureMove, ErasureRow } from "./retention.erasures.ts";

const BATCHES_AT_ONCE = 100;
const GRANTS_AT_ONCE = 100;
/** When it looks again whether what it waits for has ended. */
const AGAIN_MS = 1_000;

export interface ClientParts {
  broker: ServiceBroker;
  store: Pick<BatchStore, "clientBatches" | "eraseBatch" | "eraseClientRows" | "heldClients">;
  removed: Removed;
  moved(row: ErasureRow, move: ErasureMove, inMs?: number): Promise<boolean>;
  /** Rows of a piece. */
  rows(): number;
}

/** One piece. */
export async function eraseOfClient(parts: ClientParts, row: ErasureRow): Promise<Removal> {
  const { store } = parts;
  const clientId = row.clientId ?? 0;
  const wait = async (waits: string): Promise<Removal> => {
    await parts.moved(row, { waits }, AGAIN_MS);
    return "busy";
  };
  if ((await store.heldClients([clientId])).length > 0) return wait("a legal hold of the client");
  const batches = await store.clientBatches(clientId, BATCHES_AT_ONCE);
  if (batches.length > 0) {
    const open = batches.filter(({ isResting }) => isResting === 0);
    await Promise.all(open.map((batch) => cancelled(parts.broker, batch)));
    const resting = batches.find(({ isResting }) => isResting === 1);
    if (!resting) return wait(`batch ${open[0]?.publicId} has not ended`);
    const end = await store.eraseBatch(resting.id, row.id, parts.rows(), parts.removed);
    return end === "done" ? "more" : end;
  }
  const grants = await actors.policy.grants(parts.broker, { clientId, limit: GRANTS_AT_ONCE });
  for (const { name } of grants) await actors.policy.revokeDataset(parts.broker, { clientId, name });
  if (grants.length > 0 || !(await store.eraseClientRows(clientId, row.id, parts.rows()))) return "more";
  if (!(await actors.clientCache.remove(parts.broker, { publicId: row.client ?? "" }))) return "busy";
  return (await parts.moved(row, { state: "done" })) ? "done" : "busy";
}

/** What ends by itself, or has ended meanwhile, is waited for. */
async function cancelled(broker: ServiceBroker, { publicId, state }: { publicId: string; state: string }) {
  if (state === "receiving" || state === "undoing") return;
  await actors.batch.cancel(broker, { publicId }).catch((error: unknown) => {
    if (!isProblem(error)) throw error;
  });
}
