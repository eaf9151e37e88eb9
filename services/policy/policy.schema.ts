/** The policy as JSON Schema, made of its checks and its defaults: for the OpenAPI document. */
import { type JsonSchema, orNull, record } from "../../lib/json-schema.ts";
import { defaultPolicy, fields, type Policy } from "./policy.document.ts";
import { defaultWebhookEvents } from "./policy.webhook.ts";

const meanings: Record<keyof Policy, string> = {
  formats: "What a body may be.",
  maxBytes: "Of the decoded body.",
  maxRecords: "Records of one body.",
  maxRecordBytes: "Bytes of one record.",
  schema:
    "JSON Schema 2020-12 of one record: patterns in RE2's syntax, no remote `$ref`, up to 64 kB. `{}`: any object.",
  onInvalid: "`rejectBatch`: with one invalid record the batch ends `failed`, and none is delivered.",
  maxErrors: "Beyond so many rejected records the batch fails; null: never.",
  maxStoredErrors: "So many faults the error report lists; the records beyond it are counted, not listed.",
  rate: "Requests in a sliding window.",
  bytesPerDay: "Decoded bytes of a UTC day; null: no limit.",
  recordsPerDay: "Records of a UTC day; null: no limit.",
  maxConcurrentBatches: "Batches that run at once. Small ones that are worked together count as one.",
  weight: "Share of the workers where several clients wait.",
  maxConcurrentUploads: "Uploads at once, on each node.",
  requiresApproval: "Batches are held until an operator approves them.",
  window: "The hours in which batches run; `from` and `to` differ; null: always.",
  dedup: "What becomes of content that came before.",
  dedupHours: "How long content is remembered.",
  uniqueKey: "The field or fields by which a record is delivered once only; null: every record is.",
  uniqueKeyDays:
    "How long a key lasts after its record was delivered; null: for ever. Counts for records delivered from now on.",
  handler: "`store`, or a Moleculer action that declares itself a handler.",
  handlerTimeoutMs: "Of one chunk.",
  chunkRecords: "Records of one chunk.",
  maxAttempts: "Of one batch.",
  backoff: "Between attempts; `maxMs` is at least `delayMs`.",
  webhook: "Who is told of the client's batches; null: nobody. 410 from there turns it off.",
  retentionDays: "Then the batch, its body and its records' errors go.",
};

type Members = Record<string, JsonSchema>;
const checked = fields({ isHandler: () => true });

const withDefaults = (properties: Members, defaults: object): Members =>
  Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => [
      name,
      Object.hasOwn(defaults, name) ? { ...schema, default: (defaults as Members)[name] } : schema,
    ]),
  );

/** Members within an object that have defaults of their own. */
const innerDefaults: Record<string, object> = {
  rate: defaultPolicy.rate,
  backoff: defaultPolicy.backoff,
  webhook: { events: defaultWebhookEvents },
};

const members: Members = Object.fromEntries(
  Object.entries(checked).map(([name, { schema }]) => {
    const inner = innerDefaults[name];
    const properties = inner ? { properties: withDefaults(schema.properties as Members, inner) } : {};
    return [name, { ...schema, ...properties, description: meanings[name as keyof Policy] }];
  }),
);

/** What an operator may send: what is absent has its default. */
export { defaultPolicy };

export const policyInput: JsonSchema = {
  type: "object",
  description: "A policy, whole or partial: what is absent has its default.",
  properties: withDefaults(members, defaultPolicy),
  additionalProperties: false,
};

/** Whole, as it is in force. The answer that gives a webhook another receiver has `webhook.secret` as well. */
export const policyOutput: JsonSchema = {
  description: "A whole policy.",
  ...record(Object.fromEntries(Object.entries(members).map(([name, schema]) => [name, whole(schema, name)]))),
};

/** Nothing is absent where we write it. */
function whole({ additionalProperties: _, required: __, ...schema }: JsonSchema, name: string): JsonSchema {
  if (!schema.properties) return schema;
  const properties = schema.properties as Members;
  const secret = { type: "string", description: "Shown once: in the answer that gives the webhook another receiver." };
  return {
    ...schema,
    ...record(name === "webhook" ? { ...properties, secret } : properties, ["secret"]),
    type: schema.type,
  };
}

/** A JSON merge patch (RFC 7396): null restores a default. */
export const policyPatch: JsonSchema = {
  ...patchOf(policyInput),
  description: "A JSON merge patch: null restores the default.",
};

function patchOf({ required: _, default: __, ...schema }: JsonSchema): JsonSchema {
  if (!schema.properties) return schema;
  const properties = Object.entries(schema.properties).map(([name, member]) => [name, nullable(patchOf(member))]);
  return { ...schema, properties: Object.fromEntries(properties) };
}

function nullable(schema: JsonSchema): JsonSchema {
  return Array.isArray(schema.type) ? schema : orNull(schema);
}
