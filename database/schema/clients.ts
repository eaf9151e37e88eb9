/** The tables of operators and clients: credentials, the audit, policies, datasets and grants, queues, and the daily usage. */
import type { AuditDraft, AuditedAction } from "../../services/audit/audit.domain.ts";
import type { OperatorRole } from "../../services/operator/operator.domain.ts";
import { table, typed } from "./table.ts";

export const client = table(
  "client",
  {
    id: "id",
    /** UUIDv7: the id in the API. */
    publicId: "uuid",
    identifier: "name",
    name: "name",
    /** SHA-256 of the secret. */
    secretHash: "hash",
    oldSecretHash: "hash?",
    oldSecretUntil: "bigint?",
    status: typed<"active" | "disabled">("name"),
    policyVersion: "int",
    version: "bigint",
    changedAt: "bigint",
    createdAt: "bigint",
    /** 1: a legal hold forbids to delete any data of the client. */
    legalHold: "int?",
    /** The public id of the erasure that deletes the client. */
    erasureId: "uuid?",
    /**
     * Since when the client is paused: workers claim none of its batches. Null: not paused. `client_queue` has a copy.
     */
    pausedAt: "bigint?",
    /** Who paused the client. */
    pausedBy: "name?",
    /** When the client got its current secret. Null: unknown. */
    secretAt: "bigint?",
    /**
     * Since when the client's webhook is off, because its receiver answered 410. Null: the webhook is on, or a person has turned
     * it off.
     */
    webhookOffAt: "bigint?",
    /** JSON of the keys that the client has beside its secret (clientCache.keys.ts). Null: none. */
    keys: "text?",
  },
  { key: ["id"], writers: ["clientCache", "policy"] },
);

/** When a key of a client was last used, to the minute. A key that was never used has no row. */
export const clientKeyUse = table(
  "client_key_use",
  {
    clientId: "bigint",
    /** `default` for the client's secret. */
    keyId: "name",
    usedAt: "bigint",
  },
  { key: ["clientId", "keyId"], writers: ["clientCache", "retention"] },
);

export const operator = table(
  "operator",
  {
    id: "id",
    /**
     * The part of the operator's token that names the operator. The tag never changes, because caches use it as their
     * key.
     */
    tag: "name",
    name: "name",
    role: typed<OperatorRole>("name"),
    /** SHA-256 of the token. */
    tokenHash: "hash",
    expiresAt: "bigint?",
    /** A deleted operator keeps its row, so that all nodes notice. An operator of the same name takes the row over. */
    deletedAt: "bigint?",
    version: "int",
    changedAt: "bigint",
    createdAt: "bigint",
  },
  { key: ["id"], writers: ["operator"] },
);

/** Who has changed what. See audit.domain.ts. */
export const audit = table(
  "audit",
  {
    id: "id",
    publicId: "uuid",
    at: "bigint",
    who: "name?",
    role: typed<AuditDraft["role"]>("name?"),
    address: "name?",
    requestId: "name?",
    action: typed<AuditedAction>("name"),
    subjectType: typed<AuditDraft["subjectType"]>("name?"),
    subjectId: "name?",
    subjectName: "name?",
    change: "text?",
    reason: "text?",
    status: "name",
  },
  { key: ["id"], writers: ["audit", "clientCache", "operator", "policy", "batch", "imports", "webhook", "retention"] },
);

export const policy = table(
  "policy",
  {
    clientId: "bigint",
    version: "int",
    /** The JSON text of the policy. */
    body: "text",
    createdAt: "bigint",
  },
  { key: ["clientId", "version"], writers: ["policy"] },
);

/** The newest versions of policies and datasets, and who made them. Only operators read them; batches do not. */
export const documentVersion = table(
  "document_version",
  {
    /** 0 for a dataset. */
    clientId: "bigint",
    /** Empty for a client's policy. */
    dataset: "name",
    version: "int",
    at: "bigint",
    /** Who has made the version. Null: unknown, or older than this table. */
    who: "name?",
    /** JSON of the fields that differ from the version before. Null: unknown, because the version is older than this table. */
    changed: "text?",
    /** The JSON text of the document. Null: this version deleted the dataset. */
    body: "text?",
  },
  { key: ["clientId", "dataset", "version"], writers: ["policy"] },
);

/** Kinds of import that several clients share. */
export const sharedDataset = table(
  "shared_dataset",
  {
    name: "name",
    /** Rises with each change, also when the dataset is deleted and made again under the same name. Caches compare it. */
    version: "int",
    /**
     * The version that created the dataset. Unique keys and contents of an earlier dataset of this name are not
     * compared.
     */
    since: "int",
    /** The JSON text of the dataset's document. Null: the dataset is deleted. */
    body: "text?",
    /** How many clients have a grant of the dataset. */
    clients: "int",
    /**
     * How often grants of the dataset have changed. A change of the dataset is written only if this number is as it was
     * read.
     */
    grantChanges: "int",
    changedAt: "bigint",
  },
  { key: ["name"], writers: ["policy"] },
);

export const datasetGrant = table(
  "dataset_grant",
  {
    clientId: "bigint",
    dataset: "name",
    version: "int",
    /** A JSON merge patch over the dataset. Null: the grant was taken away. */
    override: "text?",
    changedAt: "bigint",
  },
  { key: ["clientId", "dataset"], writers: ["policy"] },
);

/** The policies that batches of datasets pin. A batch has the negative id of its pin as `policyVersion`. */
export const datasetPin = table(
  "dataset_pin",
  {
    id: "id",
    clientId: "bigint",
    dataset: "name",
    policyVersion: "int",
    datasetVersion: "int",
    grantVersion: "int",
    /** JSON of {policy, scope}: the whole policy, and the scope in which unique keys and contents are compared. */
    body: "text",
    createdAt: "bigint",
  },
  { key: ["id"], writers: ["policy"] },
);

export const webhookSecret = table(
  "webhook_secret",
  {
    clientId: "bigint",
    secret: "name",
    /** JSON of [{secret, until}]: earlier secrets, which stay valid for a while after a rotation. */
    oldSecrets: "text",
    changedAt: "bigint",
  },
  { key: ["clientId"], writers: ["policy"] },
);

export const clientQueue = table(
  "client_queue",
  {
    clientId: "bigint",
    running: "int",
    /** The client's place in the order of turns. A double: with whole numbers, 1000/weight would make the weights 600 and 900 equal. */
    pass: "double",
    cap: "int",
    weight: "int",
    /** The `pass` at which the client's last claim began. */
    began: "double",
    /** No batch of the client can be claimed before this time. Null: none is ready. It may be too early, but never too late. */
    dueAt: "bigint?",
    /** Since when the client is paused: workers claim none of its batches. Null: not paused. */
    pausedAt: "bigint?",
  },
  { key: ["clientId"], writers: ["batch", "imports", "clientCache"] },
);

export const clientUsage = table(
  "client_usage",
  {
    clientId: "bigint",
    /** Days since 1970, UTC. */
    day: "int",
    bytes: "bigint",
    records: "bigint",
  },
  { key: ["clientId", "day"], writers: ["imports", "retention"] },
);
