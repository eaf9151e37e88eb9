/**
 * The table `dataflow_applied` of another SQLite file, and the rows of a chunk in that file; this runs in the thread of
 * `elsewhere.thread.ts`. Each call opens the file anew, because another process may replace it between calls. A chunk
 * takes two calls, because the chunk's verdict is made between them.
 */
import { existsSync, statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import type { TableCommit } from "../../../../services/batch/batch.table.domain.ts";
import { DatabaseUnavailable } from "../../../errors.ts";
import { plain } from "../../../schema/names.ts";
import type { AppliedRow, AppliedVerdict, ChunkOf, ListedRow } from "../../../targets/applied.ts";
import { APPLIED } from "../../../targets/names.ts";
import type { TableOutcome } from "../../../targets/outcome.ts";
import { Sql } from "../sql.ts";
import { tableFailure } from "./states.ts";
import { Ended, written } from "./write.ts";

/**
 * How long the thread waits for the lock of another process. Such processes write briefly, and this thread has nothing
 * else to do.
 */
const BUSY_MS = 5_000;

const NOW = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";
const MAKE = `CREATE TABLE IF NOT EXISTS ${APPLIED} (batch TEXT PRIMARY KEY, fence INTEGER NOT NULL,
  next_chunk INTEGER NOT NULL, counts TEXT, refused TEXT, changed_at INTEGER NOT NULL)`;
const TOLD = `fence, next_chunk AS "nextChunk", counts, refused`;
/** Enters a batch under a new fence. For the meaning of the columns see postgres/table/elsewhere.ts. */
const ENTER = `INSERT INTO ${APPLIED} (batch, fence, next_chunk, changed_at) VALUES (?, ?, ?, ${NOW})
  ON CONFLICT (batch) DO UPDATE SET fence = excluded.fence, next_chunk = max(next_chunk, excluded.next_chunk),
    counts = CASE WHEN next_chunk >= excluded.next_chunk THEN counts END,
    refused = CASE WHEN next_chunk >= excluded.next_chunk THEN refused END, changed_at = excluded.changed_at
  WHERE fence <= excluded.fence RETURNING ${TOLD}`;
const ADVANCE = `UPDATE ${APPLIED} SET next_chunk = next_chunk + 1, counts = ?, refused = ?, changed_at = ${NOW}
  WHERE batch = ? AND fence = ? AND next_chunk = ?`;
const LOOK = `SELECT ${TOLD} FROM ${APPLIED} WHERE batch = ?`;
const RAISE = `UPDATE ${APPLIED} SET fence = max(fence, ?), changed_at = ${NOW} WHERE batch = ? RETURNING ${TOLD}`;
const FORGET = `DELETE FROM ${APPLIED} WHERE batch = ? AND fence <= ?`;
const LIST = `SELECT batch, fence, next_chunk AS "nextChunk", changed_at AS "changedAt" FROM ${APPLIED}
  WHERE ?1 IS NULL OR batch > ?1 ORDER BY batch LIMIT ?2`;

interface Raw {
  fence: number;
  nextChunk: number;
  counts: string | null;
  refused: string | null;
}

const rowOf = (raw: Raw | undefined): AppliedRow | null => {
  if (!raw) return null;
  const { fence, nextChunk, counts, refused } = raw;
  return {
    fence,
    nextChunk,
    last: counts && refused ? { counts: JSON.parse(counts), verdict: JSON.parse(refused) } : null,
  };
};

const isWithoutTable = (error: unknown): boolean => /no such table: .*dataflow_applied/.test((error as Error).message);

/** Device and inode of the file that is at the path now. */
const identityOf = (file: string): string => {
  const { dev, ino } = statSync(file, { bigint: true });
  return `${dev}:${ino}`;
};

interface OpenChunk {
  sql: Sql;
  of: ChunkOf;
  identity: string;
}

export class AppliedFile {
  readonly #file: string;
  /** The chunk whose rows are written but not committed yet. */
  #open: OpenChunk | null = null;

  constructor(file: string) {
    this.#file = file;
  }

  make(): void {
    this.#with((sql) => sql.db.exec(MAKE));
  }

  enter({ batch, fence, chunk }: ChunkOf): AppliedRow | null {
    const enter = (sql: Sql) => rowOf(sql.get<Raw>(ENTER, batch, fence, chunk));
    return this.#with((sql) => {
      try {
        return enter(sql);
      } catch (error) {
        if (!isWithoutTable(error)) throw error;
        sql.db.exec(MAKE);
        return enter(sql);
      }
    });
  }

  look(batch: string): AppliedRow | null {
    return this.#there((sql) => rowOf(sql.get<Raw>(LOOK, batch)), null);
  }

  raise(batch: string, fence: number): AppliedRow | null {
    return this.#there((sql) => rowOf(sql.get<Raw>(RAISE, fence, batch)), null);
  }

  forget(rows: { batch: string; fence: number }[]): void {
    this.#there((sql) => {
      for (const { batch, fence } of rows) sql.run(FORGET, batch, fence);
    }, undefined);
  }

  list(after: string | null, limit: number): ListedRow[] {
    // Each row is copied into an ordinary object. The answer goes to another thread, which takes no objects without a
    // prototype.
    return this.#there((sql) => sql.all<ListedRow>(LIST, after, limit).map((row) => ({ ...row })), []);
  }

  /** Writes the rows of a chunk without a COMMIT; `advance` or `abandon` must follow. Throws TableFailure. */
  begin(of: ChunkOf, table: Pick<TableCommit, "plan" | "rows">): TableOutcome {
    const identity = identityOf(this.#file);
    const sql = this.#opened();
    const ending: Ended["row"][] = [];
    try {
      for (;;) {
        try {
          sql.db.exec("BEGIN IMMEDIATE");
          const outcome = written(sql, table, ending);
          this.#open = { sql, of, identity };
          return outcome;
        } catch (error) {
          if (!(error instanceof Ended)) throw tableFailure(error, table.plan) ?? error;
          ending.push(error.row);
        }
      }
    } finally {
      if (!this.#open) sql.db.close();
    }
  }

  /** Commits the rows that `begin` has written. False: fence or chunk is another now, and nothing is written. */
  advance({ counts, verdict }: AppliedVerdict): boolean {
    const { sql, of, identity } = this.#open as OpenChunk;
    try {
      const { batch, fence, chunk } = of;
      const isOurs = sql.run(ADVANCE, JSON.stringify(counts), JSON.stringify(verdict), batch, fence, chunk) === 1;
      if (!isOurs) return false;
      sql.db.exec("COMMIT");
      if (identityOf(this.#file) !== identity) throw replaced();
      return true;
    } finally {
      this.abandon();
    }
  }

  abandon(): void {
    const { sql } = this.#open ?? {};
    this.#open = null;
    // Closing the connection rolls back what is not committed.
    sql?.db.close();
  }

  #there<T>(work: (sql: Sql) => T, otherwise: T): T {
    return this.#with((sql) => {
      try {
        return work(sql);
      } catch (error) {
        if (isWithoutTable(error)) return otherwise;
        throw error;
      }
    });
  }

  #with<T>(work: (sql: Sql) => T): T {
    const sql = this.#opened();
    try {
      return work(sql);
    } finally {
      sql.db.close();
    }
  }

  #opened(): Sql {
    // SQLite would create a missing file.
    if (!existsSync(this.#file)) throw new DatabaseUnavailable("The database cannot be used (no file).");
    return new Sql(new DatabaseSync(this.#file, { timeout: BUSY_MS }), plain);
  }
}

const replaced = () => new DatabaseUnavailable("The file was replaced.", { isOutcomeUnknown: true });
