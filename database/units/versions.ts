/**
 * Versions of policies that no batch pins any more. One is deleted when it was replaced long before the client's oldest batch
 * was made, and that batch and those after it pin later ones: a batch pins a version that is current while it is uploaded.
 */
import { policy } from "../schema/tables.ts";
import type { BatchStore } from "../store.ts";
import { OLDEST_BATCHES, REPLACED_MS } from "../versions.ts";
import { removeFirst } from "./steps.ts";
import type { Units } from "./unit.ts";

export function versionUnits(on: Units): Pick<BatchStore, "forgetVersions"> {
  const forget = on.unit({ limit: "int" }, ({ first, least }) => {
    const oldest = (what: string) =>
      `(SELECT ${what} FROM (${first(
        OLDEST_BATCHES,
        "b.policy_version, b.created_at FROM batch AS b WHERE b.client_id = policy.client_id ORDER BY b.id",
      )}) AS oldest)`;
    return [
      removeFirst(policy, {
        key: ["client_id", "version"],
        // It is older than the one that replaced it.
        where: `policy.created_at < :now - ${REPLACED_MS}`,
        and: `policy.version < coalesce(${oldest("MIN(oldest.policy_version)")}, policy.version + 1)
      AND EXISTS (SELECT 1 FROM policy AS later WHERE later.client_id = policy.client_id AND later.version > policy.version
        AND later.created_at < ${least(":now", `coalesce(${oldest("MIN(oldest.created_at)")}, :now)`)} - ${REPLACED_MS})`,
        order: "client_id, version",
        limit: ":limit",
      }),
    ];
  });
  return { forgetVersions: async (limit) => (await forget.changed({ limit })) < limit };
}
