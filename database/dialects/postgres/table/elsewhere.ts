/**
 * The table `dataflow_applied` of another PostgreSQL database, and the rows of a chunk there. Both are written in one
 * transaction.
 */
import type { TableCommit } from "../../../../services/batch/batch.table.domain.ts";
import { ConstraintViolation, TableFailure } from "../../../errors.ts";
import type { AppliedRow, AppliedTable, AppliedVerdict, ChunkOf, ListedRow } from "../../../targets/applied.ts";
import { APPLIED } from "../../../targets/names.ts";
import { toldOf } from "../../../targets/outcome.ts";
import type { Sql } from "../sql.ts";
import { applied, NOT_OURS, stateOf, toldFailure } from "./write.ts";

export const MAKE = `CREATE TABLE IF NOT EXISTS ${APPLIED} (batch uuid PRIMARY KEY, fence bigint NOT NULL,
  next_chunk integer NOT NULL, counts json, refused json, changed_at timestamptz NOT NULL DEFAULT now())`;

const IS_THERE = `SELECT to_regclass('${APPLIED}') IS NOT NULL AS "isThere"`;

const TOLD = `fence, next_chunk AS "nextChunk", counts, refused`;

/**
 * Enters a batch under a new fence. If the stored row is behind DataFlow's batch, a worker that came too late has left
 * it, so its counts and verdict are cleared.
 */
const ENTER = `INSERT INTO ${APPLIED} AS a (batch, fence, next_chunk) VALUES ($1::uuid, $2::bigint, $3::int)
  ON CONFLICT (batch) DO UPDATE SET fence = excluded.fence, next_chunk = greatest(a.next_chunk, excluded.next_chunk),
    counts = CASE WHEN a.next_chunk >= excluded.next_chunk THEN a.counts END,
    refused = CASE WHEN a.next_chunk >= excluded.next_chunk THEN a.refused END, changed_at = now()
  WHERE a.fence <= excluded.fence RETURNING ${TOLD}`;

/**
 * Moves the batch to its next chunk, in one message with COMMIT. If it changes no row, it fails, so that the rows of
 * the target are undone.
 */
const ADVANCE = `WITH made AS (UPDATE ${APPLIED} SET next_chunk = next_chunk + 1, counts = $4::json, refused = $5::json,
    changed_at = now() WHERE batch = $1::uuid AND fence = $2::bigint AND next_chunk = $3::int RETURNING 1)
  SELECT 1 / count(*) FROM made`;

const LOOK = `SELECT ${TOLD} FROM ${APPLIED} WHERE batch = $1::uuid FOR UPDATE`;
const RAISE = `UPDATE ${APPLIED} SET fence = greatest(fence, $2::bigint), changed_at = now() WHERE batch = $1::uuid
  RETURNING ${TOLD}`;
const FORGET = `DELETE FROM ${APPLIED} a USING json_to_recordset($1::json) AS x(batch uuid, fence bigint)
  WHERE a.batch = x.batch AND a.fence <= x.fence`;
const LIST = `SELECT batch::text AS batch, fence, next_chunk AS "nextChunk",
    (extract(epoch FROM changed_at) * 1000)::bigint AS "changedAt"
  FROM ${APPLIED} WHERE $1::uuid IS NULL OR batch > $1::uuid ORDER BY ${APPLIED}.batch LIMIT $2::int`;

interface Raw {
  fence: number;
  nextChunk: number;
  counts: AppliedVerdict["counts"] | null;
  refused: AppliedVerdict["verdict"] | null;
}

const rowOf = ({ fence, nextChunk, counts, refused: verdict }: Raw): AppliedRow => ({
  fence,
  nextChunk,
  last: counts && verdict && { counts, verdict },
});

const NOT_MADE = "cannot be made";
const NO_TABLE = "42P01";
/** Whether another process has made the table at the same time. */
const isMadeMeanwhile = (error: unknown) => error instanceof ConstraintViolation || stateOf(error) === "42P07";

/** Access to `dataflow_applied` on this database. `name`: the name of the database in messages. */
export function appliedOn(sql: Sql, name: string): AppliedTable {
  /** Runs a statement. If the table is missing, runs `otherwise`. */
  const asked = async <T>(text: string, values: unknown[], otherwise: () => Promise<T[]>): Promise<T[]> => {
    try {
      return await sql.all<T>(text, ...values);
    } catch (error) {
      if (stateOf(error) === NO_TABLE) return otherwise();
      throw failure(error, name);
    }
  };
  const none = async () => [];

  /**
   * Makes the table unless it exists. The check comes first, because the server checks the right to CREATE before it
   * looks for the table.
   */
  async function make(): Promise<void> {
    const [found] = await sql.all<{ isThere: boolean }>(IS_THERE);
    if (found?.isThere) return;
    try {
      await sql.once(MAKE);
    } catch (error) {
      if (!isMadeMeanwhile(error)) throw failure(error, name, NOT_MADE);
    }
  }

  return {
    make,
    async enter({ batch, fence, chunk }) {
      const values = [batch, fence, chunk];
      const [row] = await asked<Raw>(ENTER, values, async () => {
        await make();
        return asked<Raw>(ENTER, values, none);
      });
      return row ? rowOf(row) : null;
    },
    apply: (of, table, judge) => apply(sql, name, { of, table, judge }),
    async look(batch) {
      const [row] = await asked<Raw>(LOOK, [batch], none);
      return row ? rowOf(row) : null;
    },
    async raise(batch, fence) {
      const [row] = await asked<Raw>(RAISE, [batch, fence], none);
      return row ? rowOf(row) : null;
    },
    async forget(rows) {
      if (rows.length > 0) await asked(FORGET, [JSON.stringify(rows)], none);
    },
    list: (after, limit) => asked<ListedRow>(LIST, [after, limit], none),
  };
}

interface Applying {
  of: ChunkOf;
  table: TableCommit;
  judge: Parameters<AppliedTable["apply"]>[2];
}

function apply(sql: Sql, name: string, { of, table, judge }: Applying): ReturnType<AppliedTable["apply"]> {
  return sql.transaction(async (unit) => {
    const beganAt = performance.now();
    const outcome = await applied(unit, table).catch((error: unknown) => {
      throw toldFailure(error, table);
    });
    const told = toldOf(outcome, performance.now() - beganAt);
    const { counts, verdict } = judge(outcome);
    const values = [of.batch, of.fence, of.chunk, JSON.stringify(counts), JSON.stringify(verdict)];
    try {
      await unit.commit(ADVANCE, values);
      return { counts, verdict, told };
    } catch (error) {
      if (stateOf(error) === NOT_OURS) return null;
      throw toldFailure(failure(error, name), table);
    }
  });
}

/** Translates errors that concern `dataflow_applied` itself. Without this table no batch is written to the database. */
function failure(error: unknown, name: string, what = "cannot be written"): unknown {
  const state = stateOf(error);
  if (!/^(42|3F)/.test(state)) return error;
  const advice = state === "42501" && what !== NOT_MADE ? "a right is missing" : `npm run migrate -- --applied ${name}`;
  const detail = `the table ${APPLIED} of "${name}" ${what} (${state}): ${advice}`;
  return new TableFailure("gone", state, detail, error);
}
