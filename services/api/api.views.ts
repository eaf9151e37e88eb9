/** What users see of a batch, a client and a policy. */
import type { BatchRow, BatchState } from "../batch/batch.contract.ts";
import type { Client } from "../clientCache/clientCache.contract.ts";
import { Problem } from "../errors.ts";

export const time = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

/** The states that a batch can be seen in: an upload is none before its commit. */
const visibleStates: readonly BatchState[] = [
  "received",
  "ready",
  "processing",
  "completed",
  "completed_with_errors",
  "failed",
  "rejected",
  "held",
  "cancelled",
];

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
    error: reason && "code" in reason ? { code: reason.code, detail: reason.detail } : null,
    retryOf: batch.retryOf,
    requestId: batch.requestId,
    createdAt: time(batch.createdAt),
    readyAt: time(batch.readyAt),
    startedAt: time(batch.startedAt),
    finishedAt: time(batch.finishedAt),
    links: { self, errors: `${self}/errors`, records: `${self}/records`, events: `${self}/events` },
  };
}

export function clientView({ publicId: id, identifier: clientIdentifier, name, status, createdAt }: Client) {
  return { id, clientIdentifier, name, status, createdAt: time(createdAt) };
}
