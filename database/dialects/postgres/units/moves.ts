import type { Move, Written } from "../../../store.ts";
import {
  batchColumns,
  dueAt,
  hasEnded,
  jsonOrNull,
  outboxCte,
  outboxIds,
  type RawWritten,
  Values,
  written,
} from "../rows.ts";
import { NOW, type Sql } from "../sql.ts";
import { attemptCtes } from "./attempts.ts";
import { KNOWN } from "./fairness.ts";
import { STALE } from "./stale.ts";

export async function move(sql: Sql, move: Move): Promise<Written | null> {
  const values = new Values();
  const ctes = [madeCte(move, values)];
  ctes.push(...queueCtes(move));
  if (move.restart) ctes.push(STALE);
  if (hasEnded(move.to))
    ctes.push("freed AS (DELETE FROM record_key k USING made WHERE k.batch_id = made.id AND k.expires_at IS NOT NULL)");
  if (move.failed) ctes.push(...attemptCtes(move.failed, values));
  ctes.push(outboxCte(move.events, "made", values));
  const text = `WITH ${ctes.join(",\n")} SELECT made.*, ${outboxIds} FROM made`;
  return written(await sql.get<RawWritten>(text, ...values.list), move.events);
}

/** The client's slot is free again, and it has a batch that waits. */
function queueCtes({ from, to }: Move): string[] {
  const due = 'due_at = least(q.due_at, made."dueAt")';
  const sets = [
    ...(from === "processing" ? ["running = greatest(q.running - 1, 0)"] : []),
    ...(to === "ready" ? [due] : []),
  ];
  if (sets.length === 0) return [];
  const update = (condition: string) =>
    `slot AS (UPDATE client_queue q SET ${sets.join(", ")} FROM made WHERE q.client_id = made."clientId"${condition})`;
  if (from === "processing") return [update("")];
  const arrived = `arrived AS (SELECT made."clientId" AS client_id, made."dueAt" AS due_at FROM made)`;
  return [arrived, KNOWN, update(" AND NOT EXISTS (SELECT 1 FROM known)")];
}

const attempts = {
  keep: [],
  reset: ["attempt = 0"],
  uncount: ["attempt = greatest(attempt - 1, 0)", "attempts_total = greatest(attempts_total - 1, 0)"],
};

function madeCte(move: Move, values: Values): string {
  const sets = [
    `state = ${values.add(move.to, "varchar")}`,
    `due_at = ${dueAt(move.due, values)}`,
    `reason = ${values.add(jsonOrNull(move.reason), "text")}`,
    `finished_at = ${hasEnded(move.to) ? NOW : "NULL"}`,
    "version = version + 1",
    "owner = NULL",
    ...attempts[move.attempt],
  ];
  if (move.from === "processing") sets.push("fence = fence + 1");
  // It is when the batch joined the queue: a hand-back from `processing`, or the end of a wait there, does not change it.
  else if (move.to === "ready" && move.from !== "ready") sets.push(`ready_at = ${NOW}`);
  if (move.restart)
    sets.push(
      `phase = ${values.add(move.restart, "varchar")}`,
      "pass = pass + 1, next_chunk = 0, accepted = 0, rejected = 0, duplicate = 0, faults = 0, unlisted = 0",
    );
  const conditions = [`id = ${values.add(move.id)}`, `state = ${values.add(move.from)}`];
  if (move.version !== undefined) conditions.push(`version = ${values.add(move.version)}`);
  if (move.fence !== undefined) conditions.push(`fence = ${values.add(move.fence)}`);
  if (move.onlyDue) conditions.push(`due_at <= ${NOW}`);
  return `made AS (UPDATE batch SET ${sets.join(", ")} WHERE ${conditions.join(" AND ")} RETURNING ${batchColumns()})`;
}

export async function voidLeases(sql: Sql): Promise<void> {
  await sql.all(
    `UPDATE batch SET due_at = ${NOW}, fence = fence + CASE WHEN state = 'receiving' THEN 1 ELSE 0 END
     WHERE state IN ('processing', 'receiving')`,
  );
}
