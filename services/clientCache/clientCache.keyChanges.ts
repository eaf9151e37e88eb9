/** Keys of a client beside its own secret: how they are made, shown and deleted. */
import type { Context } from "moleculer";
import type { Database } from "../../database/database.ts";
import type { ParamsOf } from "../messages.ts";
import type { ClientChanges } from "./clientCache.changes.ts";
import type { ListedKey } from "./clientCache.contract.ts";
import { auditedKey, defaultKeyOf, keyPart, type StoredKey, withKey, withoutKey } from "./clientCache.keys.ts";
import { type AuditOf, auditOf, hashOf, type Known, newSecret } from "./clientCache.known.ts";

interface Parts {
  database: Database;
  changes: ClientChanges;
}

/** Answers the key with its secret, which is shown once. Throws not-found, conflict. */
export async function createKey({ database, changes }: Parts, ctx: Context<ParamsOf<"clientCache.createKey">>) {
  const { publicId, ...draft } = ctx.params;
  const secret = newSecret();
  const now = await database.now();
  const made: { key?: StoredKey } = {};
  const valuesOf = (before: Known) => {
    const keys = withKey(before.keys, draft, hashOf(secret), now);
    made.key = keys.at(-1) as StoredKey;
    return { keys };
  };
  const entryOf: AuditOf = (...clients) => {
    const { id, ...shown } = auditedKey(made.key as StoredKey);
    return auditOf(ctx, "client.key.create", { [`/keys/${id}`]: [null, shown] })(...clients);
  };
  await changes.change(publicId, valuesOf, entryOf);
  return { key: { ...keyPart(made.key as StoredKey), lastUsedAt: null }, secret };
}

/** Answers the id of the client's row. Throws not-found, conflict. */
export async function removeKey(
  { changes }: Pick<Parts, "changes">,
  ctx: Context<ParamsOf<"clientCache.removeKey">>,
): Promise<number> {
  const { publicId, keyId } = ctx.params;
  const removed: { key?: StoredKey } = {};
  const valuesOf = ({ keys }: Known) => {
    const { left, gone } = withoutKey(keys, keyId);
    removed.key = gone;
    return { keys: left };
  };
  const entryOf: AuditOf = (...clients) => {
    const { id, ...shown } = auditedKey(removed.key as StoredKey);
    return auditOf(ctx, "client.key.delete", { [`/keys/${id}`]: [shown, null] })(...clients);
  };
  return (await changes.change(publicId, valuesOf, entryOf)).id;
}

/** Its own secret first, then the others, each with when it was last used. */
export async function listedKeys({ store }: Database, client: Known): Promise<ListedKey[]> {
  const uses = await store.keyUses(client.id);
  const usedAt = new Map(uses.map((use) => [use.keyId, Number(use.usedAt)]));
  return [defaultKeyOf(client), ...client.keys.map(keyPart)].map((key) => ({
    ...key,
    lastUsedAt: usedAt.get(key.id) ?? null,
  }));
}
