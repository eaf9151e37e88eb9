/** What users see of a batch, a client and a policy. */

import { Problem } from "../../../lib/errors.ts";
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
  type BatchAttempt,
  type BatchRow,
  type BatchState,
  batchStates,
  countsSchema,
  errorSchema,
} from "../../batch/batch.contract.ts";
import { errorForOperators, errorForPartner } from "../../batches.ts";
import { type Client, clientStatuses } from "../../clientCache/clientCache.contract.ts";

export const time = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

/** The states that a batch can be seen in. An upload is no batch before its commit. */
export const visibleStates: readonly BatchState[] = batchStates.filter((state) => state !== "receiving");

/** The `status` of a query. Throws validation. */
export function stateOf(status: string | undefined): { state?: BatchState } {
  if (status === undefined) return {};
  if (!(visibleStates as readonly string[]).includes(status))
    throw new Problem("validation", 'The query\'s "status" is wrong.', {
      errors: [{ pointer: "/status", detail: `expected one of ${visibleStates.join(", ")}` }],
    });
  return { state: status as BatchState };
}

/** How much of a batch is done, 0 to 1. A pass that only validates counts as the first half. */
function progressOf({ state, phase, records, accepted, rejected, duplicate }: BatchRow): number {
  if (state === "completed" || state === "completed_with_errors") return 1;
  const done = records === 0 ? 0 : (accepted + rejected + duplicate) / records;
  return Number(Math.min(1, phase === "validate" ? done / 2 : done).toFixed(4));
}

/** A batch as its partner sees it. */
export function batchView(batch: BatchRow) {
  const { publicId: id, state, reason, contentHash } = batch;
  const self = `/imports/${id}`;
  return {
    id,
    status: state,
    format: batch.format,
    counts: {
      received: batch.records,
      accepted: batch.accepted,
      rejected: batch.rejected,
      duplicate: batch.duplicate,
    },
    bytes: batch.bytes,
    checksum: contentHash && `sha-256=:${Buffer.from(contentHash, "hex").toString("base64")}:`,
    progress: progressOf(batch),
    attempts: batch.attemptsTotal,
    hold: state === "held" && reason && "hold" in reason ? { reason: reason.hold, until: time(reason.until) } : null,
    error: errorForPartner(batch),
    retryOf: batch.retryOf,
    requestId: batch.requestId,
    createdAt: time(batch.createdAt),
    readyAt: time(batch.readyAt),
    startedAt: time(batch.startedAt),
    finishedAt: time(batch.finishedAt),
    links: { self, errors: `${self}/errors`, records: `${self}/records`, events: `${self}/events` },
  };
}

/** A batch as operators see it: with the words of a handler that failed, and with the client that it belongs to. */
export const operatorBatchView = (batch: BatchRow, clientId: string | null, lastAttempt: BatchAttempt | undefined) => ({
  ...batchView(batch),
  error: errorForOperators(batch),
  clientId,
  lastAttempt: lastAttempt ? attemptView(lastAttempt) : null,
});

const attemptView = ({ at, node, code, detail }: BatchAttempt) => ({ at: time(at), node, code, detail });

/** What `attemptView` answers. */
export const attemptSchema: JsonSchema = record({
  at: instant,
  node: text("Where it was made."),
  code: text("As in `error`: `handler-failed`, `worker-lost` and so on; `internal` is a defect of DataFlow."),
  detail: text("As the log has it: the words of the handler, say."),
});

const link = { type: "string", format: "uri-reference" };

/** What `batchView` answers. */
export const batchSchema: JsonSchema = record({
  id,
  status: choice(visibleStates),
  format: choice(["ndjson", "csv", "json"]),
  counts: described("At the end of a completed batch accepted + rejected + duplicate = received.", countsSchema),
  bytes: described("Of the decoded body.", count),
  checksum: orNull(text("Of the decoded body, as in Content-Digest.")),
  progress: { type: "number", minimum: 0, maximum: 1 },
  attempts: described("All of them.", count),
  hold: orNull(record({ reason: choice(["approval", "window"]), until: orNull(instant) })),
  error: described(
    "Why it failed or was rejected. What a handler says of its failure, only operators see.",
    errorSchema,
  ),
  retryOf: described("The batch whose rejected records these are.", orNull(id)),
  requestId: orNull(text("The X-Request-Id of its upload.")),
  createdAt: instant,
  readyAt: orNull(instant),
  startedAt: orNull(instant),
  finishedAt: orNull(instant),
  links: record({ self: link, errors: link, records: link, events: link }),
});

export function clientView({ publicId: id, identifier: clientIdentifier, name, status, createdAt }: Client) {
  return { id, clientIdentifier, name, status, createdAt: time(createdAt) };
}

/** What `clientView` answers. */
export const clientSchema: JsonSchema = record({
  id,
  clientIdentifier: text("Its name in `Authorization: Basic`."),
  name: text(),
  status: choice(clientStatuses),
  createdAt: instant,
});
