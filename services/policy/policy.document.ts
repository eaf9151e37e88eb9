import type { Format } from "../../formats/formats.ts";
import { recordSchemaFaults } from "../../formats/schema/record-schema.ts";
import type { Fault } from "../../lib/errors.ts";
import {
  boolean,
  type Check,
  checkOf,
  clock,
  fieldNames,
  integer,
  isObject,
  nullOr,
  object,
  oneOf,
  type Rule,
  someOf,
  timeZone,
} from "./policy.fields.ts";
import { defaultWebhookEvents, type PolicyWebhook, webhookCheck } from "./policy.webhook.ts";
import type { PolicyWindow } from "./policy.window.ts";

/** What a client may send, how it is checked, and how its batches run. */
export interface Policy {
  formats: Format[];
  /** Of the decoded body. */
  maxBytes: number;
  maxRecords: number;
  maxRecordBytes: number;
  /** JSON Schema of one record; `{}`: any object. */
  schema: Record<string, unknown>;
  onInvalid: "skip" | "rejectBatch";
  /** With more rejected records than this the batch fails; null: never. */
  maxErrors: number | null;
  /** The most faults in a batch's error report. Further rejected records are only counted. */
  maxStoredErrors: number;
  rate: { requests: number; windowSeconds: number };
  /** Decoded bytes and records of a UTC day; null: no limit. */
  bytesPerDay: number | null;
  recordsPerDay: number | null;
  maxConcurrentBatches: number;
  weight: number;
  maxConcurrentUploads: number;
  requiresApproval: boolean;
  window: PolicyWindow | null;
  /** What to do with content that came before, and how long it is remembered. */
  dedup: "allow" | "reject" | "returnExisting";
  dedupHours: number;
  /** The field or fields by which a record of this client is delivered once only; null: every record is. */
  uniqueKey: string | string[] | null;
  /** How long a key lasts, from its record's delivery on; null: for ever. */
  uniqueKeyDays: number | null;
  /** `store`, or a Moleculer action that declares itself a handler. */
  handler: string;
  handlerTimeoutMs: number;
  chunkRecords: number;
  maxAttempts: number;
  backoff: { type: "exponential" | "fixed"; delayMs: number; maxMs: number };
  /** Where the client's events are sent. Its secret is stored elsewhere. */
  webhook: PolicyWebhook | null;
  retentionDays: number;
}

const MIB = 2 ** 20;
const formats: Format[] = ["ndjson", "csv", "json"];

export const defaultPolicy: Readonly<Policy> = deepFreeze({
  formats,
  maxBytes: 1024 * MIB,
  maxRecords: 10_000_000,
  maxRecordBytes: MIB,
  schema: {},
  onInvalid: "skip",
  maxErrors: null,
  maxStoredErrors: 100_000,
  rate: { requests: 600, windowSeconds: 60 },
  bytesPerDay: null,
  recordsPerDay: null,
  maxConcurrentBatches: 2,
  weight: 1,
  maxConcurrentUploads: 16,
  requiresApproval: false,
  window: null,
  dedup: "allow",
  dedupHours: 24,
  uniqueKey: null,
  uniqueKeyDays: null,
  handler: "store",
  handlerTimeoutMs: 60_000,
  chunkRecords: 5000,
  maxAttempts: 5,
  backoff: { type: "exponential", delayMs: 1000, maxMs: 60_000 },
  webhook: null,
  retentionDays: 30,
});

const DAY_MS = 86_400_000;

/** What the checks need beside the document itself. */
export interface Surroundings {
  isHandler: (name: string) => boolean;
  /** Private targets that a webhook may have. */
  allowedHosts?: readonly string[];
}

/** One check for each field. The policy's JSON Schema is made of them too. */
export function fields({ isHandler, allowedHosts = [] }: Surroundings): Record<keyof Policy, Check> {
  return {
    formats: someOf(...formats),
    maxBytes: integer(1, 2 ** 40),
    maxRecords: integer(1, 1_000_000_000),
    maxRecordBytes: integer(1, 16 * MIB),
    schema: checkOf({ type: "object" }, recordSchemaFaults),
    onInvalid: oneOf("skip", "rejectBatch"),
    maxErrors: nullOr(integer(0, Number.MAX_SAFE_INTEGER)),
    maxStoredErrors: integer(0, 10_000_000),
    rate: object({ requests: integer(1, 1_000_000_000), windowSeconds: integer(1, 86_400) }),
    bytesPerDay: nullOr(integer(1, 2 ** 50)),
    recordsPerDay: nullOr(integer(1, 10 ** 12)),
    maxConcurrentBatches: integer(1, 1000),
    weight: integer(1, 1000),
    maxConcurrentUploads: integer(1, 1000),
    requiresApproval: boolean,
    window: nullOr(
      object({ from: clock, to: clock, timeZone }, { required: ["from", "to", "timeZone"], rule: windowRule }),
    ),
    dedup: oneOf("allow", "reject", "returnExisting"),
    dedupHours: integer(1, 8760),
    uniqueKey: nullOr(fieldNames),
    uniqueKeyDays: nullOr(integer(1, 3650)),
    handler: checkOf({ type: "string" }, (value) => handlerFaults(value, isHandler)),
    handlerTimeoutMs: integer(100, 3_600_000),
    chunkRecords: integer(1, 100_000),
    maxAttempts: integer(1, 100),
    backoff: object(
      { type: oneOf("exponential", "fixed"), delayMs: integer(0, DAY_MS), maxMs: integer(0, DAY_MS) },
      { rule: backoffRule },
    ),
    webhook: webhookCheck(allowedHosts),
    retentionDays: integer(1, 3650),
  };
}

/** What is wrong with a policy from outside, whole or partial; none: `completePolicy` may take it. */
export function policyFaults(input: unknown, surroundings: Surroundings): Fault[] {
  if (!isObject(input)) return [{ pointer: "", detail: "expected an object" }];
  return object(fields(surroundings))(input);
}

function handlerFaults(value: unknown, isHandler: (name: string) => boolean): Fault[] {
  if (value === defaultPolicy.handler || (typeof value === "string" && isHandler(value))) return [];
  return [
    {
      pointer: "",
      detail: 'expected "store" or a running action that declares itself a handler (importHandler: true)',
    },
  ];
}

const windowRule: Rule = (value) => {
  const { from, to } = value as PolicyWindow;
  return from === to ? [{ pointer: "/to", detail: "expected another time than from" }] : [];
};

const backoffRule: Rule = (value) => {
  const { delayMs, maxMs } = { ...defaultPolicy.backoff, ...(value as Policy["backoff"]) };
  return maxMs < delayMs
    ? [{ pointer: "/maxMs", detail: `expected at least delayMs (${delayMs}), found ${maxMs}` }]
    : [];
};

/** The whole policy: what is absent, also within `rate`, `backoff` and `webhook`, has its default. */
export function completePolicy(partial: Partial<Policy>): Policy {
  return {
    ...defaultPolicy,
    ...partial,
    rate: { ...defaultPolicy.rate, ...partial.rate },
    backoff: { ...defaultPolicy.backoff, ...partial.backoff },
    webhook: partial.webhook
      ? { ...partial.webhook, events: partial.webhook.events ?? [...defaultWebhookEvents] }
      : null,
  };
}

/** RFC 7396. Null takes a member away, so that `completePolicy` restores its default. Neither argument is changed. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const merged = new Map(Object.entries(isObject(target) ? target : {}));
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) merged.delete(name);
    else merged.set(name, mergePatch(merged.get(name), value));
  }
  // No assignment: a member named `__proto__` must stay a member.
  return Object.fromEntries(merged);
}

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) if (typeof inner === "object" && inner !== null) deepFreeze(inner);
  return Object.freeze(value);
}
