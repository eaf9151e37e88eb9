import type { Move, Written } from "../../../store.ts";
import {
  AT_NOW,
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

/** A client has one more free slot. */
export const freeSlot = (client: string) =>
  `UPDATE client_queue SET running = CASE WHEN running > 0 THEN running - 1 ELSE 0 END WHERE client_id = ${client}`;

export async function move(sql: Sql, move: Move): Promise<Written | null> {
  const params = new Params();
  const steps = [deciding(moved(move, params)), "SELECT @client = client_id FROM @made"];
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

function moved(move: Move, params: Params): string {
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
  const conditions = [`id = ${params.add(big(move.id), "id")}`, `state = ${params.add(name(move.from), "from")}`];
  if (move.version !== undefined) conditions.push(`version = ${params.add(big(move.version), "version")}`);
  if (move.fence !== undefined) conditions.push(`fence = ${params.add(big(move.fence), "fence")}`);
  if (move.onlyDue) conditions.push("due_at <= @now");
  return `UPDATE batch SET ${sets.join(", ")}\n${INTO_MADE}\nWHERE ${conditions.join(" AND ")}`;
}

export async function voidLeases(sql: Sql): Promise<void> {
  await sql.all(`${AT_NOW}
UPDATE batch SET due_at = @now, fence = fence + CASE WHEN state = 'receiving' THEN 1 ELSE 0 END
WHERE state IN ('processing', 'receiving');`);
}
