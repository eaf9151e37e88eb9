import { movingColumns } from "../../../rows.ts";
import type { Move, Written } from "../../../store.ts";
import {
  batchColumns,
  dueAt,
  hasEnded,
  jsonOrNull,
  movingOf,
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
  const ctes = move.from === "processing" ? takenCtes(move, values) : [madeCte(move, values)];
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
    ...(from === "processing" ? ["running = greatest(q.running - (SELECT place FROM stand), 0)"] : []),
    ...(to === "ready" ? [due] : []),
  ];
  if (sets.length === 0) return [];
  const update = (condition: string) =>
    `slot AS (UPDATE client_queue q SET ${sets.join(", ")} FROM made WHERE q.client_id = made."clientId"${condition})`;
  if (from === "processing") return [update("")];
  const arrived = `arrived AS (SELECT made."clientId" AS client_id, made."dueAt" AS due_at FROM made)`;
  return [arrived, KNOWN, update(" AND NOT EXISTS (SELECT 1 FROM known)")];
}

/** What becomes of the columns of attempts in the row `of`. */
const attempts = (of: string) => ({
  keep: [],
  reset: ["attempt = 0"],
  uncount: [`attempt = greatest(${of}.attempt - 1, 0)`, "attempts_total = greatest(b.attempts_total - 1, 0)"],
});

/** What a move sets, from the moving columns in the row `of`. */
function movedSets(move: Move, of: string, values: Values): string[] {
  const sets = [
    `state = ${values.add(move.to, "varchar")}`,
    `due_at = ${dueAt(move.due, values)}`,
    `reason = ${values.add(jsonOrNull(move.reason), "text")}`,
    `finished_at = ${hasEnded(move.to) ? NOW : "NULL"}`,
    `version = ${of}.version + 1`,
    "owner = NULL",
    ...attempts(of)[move.attempt],
  ];
  if (move.restart)
    sets.push(
      `phase = ${values.add(move.restart, "varchar")}`,
      "pass = b.pass + 1, next_chunk = 0, accepted = 0, rejected = 0, duplicate = 0, faults = 0, unlisted = 0",
    );
  return sets;
}

function madeCte(move: Move, values: Values): string {
  const sets = movedSets(move, "b", values);
  // It is when the batch joined the queue: a hand-back from `processing`, or the end of a wait there, does not change it.
  if (move.to === "ready" && move.from !== "ready") sets.push(`ready_at = ${NOW}`);
  const conditions = [`b.id = ${values.add(move.id)}`, `b.state = ${values.add(move.from)}`];
  if (move.fence !== undefined) conditions.push(`b.fence = ${values.add(move.fence)}`);
  conditions.push(...movingConditions(move, "b", values));
  return `made AS (UPDATE batch b SET ${sets.join(", ")} WHERE ${conditions.join(" AND ")} RETURNING ${batchColumns("b")})`;
}

function movingConditions({ version, onlyDue }: Move, of: string, values: Values): string[] {
  return [
    ...(version === undefined ? [] : [`${of}.version = ${values.add(version)}`]),
    ...(onlyDue ? [`${of}.due_at <= ${NOW}`] : []),
  ];
}

/**
 * A batch is taken from its worker: the row of `batch_work` goes, and the batch stands where that one was. A batch that a
 * node of an older version has claimed has none, and its lease is in its own row.
 */
function takenCtes(move: Move, values: Values): string[] {
  const fence = move.fence === undefined ? "" : ` AND fence = ${values.add(move.fence)}`;
  const also = (of: string) =>
    movingConditions(move, of, values)
      .map((condition) => ` AND ${condition}`)
      .join("");
  const sets = [...movedSets(move, "stand", values), "fence = b.fence + 1"];
  const set = sets.join(", ");
  const kept = movingColumns.filter((column) => !new RegExp(`\\b${column} =`).test(set));
  return [
    `held AS MATERIALIZED (SELECT id, fence, due_at, ${movingColumns.join(", ")} FROM batch
      WHERE id = ${values.add(move.id)} AND state = 'processing'${fence} FOR NO KEY UPDATE)`,
    `work AS (DELETE FROM batch_work w USING held WHERE w.batch_id = held.id AND w.fence = held.fence${also("w")}
      RETURNING w.batch_id AS id, w.place, ${movingOf("w")})`,
    `stand AS MATERIALIZED (SELECT * FROM work
      UNION ALL SELECT held.id, 1, ${movingOf("held")} FROM held WHERE held.due_at IS NOT NULL${also("held")})`,
    `made AS (UPDATE batch b SET ${[...sets, ...kept.map((column) => `${column} = stand.${column}`)].join(", ")}
      FROM stand WHERE b.id = stand.id RETURNING ${batchColumns("b")})`,
  ];
}

/** Nobody has a batch or an upload any more. */
export async function voidLeases(sql: Sql): Promise<void> {
  await sql.all(
    `WITH work AS (UPDATE batch_work SET due_at = least(due_at, ${NOW}))
     UPDATE batch SET due_at = least(due_at, ${NOW}) WHERE state IN ('processing', 'receiving') AND due_at IS NOT NULL`,
  );
}
