/** How a batch, a client and a policy are shown to users. */

import { formats } from "../../../formats/formats.ts";
import { unknownColumnsOf } from "../../../formats/read/columns.ts";
import {
  choice,
  count,
  described,
  id,
  instant,
  type JsonSchema,
  orNull,
  record,
  text,
} from "../../../lib/json-schema.ts";
import {
  type BatchDetails,
  type BatchOutlook,
  type BatchRow,
  type BatchRun,
  type Reason,
  rowCountsOf,
  visibleStates,
  waitsOf,
} from "../../batch/batch.domain.ts";
import type { BatchAttempt } from "../../batch/batch.reads.domain.ts";
import { countsSchema, errorSchema, holdCountsSchema } from "../../batch/batch.schema.ts";
import { errorForOperators, errorForPartner } from "../../batches.ts";
import { type Client, clientStatuses, type ListedClient } from "../../clientCache/clientCache.contract.ts";
import type { Policy } from "../../policy/policy.contract.ts";

export const time = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

/** How much of a batch is done, from 0 to 1. A pass that checks before the delivery counts as the first half. */
function progressOf({ state, phase, records, accepted, rejected, duplicate }: BatchRow): number {
  if (state === "completed" || state === "completed_with_errors" || state === "undoing" || state === "undone") return 1;
  const done = records === 0 ? 0 : (accepted + rejected + duplicate) / records;
  return Number(Math.min(1, phase === "validate" || phase === "review" ? done / 2 : done).toFixed(4));
}

function holdView(reason: Reason | null) {
  if (!reason || !("hold" in reason)) return null;
  return reason.hold === "order"
    ? { reason: reason.hold, batchId: reason.batchId }
    : { reason: reason.hold, until: time(reason.until), ...(reason.counts && { counts: reason.counts }) };
}

/** The schema of what `holdView` answers. */
const holdSchema: JsonSchema = {
  oneOf: [
    record(
      {
        reason: choice(["approval", "window"]),
        until: orNull(instant),
        counts: described("What its check has found. Only with `afterValidation`.", holdCountsSchema),
      },
      ["counts"],
    ),
    record({ reason: { const: "order" }, batchId: described("The batch in front, which has not ended.", id) }),
  ],
};

/** The SHA-256 of a body in the form of `Content-Digest` and `Repr-Digest`. Null if the body is still coming. */
export const checksumOf = (contentHash: string | null): string | null =>
  contentHash && `sha-256=:${Buffer.from(contentHash, "hex").toString("base64")}:`;

/** A batch as its partner sees it. */
export function batchView(batch: BatchRow) {
  const { publicId: id, state, reason, contentHash } = batch;
  const self = `/imports/${id}`;
  return {
    id,
    status: state,
    dataset: batch.dataset,
    format: batch.format,
    ...(batch.phase === "check" && { validateOnly: true }),
    counts: {
      received: batch.records,
      accepted: batch.accepted,
      rejected: batch.rejected,
      duplicate: batch.duplicate,
      ...rowCountsOf(batch),
      ...(batch.corrected !== null && { corrected: batch.corrected }),
    },
    bytes: batch.bytes,
    checksum: checksumOf(contentHash),
    progress: progressOf(batch),
    attempts: batch.attemptsTotal,
    hold: state === "held" ? holdView(reason) : null,
    error: errorForPartner(batch),
    retryOf: batch.retryOf,
    ...(batch.corrects !== null && { corrects: batch.corrects }),
    requestId: batch.requestId,
    createdAt: time(batch.createdAt),
    readyAt: time(batch.readyAt),
    startedAt: time(batch.startedAt),
    finishedAt: time(batch.finishedAt),
    links: { self, errors: `${self}/errors`, records: `${self}/records`, events: `${self}/events` },
  };
}

/** A batch as operators see it, with the message of a failed handler and with the batch's client. */
export const operatorBatchView = (batch: BatchRow, clientId: string | null, lastAttempt: BatchAttempt | undefined) => ({
  ...batchView(batch),
  error: errorForOperators(batch),
  clientId,
  waits: waitsOf(batch),
  lastAttempt: lastAttempt ? attemptView(lastAttempt) : null,
});

/** What a list shows of a batch's client. */
export const clientOfBatch = ({ publicId: id, identifier: clientIdentifier, name }: Client) => ({
  id,
  clientIdentifier,
  name,
});

const runView = ({ nextAt, ...run }: BatchRun) => ({ ...run, nextAt: time(nextAt) });

/** A batch as a list of operators shows it: with its client, how far its run is, and why it waits. */
export function listedBatchView(
  batch: BatchRow,
  {
    client,
    outlook,
    attempt,
  }: { client: Client | undefined; outlook: BatchOutlook | undefined; attempt: BatchAttempt | undefined },
) {
  const { run = null, waits = null, waitsUntil = null } = outlook ?? {};
  return {
    ...operatorBatchView(batch, client?.publicId ?? null, attempt),
    client: client ? clientOfBatch(client) : null,
    policyVersion: batch.policyVersion,
    run: run && runView(run),
    waits,
    waitsUntil: time(waitsUntil),
  };
}

/** The members that are shown only if one batch alone is asked for. */
export const detailsView = ({ idempotencyKey, children, bodyKeptUntil, expiresAt }: BatchDetails) => ({
  idempotencyKey,
  children: children.map(({ publicId: id, state: status, kind }) => ({ id, status, kind })),
  bodyKeptUntil: time(bodyKeptUntil),
  expiresAt: time(expiresAt),
});

const attemptView = ({ at, node, code, detail }: BatchAttempt) => ({ at: time(at), node, code, detail });

/** The schema of what `attemptView` answers. */
export const attemptSchema: JsonSchema = record({
  at: instant,
  node: text("Where it was made."),
  code: text("As in `error`: `handler-failed`, `worker-lost` and so on; `internal` is a defect of DataFlow."),
  detail: text("As the log has it: the words of the handler, say."),
});

const link = { type: "string", format: "uri-reference" };

/** The schema of what `batchView` answers. */
export const batchSchema: JsonSchema = record(
  {
    id,
    status: choice(visibleStates),
    dataset: text("The kind of import; `default` is the client's own policy."),
    format: choice(formats),
    validateOnly: described("It is only checked, until it is committed. Otherwise absent.", { const: true }),
    counts: described("At the end of a completed batch accepted + rejected + duplicate = received.", countsSchema),
    bytes: described("Of the decoded body.", count),
    checksum: orNull(text("Of the decoded body, as in Content-Digest.")),
    progress: { type: "number", minimum: 0, maximum: 1 },
    attempts: described("All of them.", count),
    hold: orNull(holdSchema),
    error: described(
      "Why it failed or was rejected. What a handler says of its failure, only operators see.",
      errorSchema,
    ),
    retryOf: described("The batch whose rejected records these are.", orNull(id)),
    corrects: described("The batch whose rejected records it corrects. Otherwise absent.", id),
    requestId: orNull(text("The X-Request-Id of its upload.")),
    createdAt: instant,
    readyAt: orNull(instant),
    startedAt: orNull(instant),
    finishedAt: orNull(instant),
    links: record({ self: link, errors: link, records: link, events: link }),
  },
  ["validateOnly", "corrects"],
);

export function clientView({ publicId: id, identifier: clientIdentifier, createdAt, ...client }: Client) {
  const { name, status, legalHold, pausedAt, pausedBy } = client;
  const pause = { paused: pausedAt !== null, pausedAt: time(pausedAt), pausedBy };
  return { id, clientIdentifier, name, status, legalHold, ...pause, createdAt: time(createdAt) };
}

/** The schema of what `clientView` answers. */
export const clientSchema: JsonSchema = record({
  id,
  clientIdentifier: text("Its name in `Authorization: Basic`."),
  name: text(),
  status: choice(clientStatuses),
  legalHold: described("Whether nothing of it may be deleted.", { type: "boolean" }),
  paused: described("Whether its batches wait until it is resumed.", { type: "boolean" }),
  pausedAt: orNull(instant),
  pausedBy: orNull(text("Who paused it.")),
  createdAt: instant,
});

/** A client as a list shows it. */
export const listedClientView = ({ policyVersion, use, ...client }: ListedClient) => ({
  ...clientView({ ...client, policyVersion }),
  policyVersion,
  lastBatchAt: time(use.lastBatchAt),
  use: {
    batches: { running: use.running, limit: use.cap },
    day: {
      bytes: { used: use.bytes, limit: use.bytesPerDay },
      records: { used: use.records, limit: use.recordsPerDay },
    },
  },
});

const ofDay = record({ used: count, limit: described("Null: there is none.", orNull(count)) });

/** The schema of what `listedClientView` answers. */
export const listedClientSchema: JsonSchema = record({
  ...(clientSchema.properties as Record<string, JsonSchema>),
  policyVersion: described("0: the defaults, until it has a policy of its own.", count),
  lastBatchAt: described("When its newest batch was made.", orNull(instant)),
  use: described(
    "What it uses of its limits now. Its requests are told by its own `usage` alone.",
    record({
      batches: record({ running: count, limit: described("Null: it has never sent anything.", orNull(count)) }),
      day: described("Of the UTC day. Without a quota nothing is counted.", record({ bytes: ofDay, records: ofDay })),
    }),
  ),
});

/** A policy as users see it. It also shows what becomes of unknown columns, which follows from the schema. */
export const policyView = (policy: Policy): Policy =>
  policy.read === null
    ? policy
    : { ...policy, read: { ...policy.read, unknownColumns: unknownColumnsOf(policy.schema, policy.read) } };
