/**
 * The rounds of removal. A batch can have millions of rows, so all work is done in short pieces. The batches that are due
 * get their turns one after the other, so that a large one does not keep small ones waiting. A piece locks its batch, and
 * a node that finds it locked goes on to another one. Nothing is remembered between two pieces, so what a node leaves
 * behind when it dies is any other's to go on with.
 */
import type { BatchRow, BatchState, BatchStore, Due, Removal } from "../../database/store.ts";
import { isUnavailable } from "../../database/unavailable.ts";
import { finalStates } from "../batch/batch.contract.ts";
import { keepsBody } from "../batches.ts";
import { Pace } from "./retention.pace.ts";

const BATCHES_AT_ONCE = 100;
/** How long one batch may keep the others waiting. */
const TURN_MS = 1_000;
/** A few ms of deleting. */
const FORGOTTEN_AT_ONCE = 1_000;

/** What is deleted, and how: each method but the reads is a piece of bounded size. */
export type RemovalStore = Pick<
  BatchStore,
  "due" | "voided" | "staleErrors" | "purgeChunks" | "deleteBatch" | "deleteStaleErrors" | "forgetRepeats"
>;

export interface RetentionParts {
  store: RemovalStore;
  logger: { warn(...args: unknown[]): void };
  /** Asked before due rows are read: while the clock is in doubt nothing is deleted. */
  mayDelete(): Promise<boolean>;
  /** When a batch goes whose body goes now. */
  retentionOf(batch: BatchRow): Promise<Due>;
}

interface Work {
  /** For the log. */
  name: string;
  piece(): Promise<Removal>;
}

export class Retention {
  private readonly parts: RetentionParts;
  private readonly pace = new Pace();
  private readonly keyPace = new Pace();
  private isEnded = false;

  constructor(parts: RetentionParts) {
    this.parts = parts;
  }

  /** Deletes until nothing is due, or until what is due cannot be deleted. */
  async run(): Promise<void> {
    let hasMore = true;
    while (hasMore && !this.isEnded) hasMore = await this.round();
  }

  /** Stops after the current piece. */
  end(): void {
    this.isEnded = true;
  }

  /** One turn for everything that is due. Answers whether some of it has more, and something was done. */
  private async round(): Promise<boolean> {
    const { store } = this.parts;
    const stale = await store.staleErrors(BATCHES_AT_ONCE);
    let hasMore = await this.turns(stale, ({ batchId, pass }) => ({
      name: `errors of batch ${batchId}`,
      piece: () => store.deleteStaleErrors({ batchId, pass }, this.pace.rows),
    }));
    hasMore = (await this.batches("receiving", () => store.voided(BATCHES_AT_ONCE))) || hasMore;
    for (const state of finalStates)
      hasMore = (await this.batches(state, () => store.due(state, BATCHES_AT_ONCE))) || hasMore;
    return (await this.forget()) || hasMore;
  }

  private async batches(state: BatchState, read: () => Promise<BatchRow[]>): Promise<boolean> {
    if (!(await this.mayGoOn())) return false;
    const batches = await read();
    // A row that was not asked for is an answer to another question: nothing is deleted by it.
    if (batches.some((batch) => batch.state !== state)) return false;
    return this.turns(batches, (batch) => ({
      name: `batch ${batch.publicId} (${batch.state})`,
      piece: () => this.piece(batch),
    }));
  }

  private async turns<T>(all: T[], work: (one: T) => Work): Promise<boolean> {
    const ends: Removal[] = [];
    for (const one of all) ends.push(await this.turn(work(one)));
    return ends.includes("more") || (all.length === BATCHES_AT_ONCE && ends.includes("done"));
  }

  /** Deletes piece after piece, for a while. A failure must not hold up the rest. */
  private async turn({ name, piece }: Work): Promise<Removal> {
    const end = performance.now() + TURN_MS;
    try {
      let last: Removal = "more";
      while (last === "more" && performance.now() < end && !this.isEnded) last = await this.pace.measured(piece);
      return last;
    } catch (error) {
      if (isUnavailable(error)) throw error;
      this.parts.logger.warn(`Retention cannot delete ${name} now:`, error);
      return "busy";
    }
  }

  /** The body of a batch that ended goes first; when its retention is over, all of it. */
  private async piece(batch: BatchRow): Promise<Removal> {
    const { store } = this.parts;
    const { id, state, chunks } = batch;
    if (chunks === 0) return store.deleteBatch(id, this.pace.rows);
    if (!keepsBody(state)) return store.purgeChunks(id, this.pace.chunks, await this.parts.retentionOf(batch));
    const purged = await store.purgeChunks(id, this.pace.chunks, { inMs: 0 });
    return purged === "done" ? store.deleteBatch(id, this.pace.rows) : purged;
  }

  /** Keys and contents whose time is over, and what was sent on days gone by. Answers whether there is more. */
  private async forget(): Promise<boolean> {
    if (!(await this.mayGoOn())) return false;
    const piece = async () => ((await this.parts.store.forgetRepeats(FORGOTTEN_AT_ONCE)) ? "done" : "more");
    return (await this.keyPace.measured(piece)) === "more";
  }

  private async mayGoOn(): Promise<boolean> {
    return !this.isEnded && (await this.parts.mayDelete());
  }
}
