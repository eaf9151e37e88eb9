/** What `policy` keeps in its cache: the policies in force and their versions, datasets, and grants of datasets. */
import { configOf } from "../../config/config.ts";
import { rowsWhere } from "../../database/model-reads.ts";
import type { DatasetRow, GrantRow, PolicyRow } from "../../database/models.ts";
import { jsonValue } from "../../formats/check/json-value.ts";
import type { CacheOptions } from "../../mixins/cache.ts";
import type { WithDatabase } from "../../mixins/database.ts";
import type { PolicyVersion } from "./policy.contract.ts";
import { completeDataset, type Dataset } from "./policy.dataset.document.ts";
import type { Policy } from "./policy.document.ts";
import { completePolicy } from "./policy.rules.ts";

export interface KnownDataset {
  version: number;
  /** The version that created the dataset. */
  since: number;
  /** The dataset. Null: it was deleted. Its name may be used again. */
  dataset: Dataset | null;
}

export interface KnownGrant {
  version: number;
  /** The override. Null: the grant was revoked. */
  override: object | null;
}

type KnownPolicy = Omit<PolicyVersion, "dataset">;
export type Known = KnownPolicy | KnownDataset | KnownGrant;

export const currentKey = (clientId: number) => `current:${clientId}`;
export const versionKey = (clientId: number, version: number) => `${clientId}:${version}`;
export const datasetKey = (name: string) => `dataset:${name}`;
export const grantKey = (clientId: number, name: string) => `grant:${clientId}:${name}`;

export function policyVersionOf(row: PolicyRow): KnownPolicy {
  return {
    version: Number(row.get("version")),
    policy: completePolicy(jsonValue(row.get("body") as string) as Partial<Policy>),
  };
}

export function knownDataset(row: DatasetRow): KnownDataset {
  const body = row.get("body") as string | null;
  const dataset = body === null ? null : completeDataset(jsonValue(body) as Partial<Dataset>);
  return { version: Number(row.get("version")), since: Number(row.get("since")), dataset };
}

export function knownGrant(row: GrantRow): KnownGrant {
  const override = row.get("override") as string | null;
  return {
    version: Number(row.get("version")),
    override: override === null ? null : (jsonValue(override) as object),
  };
}

export const cache: CacheOptions<Known, WithDatabase> = {
  name: "policy",
  localTtlMs: ({ broker }) => configOf(broker).localCacheTtlMs,
  redisTtlMs: ({ broker }) => configOf(broker).policyCacheTtlMs,
  absentTtlMs: 1_000,
  maxEntries: 20_000,
  invalidatedBy: {
    "policy.changed": ({ clientId, version }: { clientId: number; version: number }) => ({
      keys: [currentKey(clientId)],
      version,
    }),
    "dataset.changed": ({ name, version }: { name: string; version: number }) => ({
      keys: [datasetKey(name)],
      version,
    }),
    "grant.changed": ({ clientId, dataset, version }: { clientId: number; dataset: string; version: number }) => ({
      keys: [grantKey(clientId, dataset)],
      version,
    }),
  },
  async changes({ database }, ms) {
    const since = (await database.now()) - ms;
    const { Policy, SharedDataset, DatasetGrant } = database.models;
    const [policies, datasets, grants] = await Promise.all([
      rowsWhere(Policy, { createdAt: { atLeast: since } }),
      rowsWhere(SharedDataset, { changedAt: { atLeast: since } }),
      rowsWhere(DatasetGrant, { changedAt: { atLeast: since } }),
    ]);
    return [
      ...policies.map((row) => ({ keys: [currentKey(Number(row.get("clientId")))], value: policyVersionOf(row) })),
      ...datasets.map((row) => ({ keys: [datasetKey(row.get("name"))], value: knownDataset(row) })),
      ...grants.map((row) => ({
        keys: [grantKey(Number(row.get("clientId")), row.get("dataset"))],
        value: knownGrant(row),
      })),
    ];
  },
  // Redis may hold documents of an earlier release, which lack newer fields.
  fromJson: (json) => {
    const known = json as Known;
    if ("policy" in known) return { ...known, policy: completePolicy(known.policy) };
    return "dataset" in known && known.dataset ? { ...known, dataset: completeDataset(known.dataset) } : known;
  },
};
