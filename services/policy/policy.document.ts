/** The policy: what a client may send, how it is checked, and how its batches run. Each field is declared only here. */

import { formats } from "../../formats/formats.ts";
import { recordSchemaFaults } from "../../formats/schema/record-schema.ts";
import { LONGEST_URL, urlFault } from "../../lib/net/allowed-target.ts";
import { webhookEvents } from "../webhook/webhook.contract.ts";
import { approveWhen, requiresApproval } from "./policy.approval.ts";
import { type Check, check, checkOf, type Field, field, nullOr, object } from "./policy.fields.ts";
import { read } from "./policy.read.ts";
import { TABLE, table } from "./policy.table.ts";
import { clock, fieldNames, fieldPaths, integer, oneOf, someOf, text, timeZone } from "./policy.values.ts";

const MIB = 2 ** 20;
const DAY_MS = 86_400_000;
export const STORE = "store";

const schema: Check<Record<string, unknown>> = checkOf("a JSON Schema of an object", { type: "object" }, (value) =>
  recordSchemaFaults(value),
);

const handler: Check<string> = check(
  '"store", "table" or a running action that declares itself a handler (importHandler: true)',
  { type: "string" },
  (value, { isHandler }) => value === STORE || value === TABLE || (typeof value === "string" && isHandler(value)),
);

const url: Check<string> = checkOf(
  "a URL",
  { type: "string", format: "uri", maxLength: LONGEST_URL },
  (value, { allowedHosts = [] }) => {
    const fault = urlFault(value, allowedHosts);
    return fault === null ? [] : [{ pointer: "", detail: fault }];
  },
);

const rate = { requests: 600, windowSeconds: 60 };
const backoff = { type: "exponential", delayMs: 1000, maxMs: 60_000 } as const;

/** Each field: its check, its default, its meaning. */
export const policyFields = {
  description: field(nullOr(text(1, 1_000)), null, "A description of the data, written for the partner who sends it."),
  formats: field(someOf(...formats), [...formats], "The formats in which the client may send records."),
  maxBytes: field(integer(1, 2 ** 40), 1024 * MIB, "The most bytes of a body, after decompression."),
  maxRecords: field(integer(1, 1_000_000_000), 10_000_000, "The most records of a body."),
  maxRecordBytes: field(integer(1, 16 * MIB), MIB, "The most bytes of a record."),
  schema: field(
    schema,
    {},
    "The JSON Schema (2020-12) that each record must match, up to 64 kB. Patterns use RE2's syntax, and `$ref` must be local. `{}` accepts any object.",
  ),
  read: field(
    nullOr(read),
    null,
    "How DataFlow reads files: see `docs/partners/files.md`. Null uses the defaults that are described there.",
  ),
  onInvalid: field(
    oneOf("skip", "rejectBatch"),
    "skip",
    "With `skip`, DataFlow delivers the valid records of a batch that has invalid ones. With `rejectBatch`, one invalid record makes the batch `failed`, and no record is delivered.",
  ),
  maxErrors: field(
    nullOr(integer(0, Number.MAX_SAFE_INTEGER)),
    null,
    "A batch with more rejected records than this fails; null: no limit. After a retry or redrive of a batch into a table, the count starts at 0 again.",
  ),
  maxStoredErrors: field(
    integer(0, 10_000_000),
    100_000,
    "The most faults that the error report of a batch lists. DataFlow counts further rejected records, but does not list them.",
  ),
  sensitive: field(
    fieldPaths,
    [],
    "Fields of the schema whose values are secret. Errors and previews show `•••` in their place. See `docs/data-protection.md`.",
  ),
  rate: field(
    object({ requests: integer(1, 1_000_000_000), windowSeconds: integer(1, 86_400) }, { defaults: rate }),
    rate,
    "How many requests the client may send in a sliding window of `windowSeconds`.",
  ),
  bytesPerDay: field(
    nullOr(integer(1, 2 ** 50)),
    null,
    "The most bytes that the client may send on a UTC day, after decompression; null: no limit.",
  ),
  recordsPerDay: field(
    nullOr(integer(1, 10 ** 12)),
    null,
    "The most records that the client may send on a UTC day; null: no limit.",
  ),
  maxConcurrentBatches: field(
    integer(1, 1000),
    2,
    "The most batches of the client that run at once. A group of small batches counts as one.",
  ),
  weight: field(
    integer(1, 1000),
    1,
    "The client's share of the workers while several clients wait: weight 2 gets twice the share of weight 1.",
  ),
  maxConcurrentUploads: field(integer(1, 1000), 16, "The most uploads of the client at once, on each node."),
  requiresApproval: field(
    requiresApproval,
    false,
    "Whether each batch is held until an operator approves it. `true` holds it before its records are checked, `afterValidation` after the check.",
  ),
  approveWhen: field(
    nullOr(approveWhen),
    null,
    "Limits for `afterValidation`: only a batch that exceeds one of them is held. A member that is null sets no limit. If the field is null, every batch is held.",
  ),
  window: field(
    nullOr(
      object(
        { from: clock, to: clock, timeZone },
        {
          required: ["from", "to", "timeZone"],
          rule: ({ from, to }) => (from === to ? [{ pointer: "/to", detail: "expected another time than from" }] : []),
        },
      ),
    ),
    null,
    "The hours of the day in which batches run; null: at any time. `from` and `to` must differ.",
  ),
  order: field(
    oneOf("none", "fifo"),
    "none",
    "With `fifo`, the client's batches run one after another, in the order in which their uploads ended.",
  ),
  dedup: field(
    oneOf("allow", "reject", "returnExisting"),
    "allow",
    "What DataFlow does with a body that has the same content as an earlier one: accept it, reject it, or answer with the earlier batch.",
  ),
  dedupHours: field(integer(1, 8760), 24, "For how many hours `dedup` compares a body with earlier ones."),
  uniqueKey: field(
    nullOr(fieldNames),
    null,
    "The field or fields that identify a record. DataFlow delivers only the first record with the same values; null: every record is delivered.",
  ),
  uniqueKeyDays: field(
    nullOr(integer(1, 3650)),
    null,
    "For how many days DataFlow remembers the unique key of a delivered record; null: for ever. A change applies to records that are delivered after it.",
  ),
  handler: field(
    handler,
    STORE,
    "Where records are delivered. `store` keeps them in DataFlow, `table` writes each record as a row of `table`, and any other value names a Moleculer action that declares itself a handler.",
  ),
  table: field(nullOr(table), null, "The table that the handler `table` writes records into: see `docs/tables.md`."),
  handlerTimeoutMs: field(integer(100, 3_600_000), 60_000, "How many milliseconds the handler may take for one chunk."),
  chunkRecords: field(
    integer(1, 100_000),
    5000,
    "The most records of a chunk, which is what a handler gets in one call.",
  ),
  maxAttempts: field(integer(1, 100), 5, "The most attempts at a batch, before it fails."),
  backoff: field(
    object(
      { type: oneOf("exponential", "fixed"), delayMs: integer(0, DAY_MS), maxMs: integer(0, DAY_MS) },
      {
        defaults: backoff,
        rule: (value) => {
          const { delayMs, maxMs } = { ...backoff, ...value };
          return maxMs < delayMs
            ? [{ pointer: "/maxMs", detail: `expected at least delayMs (${delayMs}), found ${maxMs}` }]
            : [];
        },
      },
    ),
    backoff,
    "How long DataFlow waits between two attempts at a batch. `maxMs` must be at least `delayMs`.",
  ),
  webhook: field(
    nullOr(
      object(
        { url, events: someOf(...webhookEvents) },
        { required: ["url"], defaults: { events: ["batch.completed"] } },
      ),
    ),
    null,
    "The URL to which DataFlow sends events of the client's batches; null: none. If the receiver answers 410, DataFlow turns the webhook off.",
  ),
  validatedHours: field(
    integer(1, 8760),
    24,
    "For how many hours a batch that was only checked can be committed. DataFlow also keeps the body of a batch for this time if its error report does not list all rejected records.",
  ),
  keepBodyDays: field(
    integer(0, 3650),
    0,
    "For how many days the original body of an ended batch can be downloaded, but never longer than `retentionDays`; 0: the body is not kept.",
  ),
  retentionDays: field(
    integer(1, 3650),
    30,
    "For how many days DataFlow keeps a batch after its end. Then it deletes the batch, its body and its errors.",
  ),
};

/** A whole policy. */
export type Policy = { [Name in keyof typeof policyFields]: (typeof policyFields)[Name]["byDefault"] };

export const all: [string, Field][] = Object.entries(policyFields);

export const defaultPolicy = deepFreeze(
  Object.fromEntries(all.map(([name, { byDefault }]) => [name, byDefault])) as Policy,
);

/** Fields about the client itself. All other fields are about an import, so a dataset has them too. */
export const clientFields = [
  "rate",
  "bytesPerDay",
  "recordsPerDay",
  "maxConcurrentBatches",
  "weight",
  "maxConcurrentUploads",
  "webhook",
] as const satisfies readonly (keyof Policy)[];

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) if (typeof inner === "object" && inner !== null) deepFreeze(inner);
  return Object.freeze(value);
}
