/**
 * Pauses and resumes clients. A claim reads the pause from the client's queue, which is written in the transaction of the change.
 */
import { type Transaction, UniqueConstraintError } from "sequelize";
import type { Models } from "../../database/models.ts";
import { overtaken } from "../../lib/batching/flight.ts";
import type { Known } from "./clientCache.known.ts";

/** What a queue is made with where the client has none yet: what its policy says. */
export interface QueueDraft {
  cap: number;
  weight: number;
}

/** Pauses the client in the transaction of its change. One that is paused stays paused since then. */
export async function pausing(
  { ClientQueue }: Models,
  { client, by, queue }: { client: Known; by: string | null; queue: QueueDraft },
  transaction: Transaction,
  nowMs: number,
): Promise<Partial<Known>> {
  const { id: clientId, pausedAt } = client;
  if (pausedAt !== null) return {};
  const [found] = await ClientQueue.update({ pausedAt: nowMs }, { where: { clientId }, transaction });
  if (found === 0) {
    const draft = { clientId, running: 0, pass: 0, began: 0, dueAt: null, pausedAt: nowMs, ...queue };
    await ClientQueue.create(draft, { transaction }).catch((error: unknown) => {
      // Its first upload has come meanwhile.
      throw error instanceof UniqueConstraintError ? overtaken : error;
    });
  }
  return { pausedAt: nowMs, pausedBy: by };
}

/** Ends the pause in the transaction of the client's change. */
export async function resuming(
  { ClientQueue }: Models,
  { id: clientId }: Known,
  transaction: Transaction,
): Promise<Partial<Known>> {
  await ClientQueue.update({ pausedAt: null }, { where: { clientId }, transaction });
  return { pausedAt: null, pausedBy: null };
}
