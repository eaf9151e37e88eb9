import type { Move, Written } from "../../../store.ts";
import {
  AT_NOW,
  type Deciding,
  deciding,
  dueAt,
  hasEnded,
  INTO_MADE,
  jsonOrNull,
  outboxSteps,
  Params,
  type RawWritten,
  written,
  writtenUnit,
} from "../rows.ts";
import { big, name, type Sql, text } from "../sql.ts";
import { ATTEMPT_VARIABLE, attemptSteps } from "./attempts.ts";
import { ARRIVED } from "./fairness.ts";
import { PASS_VARIABLE, staleSteps } from "./stale.ts";
import { freeSlot, giveWork, standing } from "./work.ts";

export async function move(sql: Sql, move: Move): Promise<Written | null> {
  const params = new Params();
  const steps = [
    ...(move.from === "processing"
      ? taken(move, params)
      : [moved(move, `${ofState(move, params)}${ifStill(move, params)}`, params)]),
    "SELECT @client = client_id FROM @made",
  ];
  if (move.from === "processing") steps.push(freeSlot("@client"));
  if (move.to === "ready") steps.push(ARRIVED);
  if (hasEnded(move.to)) steps.push("DELETE FROM record_key WHERE batch_id = @id AND expires_at IS NOT NULL");
  if (move.restart) steps.push(...staleSteps("@id"));
  if (move.failed) steps.push(...attemptSteps(move.failed, params));
  steps.push(...outboxSteps(move.events, params));
  const declared = [
    "@client BIGINT",
    ...(move.restart ? [PASS_VARIABLE] : []),
    ...(move.failed ? [ATTEMPT_VARIABLE] : []),
  ];
  const batch = writtenUnit(move.events, { declared, steps });
  return written(await sql.get<RawWritten>(batch, params.all), move.events);
}

/** One less, not below 0. */
const lowered = (column: string) => `${column} = CASE WHEN ${column} > 0 THEN ${column} - 1 ELSE 0 END`;

const attempts = {
  keep: [],
  reset: ["attempt = 0"],
  uncount: [lowered("attempt"), lowered("attempts_total")],
};

function movedSets(move: Move, params: Params): string[] {
  const sets = [
    `state = ${params.add(name(move.to), "to")}`,
    `due_at = ${dueAt(move.due, params)}`,
    `reason = ${params.add(text(jsonOrNull(move.reason)), "reason")}`,
    `finished_at = ${hasEnded(move.to) ? "@now" : "NULL"}`,
    "version = version + 1",
    "owner = NULL",
    ...attempts[move.attempt],
  ];
  if (move.from === "processing") sets.push("fence = fence + 1");
  // It is when the batch joined the queue: a hand-back from `processing`, or the end of a wait there, does not change it.
  else if (move.to === "ready" && move.from !== "ready") sets.push("ready_at = @now");
  if (move.restart)
    sets.push(
      `phase = ${params.add(name(move.restart), "phase")}`,
      "pass = pass + 1, next_chunk = 0, accepted = 0, rejected = 0, duplicate = 0, faults = 0, unlisted = 0",
    );
  return sets;
}

const moved = (move: Move, where: string, params: Params) =>
  deciding(`UPDATE batch SET ${movedSets(move, params).join(", ")}\n${INTO_MADE}\nWHERE ${where}`);

function ofState({ id, from, fence }: Move, params: Params): string {
  const conditions = [`id = ${params.add(big(id), "id")}`, `state = ${params.add(name(from), "from")}`];
  if (fence !== undefined) conditions.push(`fence = ${params.add(big(fence), "fence")}`);
  return conditions.join(" AND ");
}

function ifStill({ version, onlyDue }: Move, params: Params): string {
  const isSeen = version === undefined ? "" : ` AND version = ${params.add(big(version), "version")}`;
  return `${isSeen}${onlyDue ? " AND due_at <= @now" : ""}`;
}

/**
 * A batch is taken from its worker: it stands where its row of `batch_work` did, which goes. A batch that a node of an older
 * version has claimed has none, and gets one first.
 */
function taken(move: Move, params: Params): (string | Deciding)[] {
  return [
    deciding(`UPDATE batch SET fence = fence WHERE ${ofState(move, params)}`),
    `${giveWork("@id", "due_at")} AND due_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM batch_work AS w WHERE w.batch_id = @id)`,
    deciding(`UPDATE batch_work SET fence = fence WHERE batch_id = @id${ifStill(move, params)}`),
    ...standing("@id"),
    moved(move, "id = @id", params),
  ];
}

/** Nobody has a batch or an upload any more. */
export async function voidLeases(sql: Sql): Promise<void> {
  await sql.all(`${AT_NOW}
UPDATE batch_work SET due_at = @now WHERE due_at > @now;
UPDATE batch SET due_at = @now WHERE state IN ('processing', 'receiving') AND due_at > @now;`);
}
