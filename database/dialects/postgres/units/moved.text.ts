/**
 * SQL that writes the new values of a batch after a commit: to `batch_work` if the batch goes on, to `batch` if it
 * ends.
 */
import { storedFaults } from "../../../../formats/check/fault-bounds.ts";
import type { ChunkCommit } from "../../../../services/batch/batch.writes.domain.ts";
import { isCounted } from "../../../commits.ts";
import { tableCounts } from "../../../rows.ts";
import { batchColumns, dueAt, hasEnded, jsonOrNull, liveColumns, type Values } from "../rows.ts";
import { NOW } from "../sql.ts";

/** The assignments of the moving columns. `of`: the row whose values they start from. */
function moved(commit: ChunkCommit, of: string, values: Values): string[] {
  const { counts, next } = commit;
  const missed = isCounted(commit) ? "missed.n" : "0";
  return [
    `next_chunk = ${values.add(next.chunk, "int")}`,
    `phase = ${values.add(next.phase, "varchar")}`,
    `accepted = ${of}.accepted + ${values.add(counts.accepted, "bigint")} - ${missed}`,
    `rejected = ${of}.rejected + ${values.add(counts.rejected, "bigint")}`,
    `duplicate = ${of}.duplicate + ${values.add(counts.duplicate, "bigint")} + ${missed}`,
    `faults = ${of}.faults + ${values.add(storedFaults(commit), "bigint")}`,
    `unlisted = ${of}.unlisted + ${values.add(commit.unlisted.length, "bigint")}`,
    ...rowsMoved(commit, of, values),
    // `attempt` is 1, because this run is the first attempt at the next chunk.
    "attempt = 1",
    `version = ${of}.version + 1`,
  ];
}

/**
 * The assignments of the counts of table rows. The end of a run always copies them from `batch_work` to `batch`, like
 * all moving columns.
 */
function rowsMoved({ counts: { rows }, end }: ChunkCommit, of: string, values: Values): string[] {
  if (rows)
    return tableCounts.map((name) => `${name} = coalesce(${of}.${name}, 0) + ${values.add(rows[name], "bigint")}`);
  return end ? tableCounts.map((name) => `${name} = ${of}.${name}`) : [];
}

const fromFence = (commit: ChunkCommit) => (isCounted(commit) ? "fence, missed" : "fence");

export function advancedCtes(commit: ChunkCommit, values: Values): string[] {
  const sets = [...moved(commit, "w", values), `due_at = ${NOW} + ${values.add(commit.leaseMs, "bigint")}`];
  return [
    `w AS (UPDATE batch_work w SET ${sets.join(", ")} FROM ${fromFence(commit)} WHERE w.batch_id = fence.id RETURNING w.*)`,
    `made AS (SELECT ${liveColumns} FROM w JOIN batch ON batch.id = w.batch_id)`,
  ];
}

export function endedCte(commit: ChunkCommit, end: NonNullable<ChunkCommit["end"]>, values: Values): string {
  const sets = [
    ...moved(commit, "fence", values),
    `due_at = ${dueAt(end.due, values)}`,
    `state = ${values.add(end.state, "varchar")}`,
    `reason = ${values.add(jsonOrNull(end.reason), "text")}`,
    "owner = NULL",
    `finished_at = ${hasEnded(end.state) ? NOW : "NULL"}`,
    ...(end.purge ? ["chunks = 0"] : []),
  ];
  return `made AS (UPDATE batch b SET ${sets.join(", ")} FROM ${fromFence(commit)}
    WHERE b.id = fence.id RETURNING ${batchColumns("b")})`;
}
