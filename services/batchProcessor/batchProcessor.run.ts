/**
 * The run of one claimed batch: a list of steps over one record. Chunk n+1 is parsed while chunk n commits. Every write
 * carries the fence, so a run that was overtaken writes nothing, whatever it still believes.
 */
import type { ServiceBroker } from "moleculer";
import type { Claimed, StoredChunk } from "../../database/store.ts";
import type { RecordValidator } from "../../formats/formats.ts";
import { oneLine } from "../../mixins/one-line.ts";
import { type AttemptError, type BatchRow, type GiveUp, storedFaults } from "../batch/batch.contract.ts";
import { call } from "../messages.ts";
import type { Policy } from "../policy/policy.contract.ts";
import { backoffMs } from "./batchProcessor.backoff.ts";
import { type Checked, check, commitOf, endCommit, isAtEnd, recordsOf, withRefusals } from "./batchProcessor.chunk.ts";
import { builtInHandler, type Delivered, deliver } from "./batchProcessor.handlers.ts";
import type { RemoteNodes } from "./batchProcessor.nodes.ts";
import type { LetGo } from "./batchProcessor.snoozed.ts";
import { withoutTaken } from "./batchProcessor.unique.ts";
import { UnusableSchema } from "./batchProcessor.validators.ts";

/** How a run is over: its batch ended, it was taken away, or it is to be let go of. */
export type Ended = { outcome: "ended" } | { outcome: "lost" } | LetGo;

export interface RunParts {
  broker: ServiceBroker;
  nodes: RemoteNodes;
  policy: Policy;
  clientPublicId: string;
  /** Throws UnusableSchema. */
  validator(): RecordValidator;
  sliceMs: number;
  /** Ends when the batch is no longer ours. */
  lost: AbortSignal;
  /** A planned stop: the chunk is finished, then the batch is handed back. */
  isStopping(): boolean;
  /** A chunk was committed. */
  committed(): void;
  /** The handler failed; where and why, for operators. */
  handlerFailed(why: string): void;
}

/** Of what a handler says of its failure, operators see so much. */
const LONGEST_REASON = 500;

const ended: Ended = { outcome: "ended" };
const lost: Ended = { outcome: "lost" };
const handBack: Ended = { outcome: "handBack", delayMs: 0 };

export class Run {
  private readonly parts: RunParts;
  private readonly beganAt = performance.now();
  private batch: BatchRow;
  private next: Promise<Checked>;
  /** Ends the check that was begun ahead when nobody waits for it any more. */
  private readonly over = new AbortController();

  constructor(parts: RunParts, { batch, chunk }: Claimed) {
    this.parts = parts;
    this.batch = batch;
    const abandon = () => this.over.abort(parts.lost.reason);
    parts.lost.addEventListener("abort", abandon, { once: true, signal: this.over.signal });
    this.next = this.ahead(batch, chunk);
  }

  /** The batch as of the last commit. */
  get current(): BatchRow {
    return this.batch;
  }

  /** Works until the batch ends or is to be let go of. Throws what is no outcome: a defect, a database that is away. */
  async work(): Promise<Ended> {
    try {
      return await this.chunks();
    } catch (error) {
      if (this.parts.lost.aborted) return lost;
      if (error instanceof UnusableSchema) return unusable(error);
      throw error;
    } finally {
      this.over.abort();
    }
  }

  private async chunks(): Promise<Ended> {
    for (;;) {
      if (isAtEnd(this.batch, this.parts.policy)) return this.endOnly();
      const checked = await this.reserved(await this.next);
      if (!checked || this.parts.lost.aborted) return lost;
      const delivered = await this.deliver(checked);
      if (delivered.outcome !== "done") return this.letGo(delivered);
      const over = await this.commit(withRefusals(checked, this.batch, delivered.rejected));
      if (over) return over;
      if (await this.shouldYield()) return handBack;
    }
  }

  /** For another handler than the built-in one, a record's key must be ours before the record leaves. Null: the fence was raised. */
  private async reserved(checked: Checked): Promise<Checked | null> {
    const keys = checked.keyed?.keys.filter((key) => key !== null) ?? [];
    if (keys.length === 0 || this.parts.policy.handler === builtInHandler) return checked;
    const taken = await call(this.parts.broker, "batch.reserveKeys", { batch: this.batch, keys });
    return taken && withoutTaken(checked, taken);
  }

  private async deliver(checked: Checked): Promise<Delivered> {
    const { policy, clientPublicId, lost } = this.parts;
    const records = policy.handler === builtInHandler || this.batch.phase === "validate" ? [] : recordsOf(checked);
    if (records.length === 0) return { outcome: "done", rejected: [] };
    const { publicId: batchId, nextChunk: chunk, fence } = this.batch;
    const delivery = deliver(this.parts, policy.handler, policy.handlerTimeoutMs, {
      batchId,
      clientId: clientPublicId,
      chunk,
      fence,
      records,
    });
    return unlessAborted(delivery, lost);
  }

  /** Null: the batch goes on. */
  private async commit(checked: Checked): Promise<Ended | null> {
    const commit = commitOf(checked, this.batch, this.parts.policy);
    const committing = call(this.parts.broker, "batch.commitChunk", { batch: this.batch, commit });
    const next = {
      ...this.batch,
      phase: commit.next.phase,
      nextChunk: commit.next.chunk,
      faults: this.batch.faults + storedFaults(commit),
      unlisted: this.batch.unlisted + commit.unlisted.length,
    };
    if (!commit.end && next.nextChunk < next.chunks) this.next = this.ahead(next);
    const after = await committing;
    if (!after) return lost;
    this.batch = after;
    this.parts.committed();
    return commit.end ? ended : null;
  }

  /** A batch that has its last chunk behind it, or too many errors. */
  private async endOnly(): Promise<Ended> {
    const commit = endCommit(this.batch, this.parts.policy);
    return (await call(this.parts.broker, "batch.commitChunk", { batch: this.batch, commit })) ? ended : lost;
  }

  /** Starts to read and check the chunk where `batch` stands. Its failure is seen where it is awaited. */
  private ahead(batch: BatchRow, chunk?: StoredChunk | null): Promise<Checked> {
    const checked = this.read(batch, chunk ?? null);
    checked.catch(() => {});
    return checked;
  }

  private async read(batch: BatchRow, known: StoredChunk | null): Promise<Checked> {
    const { broker, policy, validator } = this.parts;
    const chunk = known ?? (await call(broker, "batch.chunk", { id: batch.id, no: batch.nextChunk }));
    if (!chunk) throw new Error(`Chunk ${batch.nextChunk} of batch ${batch.publicId} is missing.`);
    return check(chunk, batch, policy, validator(), this.over.signal);
  }

  private async shouldYield(): Promise<boolean> {
    if (this.parts.isStopping()) return true;
    if (performance.now() - this.beganAt < this.parts.sliceMs) return false;
    return call(this.parts.broker, "batch.isOvertaken", { clientId: this.batch.clientId });
  }

  private letGo(delivered: Exclude<Delivered, { outcome: "done" }>): Ended {
    switch (delivered.outcome) {
      case "snooze":
        return { ...delivered, outcome: "handBack" };
      case "retry":
        if (this.parts.lost.aborted) return lost;
        return this.again({ code: "handler-failed", detail: this.failure(delivered.reason) }, delivered.delayMs);
      case "cancel":
        return { outcome: "cancel" };
      case "fail":
        return { outcome: "fail", code: "handler-failed", detail: this.failure(delivered.reason) };
      default:
        throw new Error(`No such outcome: ${JSON.stringify(delivered satisfies never)}`);
    }
  }

  /** The handler's reason, cut, which the log has first. */
  private failure(reason: string): string {
    const cut = oneLine(reason, LONGEST_REASON);
    this.parts.handlerFailed(`chunk ${this.batch.nextChunk}, attempt ${this.batch.attempt}: ${cut}`);
    return cut;
  }

  /** An attempt that failed: once more after a while, or never again. */
  again(cause: AttemptError, delayMs?: number): GiveUp {
    const { maxAttempts, backoff } = this.parts.policy;
    const { attempt } = this.batch;
    if (attempt >= maxAttempts)
      return {
        outcome: "fail",
        code: "handler-failed",
        detail: `Failed ${attempt} times, at last: ${cause.detail}`,
        cause,
      };
    return { outcome: "retry", delayMs: delayMs ?? backoffMs(backoff, attempt), cause };
  }
}

/** Another attempt would find the same. */
const unusable = ({ message }: UnusableSchema): Ended => ({
  outcome: "fail",
  code: "schema-unusable",
  detail: `The policy's schema cannot be used (${message}). Once an operator has changed it, send the content again.`,
});

/** The handler may go on for long after the batch was taken away; its answer is not waited for then. */
function unlessAborted(delivery: Promise<Delivered>, signal: AbortSignal): Promise<Delivered> {
  if (signal.aborted) return Promise.resolve({ outcome: "retry", reason: "lost" });
  return new Promise((resolve) => {
    const abort = () => resolve({ outcome: "retry", reason: "lost" });
    signal.addEventListener("abort", abort, { once: true });
    delivery.then(resolve).finally(() => signal.removeEventListener("abort", abort));
  });
}
