/**
 * Batches whose records go into a table of another database. In that database, `dataflow_applied` holds the fence and the result of the
 * last chunk. It is written in the same transaction as the chunk's rows; the commit here follows. A crash may come between the two. Then
 * the next claim, or the move that ends the batch, raises the fence there and reads the result.
 */

import { setTimeout as pause } from "node:timers/promises";
import type { ServiceBroker } from "moleculer";
import { isOutcomeUnknown, TableFailure } from "../../database/errors.ts";
import type { BatchStore } from "../../database/store.ts";
import type { AppliedNow, AppliedRow, AppliedTable, AppliedVerdict, ChunkOf } from "../../database/targets/applied.ts";
import { orBusy, TableDatabaseAway, type TargetDatabases } from "../../database/targets/databases.ts";
import { afterVerdict, judgedOf, type TableOutcome, verdictOf } from "../../database/targets/outcome.ts";
import { logOf } from "../batches.ts";
import type { AppliedIn } from "./batch.contract.ts";
import { type BatchRow, isFinal } from "./batch.domain.ts";
import type { PinnedPolicies } from "./batch.pinned.ts";
import type { AppliedChunk, TableCommit, TableVerdict } from "./batch.table.domain.ts";
import type { ChunkCommit, Written } from "./batch.writes.domain.ts";

/** A run that has entered its batch. `verdict`: the result of its first chunk, if the table has that chunk already. */
export interface Entered {
  verdict: TableVerdict | null;
}

export interface ElsewhereParts {
  tables: TargetDatabases;
  store: Pick<BatchStore, "batch" | "changed" | "commitChunk">;
  pinned: PinnedPolicies;
  logger: Pick<ServiceBroker["logger"], "debug">;
}

const A_PAGE = 200;
/** How long a ping waits for a target database. The action that pings has a longer timeout, so it can still answer. */
const PING_MS = 1_500;

/**
 * How often a chunk is written again after its COMMIT got no answer. After that the batch waits, and the next claim finds out what
 * happened.
 */
const MOST_TRIES = 5;
const PAUSE_MS = 50;

export class Elsewhere {
  private readonly parts: ElsewhereParts;

  constructor(parts: ElsewhereParts) {
    this.parts = parts;
  }

  /**
   * Claims the batch in the table's database, before its first chunk. Null: the batch is no longer the worker's. After a new row is
   * inserted, the batch is read again: if it has ended and its row was deleted, the insert would bring the row back, and chunks could be
   * written twice. Throws TableFailure.
   */
  async enter(batch: BatchRow): Promise<Entered | null> {
    const table = await this.tableOf(batch);
    if (!table) return { verdict: null };
    const row = await orBusy(entered(table, chunkOf(batch)));
    if (!row || !(await this.isHeld(batch))) return null;
    const ahead = row.nextChunk - batch.nextChunk;
    if (ahead > 1) throw new TableFailure("gone", "", UNKNOWN_CHUNKS);
    return { verdict: ahead === 1 ? verdictIn(row).verdict : null };
  }

  private async isHeld({ publicId, fence }: BatchRow): Promise<boolean> {
    const now = await this.parts.store.batch(publicId, null);
    return now?.state === "processing" && now.fence === fence;
  }

  /** Writes the rows of a chunk into their table, then commits the chunk here. Null: the batch was taken away. Throws TableFailure. */
  async commit(batch: BatchRow, commit: ChunkCommit): Promise<Written | null> {
    const { database } = (commit.table as TableCommit).plan.table;
    const table = this.parts.tables.appliedIn(database as string);
    if (!table) throw new TableFailure("gone", "", `TABLE_DATABASES has no "${database}"`);
    const applied = await orBusy(appliedTo(table, chunkOf(batch), commit));
    if (!applied) return null;
    const written = await this.parts.store.commitChunk(afterVerdict(commit, applied.verdict, judgedOf(commit)));
    return written && { ...written, ...(applied.told && { table: applied.told }) };
  }

  /**
   * Raises the fence in the table's database before a batch ends without a commit, so that its worker writes nothing more. Answers a
   * chunk that is written there but not counted here, so that the move counts it. Undefined: there is no such chunk. Throws TableFailure
   * if the table's database gives no answer.
   */
  async raise(batch: BatchRow): Promise<AppliedChunk | undefined> {
    if (batch.startedAt === null || batch.phase !== "deliver") return undefined;
    const table = await this.tableOf(batch);
    if (!table) return undefined;
    // If a worker has the batch, the move raises the fence here as well.
    const fence = batch.fence + (batch.state === "processing" ? 1 : 0);
    const row = await orBusy(table.raise(batch.publicId, fence));
    if (row?.nextChunk !== batch.nextChunk + 1) return undefined;
    return { nextChunk: row.nextChunk, counts: verdictIn(row).counts };
  }

  /** Deletes the rows of ended batches in the tables' databases. Never rejects: rows that are left are deleted later. */
  async forget(batches: BatchRow[]): Promise<void> {
    if (this.parts.tables.names.length === 0) return;
    for (const batch of batches.filter(({ state, startedAt }) => isFinal(state) && startedAt !== null))
      await this.forgetOne(batch).catch((error: unknown) =>
        logOf(this.parts.logger, batch).debug("The row of the batch in dataflow_applied stays for now:", error),
      );
  }

  private async forgetOne(batch: BatchRow): Promise<void> {
    const table = await this.tableOf(batch);
    await table?.forget([{ batch: batch.publicId, fence: batch.fence }]);
  }

  /**
   * Deletes rows that `forget` has left, if their batch has ended here. It leaves other rows alone, because another DataFlow system may
   * have written them.
   */
  async tidy(): Promise<void> {
    for (const name of this.parts.tables.names)
      await this.tidyOne(name).catch((error: unknown) =>
        this.parts.logger.debug(
          `Old rows of dataflow_applied in the database "${name}" could not be deleted; it is tried again later:`,
          error,
        ),
      );
  }

  private async tidyOne(name: string): Promise<void> {
    const table = this.parts.tables.appliedIn(name);
    let after: string | null = null;
    for (let rows = await table?.list(after, A_PAGE); table && rows?.length; rows = await table.list(after, A_PAGE)) {
      const seen = rows.map(({ batch: publicId }) => ({ publicId, version: -1 }));
      const known = await this.parts.store.changed(seen);
      const ended = new Set(known.filter(({ state }) => isFinal(state)).map(({ publicId }) => publicId));
      await table.forget(rows.filter(({ batch }) => ended.has(batch)));
      after = rows.at(-1)?.batch ?? null;
    }
  }

  /** The rows of `dataflow_applied`, for operators. Null: the database is away, or has no such table yet. */
  async rows(): Promise<AppliedIn[]> {
    const { tables } = this.parts;
    return Promise.all(
      tables.names.map(async (database) => {
        const rows = await tables.appliedIn(database)?.list(null, A_PAGE).catch(nullIfAway);
        return { database, rows: rows ?? null };
      }),
    );
  }

  /** The round trip to each table database, in ms. Null: it cannot be used. */
  async ping(): Promise<Record<string, number | null>> {
    const { tables } = this.parts;
    const all = tables.names.map(async (name) => {
      // A database that does not answer does not delay the result of the others.
      const silent = pause(PING_MS, null, { ref: false });
      return [name, await Promise.race([tables.ping(name).catch(() => null), silent])] as const;
    });
    return Object.fromEntries(await Promise.all(all));
  }

  /** The table in another database that gets the batch's records. Null: there is none. */
  private async tableOf(batch: BatchRow): Promise<AppliedTable | null> {
    const { policy } = await this.parts.pinned.of(batch);
    const database = policy.handler === "table" ? (policy.table?.database ?? null) : null;
    return database === null ? null : this.parts.tables.appliedIn(database);
  }
}

function nullIfAway(error: unknown): null {
  if (error instanceof TableDatabaseAway || error instanceof TableFailure) return null;
  throw error;
}

const UNKNOWN_CHUNKS =
  "the table has chunks of the batch that DataFlow does not know: was its own database restored from a backup?";

const chunkOf = ({ publicId: batch, fence, nextChunk: chunk }: BatchRow): ChunkOf => ({ batch, fence, chunk });

/** A row whose chunk is ahead of the batch always has a verdict, because the chunk before it was written there. */
function verdictIn({ last }: AppliedRow): AppliedVerdict {
  if (!last) throw new TableFailure("gone", "", "dataflow_applied has no counts of a chunk that it names");
  return last;
}

/** If the answer to a claim was lost, the worker repeats the claim, with the same fence. */
async function entered(table: AppliedTable, of: ChunkOf): Promise<AppliedRow | null> {
  try {
    return await table.enter(of);
  } catch (error) {
    if (!isOutcomeUnknown(error)) throw error;
    return table.enter(of);
  }
}

/** The result of this chunk in the table's database. Null: the fence or the chunk does not match. */
async function appliedTo(table: AppliedTable, of: ChunkOf, commit: ChunkCommit): Promise<AppliedNow | null> {
  const judge = (outcome: TableOutcome) => verdictFor(commit, outcome);
  for (let tries = 1; ; tries++) {
    try {
      return (await table.apply(of, commit.table as TableCommit, judge)) ?? (await before(table, of));
    } catch (error) {
      if (!isOutcomeUnknown(error) || tries === MOST_TRIES) throw error;
      await pause(PAUSE_MS * tries * (0.5 + Math.random()));
      const known = await before(table, of);
      if (known) return known;
    }
  }
}

/** The result of the chunk, if the same claim has written it before and the answer to its COMMIT was lost. */
async function before(table: AppliedTable, { batch, fence, chunk }: ChunkOf): Promise<AppliedNow | null> {
  const row = await table.look(batch);
  return row?.fence === fence && row.nextChunk === chunk + 1 ? { ...verdictIn(row), told: null } : null;
}

/**
 * The result that the table's database keeps. It includes records that were rejected before SQL, because a change of the table could
 * give them another result later.
 */
function verdictFor(commit: ChunkCommit, outcome: TableOutcome): AppliedVerdict {
  const verdict = verdictOf(commit, outcome);
  const { rows, passed, refused } = verdict;
  const { accepted, rejected, duplicate } = commit.counts;
  const counts = {
    accepted: accepted - passed.length - refused.length,
    rejected: rejected + refused.length,
    duplicate: duplicate + passed.length,
    ...rows,
  };
  const { unfit = [] } = commit.table as TableCommit;
  const all = [...refused, ...unfit].sort((a, b) => a.index - b.index);
  return { verdict: { ...verdict, refused: all }, counts };
}
