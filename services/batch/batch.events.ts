import type { TraceHeaders } from "../../lib/trace/trace.ts";
import { draftAlert } from "../alerts.ts";
import { errorForPartner } from "../batches.ts";
import { draftEvent, forWebhook } from "../events.ts";
import type { EventType, OutboxDraft } from "../outbox/outbox.domain.ts";
import { type BatchRow, type HoldCounts, rowCountsOf } from "./batch.domain.ts";
import type { PinnedPolicies } from "./batch.pinned.ts";

/**
 * The longest reason in an event. Operators may give longer ones, but a webhook's body has at most 20 kB, and a character takes up to 6
 * bytes in JSON.
 */
const LONGEST_DETAIL = 3_000;

/** The events of a batch's moves, with what of them goes to its client's webhook. */
export class BatchEvents {
  private readonly namespace: string;
  private readonly pinned: PinnedPolicies;
  private readonly hasAlerts: boolean;

  constructor(namespace: string, pinned: PinnedPolicies, hasAlerts: boolean) {
    this.namespace = namespace;
    this.pinned = pinned;
    this.hasAlerts = hasAlerts;
  }

  private async draft(
    type: EventType,
    batch: BatchRow,
    data: Record<string, unknown>,
    trace?: TraceHeaders,
  ): Promise<OutboxDraft[]> {
    const { policy, clientPublicId: clientId } = await this.pinned.of(batch);
    const { publicId: batchId, dataset } = batch;
    const all = { batchId, clientId, dataset, ...data };
    return forWebhook([draftEvent(this.namespace, type, batchId, all, trace)], policy);
  }

  /** `batch` is the batch before the move. */
  ready(batch: BatchRow): Promise<OutboxDraft[]> {
    return this.draft("batch.ready", batch, { status: "ready", version: batch.version + 1 });
  }

  /**
   * Drafts the events of a batch's end. `after` is the batch as the commit or move will leave it; `data.status` tells how it ended. A
   * check ends with an event of its own. `trace`: the trace of the run. Omitted: the active trace.
   */
  async completed(after: BatchRow, trace?: TraceHeaders): Promise<OutboxDraft[]> {
    const error = errorForPartner(after);
    const data = {
      status: after.state,
      version: after.version,
      counts: countsOf(after),
      error: error && { ...error, detail: error.detail.slice(0, LONGEST_DETAIL) },
    };
    const type = after.state === "validated" ? "batch.validated" : "batch.completed";
    const alerts = after.state === "failed" ? this.alert("batch_failed", after, error?.code) : [];
    return [...(await this.draft(type, after, data, trace)), ...alerts];
  }

  /** `batch` is the batch before the move. It was checked, and now waits for an operator. */
  async held(batch: BatchRow, counts: HoldCounts): Promise<OutboxDraft[]> {
    const hold = { reason: "approval", until: null, counts };
    const events = await this.draft("batch.held", batch, { status: "held", version: batch.version + 1, hold });
    return [...events, ...this.waiting(batch)];
  }

  /** The alerts for operators when a batch begins to wait for one of them. */
  waiting(batch: BatchRow): OutboxDraft[] {
    return this.alert("batch_held", batch);
  }

  private alert(kind: "batch_failed" | "batch_held", batch: BatchRow, code?: string): OutboxDraft[] {
    const { publicId: batchId, clientId, dataset } = batch;
    return this.hasAlerts ? [draftAlert(kind, { clientId, batchId, dataset, ...(code && { code }) })] : [];
  }

  /** `batch` is the batch before the move. */
  undone(batch: BatchRow): Promise<OutboxDraft[]> {
    return this.draft("batch.undone", batch, {
      status: "undone",
      version: batch.version + 1,
      counts: countsOf(batch),
    });
  }
}

const countsOf = (batch: BatchRow) => {
  const { records: received, accepted, rejected, duplicate } = batch;
  return { received, accepted, rejected, duplicate, ...rowCountsOf(batch) };
};
