import { formats } from "../../formats/formats.ts";
import type { Fault } from "../../lib/errors.ts";
import type { CacheFigures } from "../../mixins/cache.ts";
import { action, event, typed } from "../declare.ts";
import type { Dataset } from "./policy.dataset.document.ts";
import type { Policy } from "./policy.document.ts";

export type { Dataset } from "./policy.dataset.document.ts";
export type { Policy } from "./policy.document.ts";

export interface PolicyVersion {
  /** A negative version is the pin of a batch of a dataset. */
  version: number;
  policy: Policy;
  /** The name of a shared dataset. Omitted: the client's own policy. */
  dataset?: DatasetOfBatch;
}

export interface DatasetOfBatch {
  name: string;
  /** The scope of unique keys and contents. A dataset that is deleted and created again under its name gets another scope. */
  scope: string;
  /** The dataset's version. Omitted: a draft. */
  version?: number;
}

/** The answer to a change. If the change gives the webhook a new receiver, only this answer shows the new secret. */
export type PolicyChanged = PolicyVersion & { webhookSecret?: string };

/** The decision on a body that is within all limits. `until`: when the window opens; null: an operator approves. */
export type Decision = { decision: "ready" } | { decision: "held"; hold: "approval" | "window"; until: number | null };

/** A version of a policy or a dataset, as operators see it in the list. */
export interface KeptVersion {
  version: number;
  /** Epoch ms. */
  at: number;
  /** The operator who made the version. Null: unknown. */
  by: string | null;
  /** The fields that differ from the version before, or for the first version from the defaults. Null: unknown. */
  changed: string[] | null;
  /** This version deleted the dataset. */
  isDeletion: boolean;
}

export interface DatasetVersion {
  version: number;
  dataset: Dataset;
}

export interface ListedDataset {
  name: string;
  description: string | null;
  version: number;
  changedAt: number;
  /** How many clients have the dataset. */
  clients: number;
}

/** A table that a dataset may choose. */
export interface ListedTable {
  /** The name in the form of a dataset's `table.name`. */
  name: string;
  columns: { name: string; type: string; isNullable: boolean; isKey: boolean }[];
}

/** The table of a dataset, and whether the dataset fits it by the current catalog. */
export interface TableLook {
  database: string | null;
  name: string;
  mode: string;
  /** Why the dataset does not fit its table now. Empty: it fits. */
  errors: Fault[];
  isAway: boolean;
}

/** A dataset of one client. */
export interface Grant {
  name: string;
  /** A JSON merge patch over the dataset. */
  override: object;
  /** The dataset with the override applied. */
  effective: Dataset;
}

const clientId = { type: "number" } as const;
const name = { type: "string" } as const;
/** A dry run: answers the result of the change, and writes nothing. */
const isDryRun = { type: "boolean", optional: true } as const;
/** The version that the caller has seen; omitted: any. */
const ifVersion = { type: "number", optional: true } as const;
const page = {
  /** Lists the names after this one. */
  after: { type: "string", optional: true },
  limit: { type: "number", integer: true, min: 1, max: 201 },
} as const;

const newestFirst = {
  /** Lists the versions before this one. */
  before: { type: "number", optional: true },
  limit: { type: "number", integer: true, min: 1, max: 201 },
} as const;

/** Epoch ms. */
export interface SecretTimes {
  createdAt: number;
  previousValidUntil: number | null;
}

export const policyActions = {
  /** The policy in force. Version 0: the defaults. */
  get: action({ clientId: { type: "number" } }).answers<PolicyVersion>(),
  /** One pinned version. Throws not-found. */
  version: action({ clientId: { type: "number" }, version: { type: "number" } }).answers<PolicyVersion>(),
  /** The versions that are kept for operators, newest first. */
  versions: action({ clientId, ...newestFirst }).answers<KeptVersion[]>(),
  /** One of them; version 0: the defaults. Throws not-found, with the versions that are `kept`. */
  keptVersion: action({ clientId, version: { type: "number" } }).answers<PolicyVersion>(),
  /** The complete policy that a document would become. Throws validation if it is wrong. */
  check: action({ policy: { type: "any" } }).answers<Policy>(),
  /** Replaces the policy (`put`), or merges into it (`patch`, RFC 7396). Throws validation, precondition-failed. */
  change: action({
    clientId: { type: "number" },
    mode: { type: "enum", values: ["put", "patch"] },
    document: { type: "any" },
    /** The version that the caller has seen; omitted: any. */
    ifVersion: { type: "number", optional: true },
    isDryRun,
  }).answers<PolicyChanged>(),
  /**
   * Sends `batch` and `clientCache` the policy in force again, because a node may have crashed between a change and sending
   * it.
   */
  apply: action({ clientPublicId: { type: "string" } }).answers<void>(),
  /** The valid secrets of the client's webhook, the newest first. Empty: it has no webhook. */
  webhookSecrets: action({ clientId: { type: "number" } }).answers<string[]>(),
  /**
   * Since when the webhook's newest secret exists, and until when an earlier one is valid too. Null: the client has no webhook.
   */
  webhookSecretTimes: action({ clientId: { type: "number" } }).answers<SecretTimes | null>(),
  /** A new secret. The old one stays valid for `graceSeconds`. Throws not-found if there is no webhook, unavailable. */
  rotateWebhookSecret: action({
    clientId: { type: "number" },
    graceSeconds: { type: "number", integer: true, min: 0 },
  }).answers<{ secret: string; previousValidUntil: number }>(),
  /** Turns the webhook off if it still has that URL. True: this call did it. */
  turnWebhookOff: action({ clientId: { type: "number" }, url: { type: "string" } }).answers<boolean>(),
  /** Decides whether a batch may run, by the policy of its upload. */
  evaluate: action({
    policy: typed<Policy>({ type: "object" }),
    format: { type: "enum", values: formats },
    bytes: { type: "number" },
    records: { type: "number" },
  }).answers<Decision>(),
  /** Reads a dataset. Null: there is none of this name. */
  dataset: action({ name }).answers<DatasetVersion | null>(),
  /** The versions that are kept for operators, newest first, also of a dataset that was deleted. Throws not-found. */
  datasetVersions: action({ name, ...newestFirst }).answers<KeptVersion[]>(),
  /** One of them. Throws not-found, with the versions that are `kept`. */
  keptDataset: action({ name, version: { type: "number" } }).answers<DatasetVersion>(),
  /** Checks the table of a dataset. Null: there is no dataset of this name, or it does not go into a table. */
  lookAtTable: action({ name }).answers<TableLook | null>(),
  /**
   * The tables that a dataset may choose, by name; `database` null: of the database of `DATABASE_URL`. Throws validation (no such
   * database), unavailable.
   */
  tables: action({ database: typed<string | null>({ type: "string", nullable: true }), ...page }).answers<
    ListedTable[]
  >(),
  /** The datasets in the order of their names. */
  datasets: action(page).answers<ListedDataset[]>(),
  /**
   * Makes or replaces a dataset (`put`), or merges into it (`patch`, RFC 7396). Throws validation, not-found (patch),
   * precondition-failed, and conflict: the name is taken, or it makes overrides of clients invalid.
   */
  changeDataset: action({
    name,
    mode: { type: "enum", values: ["put", "patch"] },
    document: typed<object>({ type: "any" }),
    ifVersion,
    isDryRun,
  }).answers<DatasetVersion & { isNew: boolean }>(),
  /**
   * The result of such a change, without writing it. With a client that has the dataset: with its override. Without a name: a new dataset. Nothing is
   * written. Throws as `changeDataset`.
   */
  checkDataset: action({
    name: { ...name, optional: true },
    mode: { type: "enum", values: ["put", "patch"] },
    document: typed<object>({ type: "any" }),
    clientId: { ...clientId, optional: true },
  }).answers<Dataset>(),
  /**
   * What records would be checked by after such a change: by `checkDataset`'s answer, and the client's own fields. Nothing is written.
   * Throws as `changeDataset`.
   */
  draftDataset: action({
    name,
    mode: { type: "enum", values: ["put", "patch"] },
    document: typed<object>({ type: "any" }),
    clientId: { ...clientId, optional: true },
  }).answers<PolicyVersion>(),
  /** Throws not-found, precondition-failed, and conflict while it is granted or a batch of it has not ended. */
  removeDataset: action({ name, ifVersion }).answers<void>(),
  /** Gives a client a dataset, with an override. Throws not-found, conflict (`default`), validation. */
  grantDataset: action({ clientId, name, override: typed<object>({ type: "any" }) }).answers<
    Grant & { isNew: boolean }
  >(),
  /** Revokes the grant, so the client can upload no more. Throws not-found. */
  revokeDataset: action({ clientId, name }).answers<void>(),
  /** Reads a grant. Null: the client does not have the dataset. */
  grant: action({ clientId, name }).answers<Grant | null>(),
  /** The grants in the order of their names. */
  grants: action({ clientId, ...page }).answers<Grant[]>(),
  /** The policy that new batches of this dataset are accepted under; for `default` the client's own policy. Throws not-found. */
  ofDataset: action({ clientId, name }).answers<PolicyVersion>(),

  /** Hits and misses of this node's cache, by level. */
  figures: action({}).answers<CacheFigures>(),
  /**
   * Empties the cache in Redis, for all nodes. Answers the number of keys; null: Redis is not configured. Throws while
   * it is away.
   */
  emptyRedis: action({}).answers<number | null>(),
};

export const policyEvents = {
  "policy.changed": event<{ clientId: number; version: number }>({
    clientId: { type: "number" },
    version: { type: "number" },
  }),
  /** For caches only. */
  "dataset.changed": event<{ name: string; version: number }>({ name, version: { type: "number" } }),
  "grant.changed": event<{ clientId: number; dataset: string; version: number }>({
    clientId,
    dataset: name,
    version: { type: "number" },
  }),
};
