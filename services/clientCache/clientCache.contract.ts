import type { CacheFigures } from "../../mixins/cache.ts";
import { action, event } from "../declare.ts";

export const clientStatuses = ["active", "disabled"] as const;
export type ClientStatus = (typeof clientStatuses)[number];

/** A client as operators see it: never a secret or its hash. `id` is internal, `publicId` the one that users see. */
export interface Client {
  id: number;
  publicId: string;
  identifier: string;
  name: string;
  status: ClientStatus;
  policyVersion: number;
  version: number;
  createdAt: number;
}

export const clientCacheActions = {
  /** The client with these credentials, also a disabled one; null when identifier or secret is wrong. */
  authenticate: action(
    {
      identifier: { type: "string" },
      secret: { type: "string" },
    },
    { timeout: 0 },
  ).answers<Client | null>(),
  /** A new client with a new secret, shown here only, and so is that of its webhook. Throws conflict; validation for a wrong policy. */
  create: action({
    clientIdentifier: { type: "string" },
    name: { type: "string" },
    policy: { type: "any", optional: true },
  }).answers<{ client: Client; secret: string; webhook?: { url: string; events: string[]; secret: string } }>(),
  /** Null: no such client. By its public id, or by its internal one. */
  get: action({
    publicId: { type: "string", optional: true },
    id: { type: "number", optional: true },
  }).answers<Client | null>(),
  /** Newest first; `before` an internal id. */
  list: action({
    before: { type: "number", optional: true },
    limit: { type: "number", integer: true, min: 1, max: 201 },
  }).answers<Client[]>(),
  /** Throws not-found. */
  update: action({
    publicId: { type: "string" },
    name: { type: "string", optional: true },
    status: { type: "enum", values: clientStatuses, optional: true },
  }).answers<Client>(),
  /** A new secret; the old one lives on for `graceSeconds`. Throws not-found. */
  rotateSecret: action({
    publicId: { type: "string" },
    graceSeconds: { type: "number", integer: true, min: 0 },
  }).answers<{ secret: string; previousValidUntil: number }>(),
  /** A client's policy has a new version. Nothing else of the client changes, so no `client.changed` is published. */
  policyChanged: action({
    id: { type: "number" },
    policyVersion: { type: "number" },
  }).answers<void>(),
  /** Hits and misses of this node's cache, by level. */
  figures: action({}).answers<CacheFigures>(),
  /** Empties the cache in Redis, for all nodes; answers how many keys, null: there is no Redis. Throws while it is away. */
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
  /** The client's row names another policy version. For caches only. */
  "client.renewed": event<Client>(told),
};
