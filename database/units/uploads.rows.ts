/** The rows that the commit of an upload writes: the batch, and the row of its client in `client_queue`. */
import { restarted, tableCounts } from "../rows.ts";
import { batch, clientQueue } from "../schema/tables.ts";
import { DUE, MADE } from "./outcome.ts";
import { insert, type Step, update, upsert } from "./steps.ts";
import { conditionsOf, ofClient, oursOf, type Shape } from "./uploads.conditions.ts";
import { asked, zeros } from "./uploads.ts";

/** The step that writes the batch of an upload: a new row, the row that was receiving, or the row of a checked batch. */
export function made(shape: Shape): Step {
  const columns: Record<string, string> = {
    state: ":state",
    due_at: DUE[shape.due],
    reason: ":reason",
    phase: ":phase",
    bytes: ":bytes",
    records: ":records",
    chunks: ":chunks",
    content_hash: ":contentHash",
    dedup_hash: ":dedupHash",
    envelope: ":envelope",
    ready_at: shape.isReady ? ":now" : "NULL",
    parent_id: ":parentId",
    retry_of: ":retryOf",
    corrects: ":corrects",
    finished_at: shape.hasEnded ? ":now" : "NULL",
    ...(shape.isIntoTable && zeros(...tableCounts)),
  };
  const from = shape.quota ? "spent" : shape.place ? "entry" : undefined;
  const conditions = shape.quota ? [] : conditionsOf(shape);
  if (!shape.isNew) {
    const sets = Object.entries(shape.isChecked ? startedOver(shape, columns) : columns).map(
      ([column, value]) => `${column} = ${value}`,
    );
    const where = [oursOf(shape), ...conditions].join(" AND ");
    return update(batch, { set: `${sets.join(", ")}, version = batch.version + 1`, from, where, into: MADE });
  }
  const values = {
    ...columns,
    ...asked,
    created_at: ":now",
    version: "1",
    ...zeros("next_chunk", "accepted", "rejected", "duplicate", "fence", "attempt", "attempts_total"),
  };
  return insert(batch, { values, from, where: conditions.join(" AND ") || undefined, into: MADE });
}

/**
 * The columns of a checked batch that is committed. It keeps the columns of its upload, and its counts begin again at
 * 0.
 */
const startedOver = ({ isIntoTable }: Shape, columns: Record<string, string>) => ({
  ...Object.fromEntries(STANDING.map((name) => [name, columns[name] as string])),
  policy_version: ":policyVersion",
  committed_at: ":now",
  rejected_before: "NULL",
  pass: "batch.pass + 1",
  ...zeros(...restarted, "attempt", ...(isIntoTable ? tableCounts : [])),
});
const STANDING = ["state", "due_at", "reason", "phase", "dedup_hash", "ready_at", "finished_at"];

/**
 * Makes sure that the client has a queue row, and that its `due_at` is not later than this batch's. Cap and weight of an
 * existing row stay, because they may be newer.
 */
export const arrived = ({ isReady }: Shape): Step =>
  upsert(clientQueue, {
    key: ["client_id"],
    values: {
      client_id: "made.client_id",
      running: "0",
      pass: "0",
      cap: ":cap",
      weight: ":weight",
      ...(isReady && { due_at: "made.due_at" }),
    },
    from: "made",
    update: isReady ? ["due_at"] : [],
    where: isReady
      ? `${ofClient("client_queue")} AND (client_queue.due_at IS NULL OR client_queue.due_at > given.due_at)`
      : undefined,
  });
