/**
 * The rounds of removal. A batch can have millions of rows, so all work is done in short pieces. The batches that are due
 * get their turns one after the other, so that a large one does not keep small ones waiting. A piece locks its batch, and
 * a node that finds it locked goes on to another one. Nothing is remembered between two pieces, so any node can go
 * on where another one has died.
 */

import type { BatchStore } from "../../database/store.ts";
import { isUnavailable } from "../../database/unavailable.ts";
import type { BatchRow } from "../batch/batch.domain.ts";
import { finalStates } from "../batch/batch.domain.ts";
import type { Removal, Removed } from "../batch/batch.reads.domain.ts";
import type { Due } from "../batch/batch.writes.domain.ts";
import { keepsBody, logOf } from "../batches.ts";
import { HOURS_KEPT_MS, MINUTES_KEPT_MS } from "../stats/stats.domain.ts";
import type { ErasureRow } from "./retention.erasures.ts";
import { Pace } from "./retention.pace.ts";
import { type UndoParts, undoing } from "./retention.undo.ts";

const BATCHES_AT_ONCE = 100;
/** How long one batch may keep the others waiting. */
const TURN_MS = 1_000;
/** When what a legal hold keeps is looked at again. So it goes within a day when the hold ends. */
const HELD_MS = 86_400_000;
/** Expired keys and usage rows of one piece: a few ms of deleting. */
const FORGOTTEN_AT_ONCE = 1_000;

/** What is deleted, and how: each method but the reads is a piece of bounded size. */
export type RemovalStore = Pick<
  BatchStore,
  | "due"
  | "voided"
  | "staleErrors"
  | "purgeChunks"
  | "deleteBatch"
  | "deleteStaleErrors"
  | "forgetExpiredKeys"
  | "forgetScopes"
  | "heldClients"
  | "deferHeld"
  | "forgetAudit"
  | "rollFigures"
  | "forgetFigures"
> &
  UndoParts["store"];

export interface RetentionParts extends UndoParts {
  store: RemovalStore;
  logger: { warn(...args: unknown[]): void };
  /** False while the clock is in doubt: nothing is deleted by age then. It is called before due rows are read. */
  mayDelete(): Promise<boolean>;
  removed: Removed;
  /** Erasures that can go on now. */
  erasures(limit: number): Promise<ErasureRow[]>;
  /** A piece of an erasure, as far as it is by now. */
  erase(erasure: ErasureRow, pace: Pace): Promise<Removal>;
  /** How long the audit is kept. */
  auditMs: number;
  /** When the whole batch is deleted, for a batch whose body is deleted now. */
  retentionOf(batch: BatchRow): Promise<Due>;
}

interface Work {
  /** For the log. */
  name: string;
  /** What it is about, where that is one batch. */
  batch?: Parameters<typeof logOf>[1];
  piece(): Promise<Removal>;
}

export class Retention {
  private readonly parts: RetentionParts;
  private readonly pace = new Pace();
  private readonly keyPace = new Pace();
  private isEnded = false;
  /** When the oldest batch that the last round has left was due. An estimate if the round did not come to all batches. Null: it left none. */
  oldestLeft: number | null = null;

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

  /** Gives everything that is due one turn. Answers whether more is left that can be deleted. */
  private async round(): Promise<boolean> {
    const { store, removed } = this.parts;
    const left: BatchRow[] = [];
    // An operator has ordered the undo, so it continues while the clock is in doubt.
    const takenBack = await store.due("undoing", BATCHES_AT_ONCE);
    const { free, held } = await this.apart(takenBack);
    for (const batch of held) await this.parts.wait(batch, "a legal hold of its client keeps what it has delivered");
    let hasMore = await this.turns(free, (batch) => ({
      name: "what the batch has delivered",
      batch,
      piece: undoing(this.parts, batch),
    }));
    const stale = await store.staleErrors(BATCHES_AT_ONCE);
    const isStale = await this.turns(stale, ({ batchId, pass, ...batch }) => ({
      name: "errors of the batch",
      batch,
      piece: () => store.deleteStaleErrors({ batchId, pass }, this.pace.rows, removed),
    }));
    hasMore = isStale || hasMore;
    const erasures = await this.parts.erasures(BATCHES_AT_ONCE);
    const isErased = await this.turns(erasures, (erasure) => ({
      name: `what erasure ${erasure.publicId} is about`,
      piece: () => this.parts.erase(erasure, this.pace),
    }));
    hasMore = isErased || hasMore;
    hasMore = (await this.batches(() => store.voided(BATCHES_AT_ONCE), left)) || hasMore;
    for (const state of finalStates)
      hasMore = (await this.batches(() => store.due(state, BATCHES_AT_ONCE), left)) || hasMore;
    this.oldestLeft = left.reduce<number | null>((oldest, { dueAt }) => earlier(oldest, dueAt), null);
    return (await this.forget()) || hasMore;
  }

  /** Adds to `left` the batches that still have something to delete. After a full page also its last batch: those that were not read are due no sooner. */
  private async batches(read: () => Promise<BatchRow[]>, left: BatchRow[]): Promise<boolean> {
    if (!(await this.mayGoOn())) return false;
    const found = await read();
    if (found.length === BATCHES_AT_ONCE) left.push(...found.slice(-1));
    const { free: batches, held } = await this.apart(found);
    if (held.length > 0)
      await this.parts.store.deferHeld(
        held.map(({ id }) => id),
        HELD_MS,
      );
    const gone = new Set<BatchRow>();
    const hasMore = await this.turns(batches, (batch) => ({
      name: `the batch (${batch.state})`,
      batch,
      piece: async () => {
        const end = await this.piece(batch);
        if (end === "done") gone.add(batch);
        return end;
      },
    }));
    left.push(...batches.filter((batch) => !gone.has(batch)));
    return hasMore || (held.length > 0 && batches.length + held.length === BATCHES_AT_ONCE);
  }

  private async apart(batches: BatchRow[]): Promise<{ free: BatchRow[]; held: BatchRow[] }> {
    const ids = await this.parts.store.heldClients([...new Set(batches.map(({ clientId }) => clientId))]);
    const isHeld = ({ clientId }: BatchRow) => ids.includes(clientId);
    return { free: batches.filter((batch) => !isHeld(batch)), held: batches.filter(isHeld) };
  }

  private async turns<T>(all: T[], work: (one: T) => Work): Promise<boolean> {
    const ends: Removal[] = [];
    for (const one of all) ends.push(await this.turn(work(one)));
    return ends.includes("more") || (all.length === BATCHES_AT_ONCE && ends.includes("done"));
  }

  /** Deletes piece after piece, for a while. A failure must not hold up the rest. */
  private async turn({ name, batch, piece }: Work): Promise<Removal> {
    const end = performance.now() + TURN_MS;
    try {
      let last: Removal = "more";
      while (last === "more" && performance.now() < end && !this.isEnded) last = await this.pace.measured(piece);
      return last;
    } catch (error) {
      if (isUnavailable(error)) throw error;
      const log = batch ? logOf(this.parts.logger, batch) : this.parts.logger;
      log.warn(`Retention cannot delete ${name} now:`, error);
      return "busy";
    }
  }

  /** Deletes the body of a batch that ended; once its retention is over, deletes the whole batch. */
  private async piece(batch: BatchRow): Promise<Removal> {
    const { store } = this.parts;
    const { removed } = this.parts;
    const { id, state, chunks } = batch;
    if (chunks === 0) return store.deleteBatch(id, this.pace.rows, removed);
    if (state === "validated" || !keepsBody(state))
      return store.purgeChunks(id, this.pace.chunks, await this.parts.retentionOf(batch), removed);
    const purged = await store.purgeChunks(id, this.pace.chunks, { inMs: 0 }, removed);
    return purged === "done" ? store.deleteBatch(id, this.pace.rows, removed) : purged;
  }

  /** Deletes expired keys and contents, the usage of past days, and old entries of the audit and of the history of figures. Answers whether there is more. */
  private async forget(): Promise<boolean> {
    if (!(await this.mayGoOn())) return false;
    const { store } = this.parts;
    const piece = async () => {
      const isDone = await store.forgetExpiredKeys(FORGOTTEN_AT_ONCE, this.parts.removed);
      const isAuditDone = await store.forgetAudit(this.parts.auditMs, FORGOTTEN_AT_ONCE, this.parts.removed);
      const isRolled = await store.rollFigures(MINUTES_KEPT_MS, FORGOTTEN_AT_ONCE);
      const isHistoryDone = await store.forgetFigures(HOURS_KEPT_MS, FORGOTTEN_AT_ONCE, this.parts.removed);
      const areScopesDone = await store.forgetScopes(FORGOTTEN_AT_ONCE);
      return areScopesDone && isDone && isAuditDone && isRolled && isHistoryDone ? "done" : "more";
    };
    return (await this.keyPace.measured(piece)) === "more";
  }

  private async mayGoOn(): Promise<boolean> {
    return !this.isEnded && (await this.parts.mayDelete());
  }
}

const earlier = (a: number | null, b: number | null): number | null =>
  a === null || b === null ? (a ?? b) : Math.min(a, b);
