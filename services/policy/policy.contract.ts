import type { Format } from "../../formats/formats.ts";
import type { CacheFigures } from "../../mixins/cache.ts";
import { action, event, typed } from "../declare.ts";
import type { Policy } from "./policy.document.ts";

export type { Policy } from "./policy.document.ts";

export interface PolicyVersion {
  version: number;
  policy: Policy;
}

/** If a change gives the webhook a new receiver, only this answer has its new secret. */
export type PolicyChanged = PolicyVersion & { webhookSecret?: string };

/** The decision on a body within all limits. `until`: when its window opens; null: an operator decides. */
export type Decision = { decision: "ready" } | { decision: "held"; hold: "approval" | "window"; until: number | null };

export const policyActions = {
  /** The policy in force; version 0 is the defaults. */
  get: action({ clientId: { type: "number" } }).answers<PolicyVersion>(),
  /** One pinned version. Throws not-found. */
  version: action({ clientId: { type: "number" }, version: { type: "number" } }).answers<PolicyVersion>(),
  /** Throws validation when the document is no policy. */
  check: action({ policy: { type: "any" } }).answers<void>(),
  /** Replaces the policy (`put`), or merges into it (`patch`, RFC 7396). Throws validation, precondition-failed. */
  change: action({
    clientId: { type: "number" },
    mode: { type: "enum", values: ["put", "patch"] },
    document: { type: "any" },
    /** The version that the caller has seen; omitted: any. */
    ifVersion: { type: "number", optional: true },
  }).answers<PolicyChanged>(),
  /** Repeats to `batch` and `clientCache` the policy in force: a change may have crashed before telling them. */
  apply: action({ clientPublicId: { type: "string" } }).answers<void>(),
  /** The valid secrets of the client's webhook, the newest first. Empty: it has no webhook. */
  webhookSecrets: action({ clientId: { type: "number" } }).answers<string[]>(),
  /** A new secret; the old one lives on for `graceSeconds`. Throws not-found where there is no webhook, unavailable. */
  rotateWebhookSecret: action({
    clientId: { type: "number" },
    graceSeconds: { type: "number", integer: true, min: 0 },
  }).answers<{ secret: string; previousValidUntil: number }>(),
  /** Turns the webhook off if it still has that URL. True if this call did it. */
  turnWebhookOff: action({ clientId: { type: "number" }, url: { type: "string" } }).answers<boolean>(),
  /** Decides on a body, by the policy that the upload was checked with. */
  evaluate: action({
    policy: typed<Policy>({ type: "object" }),
    format: { type: "enum", values: ["ndjson", "csv", "json"] as const satisfies readonly Format[] },
    bytes: { type: "number" },
    records: { type: "number" },
  }).answers<Decision>(),
  /** Hits and misses of this node's cache, by level. */
  figures: action({}).answers<CacheFigures>(),
  /** Empties the cache in Redis, for all nodes; answers how many keys, null: there is no Redis. Throws while it is away. */
  emptyRedis: action({}).answers<number | null>(),
};

export const policyEvents = {
  "policy.changed": event<{ clientId: number; version: number }>({
    clientId: { type: "number" },
    version: { type: "number" },
  }),
};
