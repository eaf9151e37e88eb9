/** The versions of policies and datasets that are kept for operators. Nothing that decides about a batch reads them. */

import { Op, type Transaction } from "sequelize";
import type { Database } from "../../database/database.ts";
import { rowsWhere } from "../../database/model-reads.ts";
import type { Models } from "../../database/models.ts";
import { Problem } from "../../lib/errors.ts";
import { changedFields } from "../audits.ts";
import type { KeptVersion } from "./policy.contract.ts";
import { type DocumentName, KEPT_VERSIONS, type VersionQuery, type VersionSpan } from "./policy.domain.ts";

/** A version that a change makes. */
interface NewVersion extends DocumentName {
  version: number;
  who: string | null;
  before: object;
  /** The document after the change. Null: the dataset is deleted. */
  after: object | null;
}

/**
 * Whether two documents say the same; then the write makes no new version. The order of names counts only within the schema, because
 * templates have their columns in that order.
 */
export const isSameDocument = <T extends { schema: object }>(before: T, after: T): boolean =>
  changedFields(before, after).length === 0 && JSON.stringify(before.schema) === JSON.stringify(after.schema);

/** Writes a version in the transaction of the change that makes it, and deletes the one that is too old now. */
export async function addVersion(
  { DocumentVersion }: Models,
  { before, after, ...made }: NewVersion,
  { transaction, nowMs }: { transaction: Transaction; nowMs: number },
): Promise<void> {
  const { clientId, dataset, version } = made;
  // Where rows of policies were lost, as by a restore of a part, the numbers begin anew: no row that is left may stop the change.
  const others = { [Op.or]: [{ [Op.lte]: version - KEPT_VERSIONS }, { [Op.gte]: version }] };
  await DocumentVersion.destroy({ where: { clientId, dataset, version: others }, transaction });
  const changed = JSON.stringify(after ? changedFields(before, after) : []);
  const body = after && JSON.stringify(after);
  await DocumentVersion.create({ ...made, at: nowMs, changed, body }, { transaction });
}

/** Newest first. */
export async function listVersions({ store }: Database, query: VersionQuery): Promise<KeptVersion[]> {
  const rows = await store.documentVersions(query);
  return rows.map(({ version, at, who, changed, isDeletion }) => ({
    version,
    at,
    by: who,
    changed: changed === null ? null : (JSON.parse(changed) as string[]),
    isDeletion: isDeletion === 1,
  }));
}

/** The JSON text of one version. Undefined: it is not kept; null: it deleted the dataset. */
export async function versionBody({ models }: Database, of: DocumentName & { version: number }) {
  const { clientId, dataset, version } = of;
  const [row] = await rowsWhere(models.DocumentVersion, { clientId, dataset, version });
  return row && (row.get("body") as string | null);
}

/** The refusal of a version that is not there, with those that are. `why`: a sentence. */
export const notKept = (why: string, kept: VersionSpan | null): Problem =>
  kept
    ? new Problem("not-found", `${why} Kept are ${kept.from} to ${kept.to}.`, { kept: { ...kept } })
    : new Problem("not-found", `${why} None is kept.`);
