import type { CacheFigures } from "../../mixins/cache.ts";
import type { ClientNeed, ClientUse } from "../batch/batch.reads.domain.ts";
import { action, event, typed } from "../declare.ts";

export const clientStatuses = ["active", "disabled"] as const;
export type ClientStatus = (typeof clientStatuses)[number];

/** A client without its secrets and their hashes. `id` is internal; users see `publicId`. */
export interface Client {
  id: number;
  publicId: string;
  identifier: string;
  name: string;
  status: ClientStatus;
  policyVersion: number;
  version: number;
  createdAt: number;
  /** While it is set, nothing of the client may be deleted. */
  legalHold: boolean;
  /** The public id of the erasure that deletes it. */
  erasureId: string | null;
  /** Since when none of its batches is claimed, epoch ms. Null: it is not paused. */
  pausedAt: number | null;
  /** Who paused it. Null: it is not paused, or nobody was named. */
  pausedBy: string | null;
}

/** What a key is for: `import` for calls that send or change, `read` for those that read. */
export const keyScopes = ["import", "read"] as const;
export type KeyScope = (typeof keyScopes)[number];

/** The id and the name of the key whose secret is the client's own. */
export const DEFAULT_KEY = "default";
export const KEY_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
export const KEY_NAME_RULE = "1 to 64 of A-Z a-z 0-9 . _ -, the first a letter or a digit";
/** Keys of a client beside `default`, those that have ended too. */
export const MOST_KEYS = 20;

/** A key of a client, without its secret. Times are epoch ms. */
export interface ClientKey {
  id: string;
  name: string;
  createdAt: number;
  /** When the key ends. Null: it is valid until it is deleted. */
  expiresAt: number | null;
  /** Where it may come from: addresses and networks. Null: anywhere. */
  allowedCidrs: string[] | null;
  /** What the key allows. Null: everything. */
  scopes: KeyScope[] | null;
}

/** To the minute; null: never. */
export type ListedKey = ClientKey & { lastUsedAt: number | null };

/** The client of a login. `key`: the one that was shown, if it is not `default`; the api decides what it is good for. */
export type Recognised = Client & { key?: ClientKey };

export interface KeyUse {
  clientId: number;
  keyId: string;
  /** Epoch ms. */
  at: number;
}

const keyName = { type: "string" } as const;
/** `lastBatchAt`: when its newest batch was made, epoch ms. */
export type ListedClient = Client & { use: ClientUse };

export const clientCacheActions = {
  /**
   * The client with these credentials, also a disabled one; null if the identifier or the secret is wrong. By the client's own secret
   * alone, no further key.
   */
  authenticate: action(
    {
      identifier: { type: "string" },
      secret: { type: "string" },
    },
    { timeout: 0 },
  ).answers<Client | null>(),
  /** The client with any key's secret, given as its SHA-256 in hexadecimal digits. Also by a key that has ended: the api looks. */
  recognise: action(
    {
      identifier: { type: "string" },
      secretHash: { type: "string" },
    },
    { timeout: 0 },
  ).answers<Recognised | null>(),
  /**
   * Creates a client. Only this answer shows its secret and its webhook's secret. Throws conflict; validation for a
   * wrong policy.
   */
  create: action({
    clientIdentifier: { type: "string" },
    name: { type: "string" },
    policy: { type: "any", optional: true },
  }).answers<{ client: Client; secret: string; webhook?: { url: string; events: string[]; secret: string } }>(),
  /** Finds a client by its public id, its identifier or its internal id; null: no such client. */
  get: action({
    identifier: { type: "string", optional: true },
    publicId: { type: "string", optional: true },
    id: { type: "number", optional: true },
  }).answers<Client | null>(),
  /** The clients with these internal ids, in any order, read together. */
  many: action({ ids: typed<number[]>({ type: "array", items: "number" }) }).answers<Client[]>(),
  /**
   * Lists clients, newest first. `before`: an internal id. `q`: only those whose identifier begins with it, or whose name has it. `dataset`:
   * only those that have it.
   */
  list: action({
    before: { type: "number", optional: true },
    q: { type: "string", optional: true },
    status: { type: "enum", values: clientStatuses, optional: true },
    dataset: { type: "string", optional: true },
    limit: { type: "number", integer: true, min: 1, max: 201 },
  }).answers<ListedClient[]>(),
  /** Throws not-found; illegal-state for one that is being erased. */
  update: action({
    publicId: { type: "string" },
    name: { type: "string", optional: true },
    legalHold: { type: "boolean", optional: true },
    status: { type: "enum", values: clientStatuses, optional: true },
  }).answers<Client>(),
  /**
   * From now on no batch of the client is claimed, on any node, until `resume`. Uploads are still taken. A batch that runs is
   * handed back at the end of a chunk, after BATCH_SLICE. Of a paused client it changes nothing. Throws not-found.
   */
  pause: action({ publicId: { type: "string" }, reason: { type: "string", optional: true } }).answers<Client>(),
  /** Its batches are claimed again, from now on. Of a client that is not paused it changes nothing. Throws not-found. */
  resume: action({ publicId: { type: "string" }, reason: { type: "string", optional: true } }).answers<Client>(),
  /**
   * Begins to erase a disabled client; asked again: the same erasure. Answers its public id. Throws not-found, illegal-state,
   * legal-hold.
   */
  erase: action({ publicId: { type: "string" } }).answers<string>(),
  /** Deletes the row of a client of which nothing else is left. False: it must stay. */
  remove: action({ publicId: { type: "string" } }).answers<boolean>(),
  /**
   * Since when the client has its secret (null: unknown), and until when the former one is also valid (null: it is not). Throws
   * not-found.
   */
  secretTimes: action({ publicId: { type: "string" } }).answers<{
    createdAt: number | null;
    previousValidUntil: number | null;
  }>(),
  /**
   * A new secret. The old one stays valid for `graceSeconds`. `ifSecretHash`: only while this is the SHA-256 of the newest secret, in
   * hexadecimal digits. Throws not-found, forbidden.
   */
  rotateSecret: action({
    publicId: { type: "string" },
    graceSeconds: { type: "number", integer: true, min: 0 },
    ifSecretHash: { type: "string", optional: true },
  }).answers<{ secret: string; previousValidUntil: number }>(),
  /** A new key. Only this answer has its secret. Throws not-found; conflict for a name that is taken, and for too many keys. */
  createKey: action({
    publicId: { type: "string" },
    name: keyName,
    expiresAt: typed<number | null>({ type: "number", integer: true, nullable: true }),
    allowedCidrs: typed<string[] | null>({ type: "array", items: "string", nullable: true }),
    scopes: typed<KeyScope[] | null>({ type: "array", enum: [...keyScopes], nullable: true }),
  }).answers<{ key: ListedKey; secret: string }>(),
  /** All keys of a client, `default` first, then the oldest. Throws not-found. */
  keys: action({ publicId: { type: "string" } }).answers<ListedKey[]>(),
  /** Ends a key at once. Throws not-found; conflict for `default`. */
  removeKey: action({ publicId: { type: "string" }, keyId: { type: "string" } }).answers<void>(),
  /** Writes when keys were used. */
  noteKeyUses: action({ uses: typed<KeyUse[]>({ type: "array" }) }).answers<void>(),
  /** The client's webhook is off from now on, because its receiver answered 410. */
  webhookGone: action({ id: { type: "number" } }).answers<void>(),
  /** Clients that are at a limit, and whose webhook is off because its receiver is gone, as some seconds ago. */
  needs: action({}).answers<ClientNeed[]>(),
  /** A client's policy has a new version. Nothing else of the client changes, so no `client.changed` is published. */
  policyChanged: action({
    id: { type: "number" },
    policyVersion: { type: "number" },
    hasWebhook: { type: "boolean", optional: true },
  }).answers<void>(),
  /** Hits and misses of this node's cache, by level. */
  figures: action({}).answers<CacheFigures>(),
  /**
   * Empties the cache in Redis, for all nodes. Answers the number of keys; null: Redis is not configured. Throws while
   * it is away.
   */
  emptyRedis: action({}).answers<number | null>(),
};

const told = {
  id: { type: "number" },
  publicId: { type: "string" },
  identifier: { type: "string" },
  status: { type: "enum", values: clientStatuses },
  version: { type: "number" },
} as const;

export const clientCacheEvents = {
  /** The client is new, or its name, status or secret changed. */
  "client.changed": event<Client>(told),
  /** The client has another policy version, or was paused or resumed. Only caches listen to it. */
  "client.renewed": event<Client>(told),
};
