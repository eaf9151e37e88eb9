/** When the keys of clients were last used. */
import { client, clientKeyUse } from "../schema/tables.ts";
import type { KeyUseStore } from "../store.ts";
import { gather, remove, rowSet, select, upsert } from "./steps.ts";
import type { Units } from "./unit.ts";

export function keyUseUnits(on: Units): KeyUseStore {
  // A client that is being erased gets no new row, because the erasure may have deleted its rows already.
  const used = on.unit({ clientId: "bigint", keyId: "name", at: "bigint" }, () => [
    gather(client, {
      select: "SELECT c.id AS id FROM client AS c WHERE c.id = :clientId AND c.erasure_id IS NULL",
      into: rowSet("living", client, ["id"]),
    }),
    upsert(clientKeyUse, {
      key: ["client_id", "key_id"],
      values: { client_id: "living.id", key_id: ":keyId", used_at: ":at" },
      from: "living",
      update: ["used_at"],
      // The clocks of nodes differ, and an older use may be written later.
      where: "client_key_use.used_at < :at",
    }),
  ]);
  const forget = on.unit({ clientId: "bigint", keyId: "name" }, () => [
    remove(clientKeyUse, { where: "client_id = :clientId AND key_id = :keyId" }),
  ]);
  const uses = on.unit({ clientId: "bigint" }, () => [
    select<{ keyId: string; usedAt: number }>(
      'SELECT u.key_id AS "keyId", u.used_at AS "usedAt" FROM client_key_use AS u WHERE u.client_id = :clientId',
    ),
  ]);
  return {
    noteKeyUse: async (clientId, keyId, at) => void (await used.changed({ clientId, keyId, at })),
    forgetKeyUse: async (clientId, keyId) => void (await forget.changed({ clientId, keyId })),
    keyUses: (clientId) => uses.rows({ clientId }),
  };
}
