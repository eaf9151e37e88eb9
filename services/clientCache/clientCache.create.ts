/** A client that is made. */
import type { Context } from "moleculer";
import { addAudit } from "../../database/change.ts";
import type { Database } from "../../database/database.ts";
import { storable } from "../../database/rows.ts";
import { uuidv7 } from "../ids.ts";
import type { ParamsOf } from "../messages.ts";
import type { Write } from "./clientCache.changes.ts";
import { firstVersion } from "./clientCache.erase.ts";
import { auditOf, hashOf, knownOf } from "./clientCache.known.ts";

/** Writes the row of a new client with this secret, and its audit row. Throws UniqueConstraintError: the identifier is taken. */
export const creating =
  (database: Database, ctx: Context<ParamsOf<"clientCache.create">>, secret: string): Write =>
  async (transaction, nowMs) => {
    const { clientIdentifier: identifier, name } = ctx.params;
    const draft = {
      publicId: uuidv7(),
      identifier,
      name: storable(name),
      secretHash: hashOf(secret),
      oldSecretHash: null,
      oldSecretUntil: null,
      status: "active" as const,
      policyVersion: 0,
      version: await firstVersion(database, identifier, transaction),
      changedAt: nowMs,
      createdAt: nowMs,
      secretAt: nowMs,
    };
    const row = await database.models.Client.create(draft, { transaction });
    const known = knownOf(row.get({ plain: true }));
    const entry = auditOf(ctx, "client.create")(null, known);
    await addAudit(database.models, entry, { transaction, nowMs });
    return known;
  };
