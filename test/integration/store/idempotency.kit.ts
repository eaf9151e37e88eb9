/** What the suites of keys, contents and quotas share: uploads of one client, and reads of what is stored. */
import type { Database } from "../../../database/database.ts";
import type { UploadCommit, UploadOutcome } from "../../../services/imports/imports.domain.ts";
import { LEASE, newBatch, upload } from "./drafts.ts";

export const DAY_MS = 86_400_000;
export const FIRST = "0a".repeat(32);
export const OTHER = "0b".repeat(32);

export function uploadsTo(database: () => Database) {
  const store = () => database().store;
  const key = (fingerprint = FIRST, over = {}) => ({ key: "k", keepMs: DAY_MS, fingerprint, ...over });
  const totals = (contentHash: string, bytes = 60, records = 6) => ({
    ...upload(1).totals,
    contentHash,
    bytes,
    records,
  });
  const commit = (over: Partial<UploadCommit>, clientId = 1) => store().commitUpload(upload(clientId, over));
  const count = async (table: string) => {
    const [[row]] = (await database().sequelize.query(`SELECT COUNT(*) AS n FROM ${table}`)) as [
      { n: number }[],
      unknown,
    ];
    return Number(row?.n);
  };
  const outcomes = (done: UploadOutcome[]) => done.map(({ outcome }) => outcome).sort();
  const begin = async (name = "k", clientId = 1) => {
    const begun = await store().beginKeyedUpload(newBatch(clientId), LEASE, name);
    if (!("id" in begun)) throw new Error(`The key is ${begun.holder.state}.`);
    return begun.id;
  };
  return { store, key, totals, commit, count, outcomes, begin };
}
