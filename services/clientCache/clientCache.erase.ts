/** A client that is erased: first it has an erasure, and when that is done, its row goes. */
import type { Transaction } from "sequelize";
import { changeSilently } from "../../database/change.ts";
import type { Database } from "../../database/database.ts";
import { rowsWhere } from "../../database/model-reads.ts";
import { Problem } from "../../lib/errors.ts";
import { uuidv7 } from "../ids.ts";
import { newErasure } from "../retention/retention.domain.ts";
import { type Known, knownOf } from "./clientCache.known.ts";

/** Begins the erasure in the transaction of the client's change. Throws illegal-state, legal-hold. */
export async function erasing(
  { models: { Erasure } }: Database,
  before: Known,
  transaction: Transaction,
  nowMs: number,
): Promise<Partial<Known>> {
  if (before.erasureId !== null) return {};
  if (before.status !== "disabled")
    throw new Problem("illegal-state", "The client is active: disable it first.", { current: before.status });
  if (before.legalHold)
    throw new Problem("legal-hold", "The client is under a legal hold: nothing of it may be erased.");
  const { id: clientId, publicId: clientPublicId, identifier: clientIdentifier } = before;
  const about = { clientId, clientPublicId, clientIdentifier, dataset: null, criteria: null, lastBatch: 0 };
  const draft = newErasure({ publicId: uuidv7(), ...about }, nowMs);
  await Erasure.create(draft, { transaction });
  return { erasureId: draft.publicId };
}

/**
 * Deletes the row of a client whose erasure is done. Answers the client with the version that its deletion made; null: it was gone
 * before. False: it may not go now, because it has changed or is under a legal hold.
 */
export async function destroyed(database: Database, publicId: string): Promise<Known | null | false> {
  const { Client, Erasure } = database.models;
  const [row] = await rowsWhere(Client, { publicId });
  if (!row) return null;
  const known = knownOf(row.get({ plain: true }));
  const { version } = known;
  const gone = await changeSilently(database, async (transaction) => {
    const where = { publicId: known.erasureId ?? "", clientPublicId: publicId };
    const [erased] = await Erasure.update({ clientVersion: version + 1 }, { where, transaction });
    return erased === 0 ? 0 : Client.destroy({ where: { publicId, version, legalHold: null }, transaction });
  });
  return gone > 0 && { ...known, version: version + 1 };
}

/** Caches compare versions: a client with the identifier of an erased one goes on from there. */
export async function firstVersion(
  { models: { Erasure } }: Database,
  clientIdentifier: string,
  transaction: Transaction,
) {
  const erased = await rowsWhere(Erasure, { clientIdentifier }, { transaction });
  return 1 + Math.max(0, ...erased.map(({ clientVersion }) => Number(clientVersion ?? 0)));
}
