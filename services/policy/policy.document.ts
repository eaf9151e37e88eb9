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
  description: field(nullOr(text(1, 1_000)), null, "What is sent this way, in words for whoever sends it."),
  formats: field(someOf(...formats), [...formats], "What a body may be."),
  maxBytes: field(integer(1, 2 ** 40), 1024 * MIB, "Bytes of the decoded body."),
  maxRecords: field(integer(1, 1_000_000_000), 10_000_000, "Records of one body."),
  maxRecordBytes: field(integer(1, 16 * MIB), MIB, "Bytes of one record."),
  schema: field(
    schema,
    {},
    "JSON Schema 2020-12 of one record: patterns in RE2's syntax, no remote `$ref`, up to 64 kB. `{}`: any object.",
  ),
  read: field(
    nullOr(read),
    null,
    "How files of CSV are read: see `docs/partners/files.md`. Null: by the defaults that are written there.",
  ),
  onInvalid: field(
    oneOf("skip", "rejectBatch"),
    "skip",
    "`rejectBatch`: with one invalid record the batch ends `failed`, and none is delivered.",
  ),
  maxErrors: field(
    nullOr(integer(0, Number.MAX_SAFE_INTEGER)),
    null,
    "With more rejected records than this the batch fails; null: never. A retry or redrive of a batch into a table counts anew.",
  ),
  maxStoredErrors: field(
    integer(0, 10_000_000),
    100_000,
    "How many faults the error report lists; records beyond that are counted, but not listed.",
  ),
  sensitive: field(
    fieldPaths,
    [],
    "Fields of the schema whose values are not shown: `•••` stands for them in errors and previews. See `docs/data-protection.md`.",
  ),
  rate: field(
    object({ requests: integer(1, 1_000_000_000), windowSeconds: integer(1, 86_400) }, { defaults: rate }),
    rate,
    "Requests in a sliding window.",
  ),
  bytesPerDay: field(nullOr(integer(1, 2 ** 50)), null, "Decoded bytes of a UTC day; null: no limit."),
  recordsPerDay: field(nullOr(integer(1, 10 ** 12)), null, "Records of a UTC day; null: no limit."),
  maxConcurrentBatches: field(integer(1, 1000), 2, "Batches that run at once. A group of small ones counts as one."),
  weight: field(integer(1, 1000), 1, "Share of the workers while several clients wait."),
  maxConcurrentUploads: field(integer(1, 1000), 16, "Uploads at once, on each node."),
  requiresApproval: field(
    requiresApproval,
    false,
    "Batches are held until an operator approves them: `true` before they are checked, `afterValidation` with the figures of the check.",
  ),
  approveWhen: field(
    nullOr(approveWhen),
    null,
    "With `afterValidation`: a batch that exceeds none of these is not held. A member that is null limits nothing; null: all are held.",
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
    "The hours in which batches run; `from` and `to` differ; null: always.",
  ),
  order: field(
    oneOf("none", "fifo"),
    "none",
    "`fifo`: the client's batches are worked one after another, in the order of their commits.",
  ),
  dedup: field(
    oneOf("allow", "reject", "returnExisting"),
    "allow",
    "What happens to a body with the same content as an earlier one.",
  ),
  dedupHours: field(integer(1, 8760), 24, "How long content is remembered."),
  uniqueKey: field(
    nullOr(fieldNames),
    null,
    "The field or fields by which a record is delivered only once; null: every record is delivered.",
  ),
  uniqueKeyDays: field(
    nullOr(integer(1, 3650)),
    null,
    "How long a key lasts after its record was delivered; null: for ever. Counts for records delivered from now on.",
  ),
  handler: field(
    handler,
    STORE,
    "`store`, `table`, or a Moleculer action that declares itself a handler. `table`: each record is a row of `table`.",
  ),
  table: field(
    nullOr(table),
    null,
    "The table of your own that records go into, with the handler `table`: see `docs/tables.md`.",
  ),
  handlerTimeoutMs: field(integer(100, 3_600_000), 60_000, "How long the handler may take for one chunk."),
  chunkRecords: field(integer(1, 100_000), 5000, "Records of one chunk."),
  maxAttempts: field(integer(1, 100), 5, "How often a batch is tried."),
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
    "The wait between attempts; `maxMs` is at least `delayMs`.",
  ),
  webhook: field(
    nullOr(
      object(
        { url, events: someOf(...webhookEvents) },
        { required: ["url"], defaults: { events: ["batch.completed"] } },
      ),
    ),
    null,
    "Where events of the client's batches are sent; null: nowhere. An answer of 410 turns it off.",
  ),
  validatedHours: field(
    integer(1, 8760),
    24,
    "How long a batch that was only checked can be committed, and how long the body of a batch is kept whose error report does not list all rejected records.",
  ),
  keepBodyDays: field(
    integer(0, 3650),
    0,
    "How long the body of an ended batch can be read as it came, within `retentionDays`; 0: it is not kept.",
  ),
  retentionDays: field(
    integer(1, 3650),
    30,
    "How long a batch is kept after its end. Then it is deleted, with its body and its errors.",
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
