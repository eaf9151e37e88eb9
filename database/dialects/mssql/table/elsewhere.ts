/**
 * The table `dataflow_applied` of another SQL Server database, and the rows of a chunk there. Both are written in one
 * transaction.
 */
import type { TableCommit } from "../../../../services/batch/batch.table.domain.ts";
import { TableFailure } from "../../../errors.ts";
import type { AppliedRow, AppliedTable, AppliedVerdict, ChunkOf, ListedRow } from "../../../targets/applied.ts";
import { APPLIED } from "../../../targets/names.ts";
import { toldOf } from "../../../targets/outcome.ts";
import { numberOf } from "../failure.ts";
import { big, int, kinds, NOW, SETTINGS, type Sql, type Staged, text, uuid, type Values } from "../sql.ts";
import { applied, toldFailure } from "./write.ts";

export const MAKE = `IF OBJECT_ID(N'${APPLIED}') IS NULL
BEGIN
CREATE TABLE ${APPLIED} (batch UNIQUEIDENTIFIER NOT NULL PRIMARY KEY, fence BIGINT NOT NULL, next_chunk INT NOT NULL,
  counts NVARCHAR(MAX), refused NVARCHAR(MAX), changed_at BIGINT NOT NULL);
END;`;

const TOLD = `SELECT a.fence AS "fence", a.next_chunk AS "nextChunk", a.counts AS "counts", a.refused AS "refused" FROM ${APPLIED} AS a`;

/** Clears a column of a stored row that is behind DataFlow's batch: a worker that came too late has left that row. */
const keptBy = (column: string) => `${column} = CASE WHEN next_chunk >= @chunk THEN ${column} END`;
export const ENTER = `BEGIN TRAN;
UPDATE ${APPLIED} SET fence = @fence, next_chunk = CASE WHEN next_chunk > @chunk THEN next_chunk ELSE @chunk END,
  ${keptBy("counts")}, ${keptBy("refused")}, changed_at = ${NOW}
WHERE batch = @batch AND fence <= @fence;
INSERT INTO ${APPLIED} (batch, fence, next_chunk, changed_at)
SELECT @batch, @fence, @chunk, ${NOW} WHERE NOT EXISTS (SELECT 1 FROM ${APPLIED} AS a WITH (UPDLOCK, HOLDLOCK) WHERE a.batch = @batch);
COMMIT;
${TOLD} WHERE a.batch = @batch AND a.fence = @fence;`;

/**
 * Moves the batch to its next chunk, in one batch with COMMIT. If it changes no row, the rows of the target are undone.
 */
export const ADVANCE = `${SETTINGS}
DECLARE @done INT;
UPDATE ${APPLIED} SET next_chunk = v.chunk + 1, counts = v.counts, refused = v.refused, changed_at = ${NOW}
FROM #verdict AS v WHERE ${APPLIED}.batch = v.batch AND ${APPLIED}.fence = v.fence AND ${APPLIED}.next_chunk = v.chunk;
SET @done = @@ROWCOUNT;
IF @done = 1
  COMMIT;
ELSE
  ROLLBACK;
SELECT @done AS "done";`;

/**
 * The hint is needed: with row versions the query would show the row as it was before a transaction that is about to
 * write it.
 */
export const LOOK = `${TOLD} WITH (READCOMMITTEDLOCK) WHERE a.batch = @batch;`;
export const RAISE = `UPDATE ${APPLIED} SET fence = CASE WHEN fence > @fence THEN fence ELSE @fence END, changed_at = ${NOW}
WHERE batch = @batch;
${TOLD} WHERE a.batch = @batch;`;
export const FORGET = `DELETE FROM ${APPLIED} WHERE EXISTS (
  SELECT 1 FROM OPENJSON(@rows) WITH (batch UNIQUEIDENTIFIER '$.batch', fence BIGINT '$.fence') AS j
  WHERE j.batch = ${APPLIED}.batch AND ${APPLIED}.fence <= j.fence);`;
export const LIST = `SELECT TOP (@limit) LOWER(CAST(a.batch AS NVARCHAR(36))) AS "batch", a.fence AS "fence", a.next_chunk AS "nextChunk",
  a.changed_at AS "changedAt"
FROM ${APPLIED} AS a WHERE @after IS NULL OR a.batch > @after ORDER BY a.batch;`;

interface Raw {
  fence: number;
  nextChunk: number;
  counts: string | null;
  refused: string | null;
}

const rowOf = ({ fence, nextChunk, counts, refused }: Raw): AppliedRow => ({
  fence,
  nextChunk,
  last: counts === null || refused === null ? null : { counts: JSON.parse(counts), verdict: JSON.parse(refused) },
});

const NO_TABLE = 208;
/** The error number if another process has made the table at the same time. */
const IS_THERE = 2714;

/** Access to `dataflow_applied` on this database. `name`: the name of the database in messages. */
export function appliedOn(sql: Sql, name: string): AppliedTable {
  /** Runs a statement. If the table is missing, runs `otherwise`. */
  const asked = async <T>(statement: string, values: Values, otherwise: () => Promise<T[]>): Promise<T[]> => {
    try {
      return await sql.all<T>(statement, values);
    } catch (error) {
      if (numberOf(error) === NO_TABLE) return otherwise();
      throw failure(error, name);
    }
  };
  const none = async () => [];
  const one = async (statement: string, values: Values, otherwise: () => Promise<Raw[]> = none) => {
    const [row] = await asked<Raw>(statement, values, otherwise);
    return row ? rowOf(row) : null;
  };

  async function make(): Promise<void> {
    try {
      await sql.all(MAKE);
    } catch (error) {
      if (numberOf(error) !== IS_THERE) throw failure(error, name);
    }
  }

  return {
    make,
    enter({ batch, fence, chunk }) {
      const values = { batch: uuid(batch), fence: big(fence), chunk: int(chunk) };
      return one(ENTER, values, async () => {
        await make();
        return asked<Raw>(ENTER, values, none);
      });
    },
    apply: (of, table, judge) => apply(sql, name, { of, table, judge }),
    look: (batch) => one(LOOK, { batch: uuid(batch) }),
    raise: (batch, fence) => one(RAISE, { batch: uuid(batch), fence: big(fence) }),
    async forget(rows) {
      if (rows.length > 0) await asked(FORGET, { rows: text(JSON.stringify(rows)) }, none);
    },
    list: (after, limit) => asked<ListedRow>(LIST, { after: uuid(after), limit: int(limit) }, none),
  };
}

interface Applying {
  of: ChunkOf;
  table: TableCommit;
  judge: Parameters<AppliedTable["apply"]>[2];
}

function apply(sql: Sql, name: string, { of, table, judge }: Applying): ReturnType<AppliedTable["apply"]> {
  return sql.together(async (unit) => {
    const beganAt = performance.now();
    const outcome = await applied(unit, table).catch((error: unknown) => {
      throw toldFailure(error, table, false);
    });
    const told = toldOf(outcome, performance.now() - beganAt);
    const judged = judge(outcome);
    try {
      await unit.load([verdictOf(of, judged)]);
      const [[answer]] = (await unit.run(ADVANCE)) as [[{ done: number }]];
      return answer.done === 1 ? { ...judged, told } : null;
    } catch (error) {
      throw toldFailure(failure(error, name), table, true);
    }
  });
}

const verdictOf = ({ batch, fence, chunk }: ChunkOf, { counts, verdict }: AppliedVerdict): Staged => ({
  name: "#verdict",
  columns: { batch: kinds.uuid, fence: kinds.big, chunk: kinds.int, counts: kinds.text, refused: kinds.text },
  order: ["chunk"],
  rows: [[batch, fence, chunk, JSON.stringify(counts), JSON.stringify(verdict)]],
});

/**
 * Error numbers that concern `dataflow_applied` itself: no table, no column, no right, no schema. Without this table no
 * batch is written to the database.
 */
const ITS_OWN = new Set([207, NO_TABLE, 229, 230, 262, 2760]);

function failure(error: unknown, name: string): unknown {
  const number = numberOf(error);
  if (number === null || !ITS_OWN.has(number)) return error;
  const detail = `the table ${APPLIED} of "${name}" cannot be written (${number}): npm run migrate -- --applied ${name}`;
  return new TableFailure("gone", String(number), detail, error);
}
