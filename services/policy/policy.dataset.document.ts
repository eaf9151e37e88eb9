/** A dataset: a kind of import that clients share. Its fields are those of a policy that are not the client's own. */
import { isDeepStrictEqual } from "node:util";
import type { Fault } from "../../lib/errors.ts";
import { clientFields, type Policy, policyFields } from "./policy.document.ts";
import { isObject, type Surroundings } from "./policy.fields.ts";
import { mergePatch, unknownNulls } from "./policy.patch.ts";
import { completePolicy, documentOf } from "./policy.rules.ts";

type ClientField = (typeof clientFields)[number];

/** A whole dataset. */
export type Dataset = Omit<Policy, ClientField>;

export const isDatasetField = (name: string): boolean => !(clientFields as readonly string[]).includes(name);
const datasetFields = Object.entries(policyFields).filter(([name]) => isDatasetField(name));
const document = documentOf(datasetFields);

export const nameExpected = "1 to 64 of a-z 0-9 _ -, the first one a letter";

/** The faults of a dataset from outside, whole or partial. If there are none, `completeDataset` accepts it. */
export function datasetFaults(input: unknown, surroundings: Surroundings): Fault[] {
  if (!isObject(input)) return [{ pointer: "", detail: "expected an object" }];
  return document(input, surroundings);
}

/** Gives absent members their defaults. */
export function completeDataset(partial: Partial<Dataset>): Dataset {
  const whole = Object.entries(completePolicy(partial)).filter(([name]) => isDatasetField(name));
  return Object.fromEntries(whole) as Dataset;
}

/** A dataset with a client's override, a merge patch of it. The override has no faults. */
export const overridden = (dataset: Dataset, override: object): Dataset =>
  completeDataset(mergePatch(dataset, override) as Partial<Dataset>);

/** What a client's batches of a dataset run under. */
export const effectivePolicy = (policy: Policy, dataset: Dataset): Policy => ({ ...policy, ...dataset });

/** The faults of a merge patch of a dataset, and of the merged dataset. */
export const patchFaults = (dataset: Dataset, patch: object, surroundings: Surroundings): Fault[] => [
  ...unknownNulls(patch, document.schema),
  ...datasetFaults(mergePatch(dataset, patch), surroundings),
];

/** Where records go is the operator's decision for all clients. */
const FIXED = ["handler", "table"] as const;

/** The faults of a client's override, with pointers into the dataset. */
export function overrideFaults(dataset: Dataset, override: unknown, surroundings: Surroundings): Fault[] {
  if (!isObject(override)) return [{ pointer: "", detail: "expected an object" }];
  const faults = patchFaults(dataset, override, surroundings);
  if (faults.length > 0) return faults;
  const whole = overridden(dataset, override);
  return FIXED.filter((name) => !isDeepStrictEqual(whole[name], dataset[name])).map((name) => ({
    pointer: `/${name}`,
    detail: "expected the value of the dataset, which an override of a client cannot change",
  }));
}

/** Fields about how batches are processed, which clients do not see. */
const inside: readonly string[] = [
  "handler",
  "table",
  "handlerTimeoutMs",
  "chunkRecords",
  "approveWhen",
  "maxAttempts",
  "backoff",
  "retentionDays",
];
export const isForClients = (name: string): boolean => isDatasetField(name) && !inside.includes(name);

/** A dataset as its client sees it. */
export const datasetForClient = (name: string, dataset: Dataset) => ({
  name,
  ...Object.fromEntries(Object.entries(dataset).filter(([field]) => isForClients(field))),
});
