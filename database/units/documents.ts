/** The versions of policies and datasets. The table's primary key has the order of the lists, so nothing is sorted. */
import type { VersionRow, VersionSpan } from "../../services/policy/policy.domain.ts";
import type { DocumentStore } from "../store.ts";
import { select } from "./steps.ts";
import type { Units } from "./unit.ts";

const GREATEST_INT = 2_147_483_647;
const OF = "FROM document_version AS v WHERE v.client_id = :clientId AND v.dataset = :dataset";

export function documentUnits(on: Units): DocumentStore {
  const listed = on.unit({ clientId: "bigint", dataset: "name", before: "int", limit: "int" }, ({ first }) => [
    select<VersionRow>(
      first(
        ":limit",
        `v.version AS "version", v.at AS "at", v.who AS "who", v.changed AS "changed",
    CASE WHEN v.body IS NULL THEN 1 ELSE 0 END AS "isDeletion" ${OF} AND v.version < :before ORDER BY v.version DESC`,
      ),
    ),
  ]);
  const kept = on.unit({ clientId: "bigint", dataset: "name" }, () => [
    select<VersionSpan | { from: null; to: null }>(`SELECT MIN(v.version) AS "from", MAX(v.version) AS "to" ${OF}`),
  ]);
  return {
    async documentVersions({ before = GREATEST_INT, ...rest }) {
      const rows = await listed.rows({ ...rest, before });
      return rows.map((row) => ({ ...row, at: Number(row.at) }));
    },
    async keptVersions({ clientId, dataset }) {
      const span = await kept.row({ clientId, dataset });
      return span && span.from !== null ? span : null;
    },
  };
}
