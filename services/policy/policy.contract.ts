import type { Format } from "../../formats/formats.ts";
import type { CacheFigures } from "../../mixins/cache.ts";
import { action, event } from "../declare.ts";
import type { Policy } from "./policy.document.ts";

export type { Policy } from "./policy.document.ts";

export interface PolicyVersion {
  version: number;
  policy: Policy;
}

/** What becomes of a body that keeps all limits. `until`: when its window opens; null: an operator decides. */
export type Decision = { decision: "ready" } | { decision: "held"; hold: "approval" | "window"; until: number | null };

export const policyActions = {
  /** The policy in force; version 0 is the defaults. */
  "policy.get": action({ clientId: { type: "number" } }).answers<PolicyVersion>(),
  /** One pinned version. Throws not-found. */
  "policy.version": action({ clientId: { type: "number" }, version: { type: "number" } }).answers<PolicyVersion>(),
  /** Throws validation when the document is no policy. */
  "policy.check": action({ policy: { type: "any" } }).answers<void>(),
  /** Replaces the policy (`put`), or merges into it (`patch`, RFC 7396). Throws validation, precondition-failed. */
  "policy.change": action({
    clientId: { type: "number" },
    mode: { type: "enum", values: ["put", "patch"] },
    document: { type: "any" },
    /** The version that the caller has seen; omitted: any. */
    ifVersion: { type: "number", optional: true },
  }).answers<PolicyVersion>(),
  /** Tells `batch` and `clientCache` of the policy in force once more, where a change may have ended before they were told. */
  "policy.apply": action({ clientPublicId: { type: "string" } }).answers<void>(),
  /** Decides by the policy in force what becomes of a body. */
  "policy.evaluate": action({
    clientId: { type: "number" },
    format: { type: "enum", values: ["ndjson", "csv", "json"] as const satisfies readonly Format[] },
    bytes: { type: "number" },
    records: { type: "number" },
  }).answers<Decision>(),
  /** How well this node's cache serves, by level. */
  "policy.figures": action({}).answers<CacheFigures>(),
};

export const policyEvents = {
  "policy.changed": event<{ clientId: number; version: number }>(),
};
