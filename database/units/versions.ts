/**
 * Deletes versions of policies that no batch pins any more. A batch pins the version that is current during its upload. So a
 * version can go if it was replaced long before the client's oldest batch was made, and the oldest batches pin later versions.
 * A batch of a dataset pins a row of `dataset_pin`: the policy that the client's policy, the dataset and the grant give together.
 */
import { finalStates } from "../../services/batch/batch.domain.ts";
import { notVoided } from "../rows.ts";
import { datasetPin, policy } from "../schema/tables.ts";
import type { BatchStore } from "../store.ts";
import { removeFirst, select } from "./steps.ts";
import type { Units } from "./unit.ts";

/** A version must have been replaced for this long. No upload takes longer, and no cache keeps a replaced version for longer. */
const REPLACED_MS = 7 * 86_400_000;

/** How many of a client's oldest batches are read. Several, because batches are made only roughly in the order of their ids. */
const OLDEST_BATCHES = 100;

export function versionUnits(on: Units): Pick<BatchStore, "forgetVersions" | "forgetPins" | "openBatches"> {
  const forget = on.unit({ limit: "int" }, ({ first, least }) => {
    const oldest = (what: string) =>
      `(SELECT ${what} FROM (${first(
        OLDEST_BATCHES,
        "b.policy_version, b.created_at FROM batch AS b WHERE b.client_id = policy.client_id ORDER BY b.id",
      )}) AS oldest)`;
    return [
      removeFirst(policy, {
        key: ["client_id", "version"],
        // A version is older than the one that replaced it.
        where: `policy.created_at < :now - ${REPLACED_MS}`,
        and: `policy.version < coalesce(${oldest("MIN(CASE WHEN oldest.policy_version >= 0 THEN oldest.policy_version END)")}, policy.version + 1)
      AND EXISTS (SELECT 1 FROM policy AS later WHERE later.client_id = policy.client_id AND later.version > policy.version
        AND later.created_at < ${least(":now", `coalesce(${oldest("MIN(oldest.created_at)")}, :now)`)} - ${REPLACED_MS})`,
        order: "client_id, version",
        limit: ":limit",
      }),
    ];
  });
  // A pin can go if a pin of newer versions replaced it before the client's oldest batch was made. Ids do not tell which pin is
  // newer: a node that had not heard of a change may have made the older pin last.
  const newer = ["policy_version", "dataset_version", "grant_version"]
    .map((version) => `later.${version} >= dataset_pin.${version}`)
    .join(" AND ");
  const forgetPins = on.unit({ limit: "int" }, ({ first, least }) => {
    const oldest = `(SELECT MIN(oldest.created_at) FROM (${first(
      OLDEST_BATCHES,
      "b.created_at FROM batch AS b WHERE b.client_id = dataset_pin.client_id ORDER BY b.id",
    )}) AS oldest)`;
    return [
      removeFirst(datasetPin, {
        key: ["id"],
        where: `dataset_pin.created_at < :now - ${REPLACED_MS}`,
        and: `EXISTS (SELECT 1 FROM dataset_pin AS later WHERE later.client_id = dataset_pin.client_id
        AND later.dataset = dataset_pin.dataset AND later.id <> dataset_pin.id AND ${newer}
        AND later.created_at < ${least(":now", `coalesce(${oldest}, :now)`)} - ${REPLACED_MS})`,
        order: "id",
        limit: ":limit",
      }),
    ];
  });
  const open = on.unit({ dataset: "name" }, () => [
    select<{ n: number }>(`SELECT COUNT(*) AS "n" FROM batch AS b
  WHERE b.dataset = :dataset AND b.state NOT IN (${finalStates.map((state) => `'${state}'`).join(", ")}) AND ${notVoided("b")}`),
  ]);
  return {
    forgetVersions: async (limit) => (await forget.changed({ limit })) < limit,
    forgetPins: async (limit) => (await forgetPins.changed({ limit })) < limit,
    openBatches: async (dataset) => (await open.row({ dataset }))?.n ?? 0,
  };
}
