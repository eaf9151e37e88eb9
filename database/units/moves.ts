/** Moves of a batch from one state to another, except those in a chunk's commit. */

import type { Move } from "../../services/batch/batch.writes.domain.ts";
import { hasEnded, isLive, jsonOrNull, moving, movingColumns, restarted, tableCounts } from "../rows.ts";
import { batch, batchWork } from "../schema/tables.ts";
import type { BatchStore } from "../store.ts";
import { auditParams, auditStep, auditValues } from "./audit.ts";
import { toldParams, toldSteps, toldValues } from "./batch-history.ts";
import { aftermath, queued } from "./moves.aftermath.ts";
import { givePlace, takePlace } from "./order.ts";
import {
  DUE,
  type DueShape,
  dueShape,
  dueValue,
  type EventShape,
  eventParams,
  eventShapes,
  eventSteps,
  eventValues,
  MADE,
  written,
  writtenAnswer,
} from "./outcome.ts";
import { gather, lock, remove, rowSet, type Step, update } from "./steps.ts";
import { type Fragments, type Params, shapes, type Units } from "./unit.ts";

/** The parts of a move on which the SQL text depends. */
interface Shape extends Pick<Move, "from" | "to" | "attempt"> {
  hasVersion: boolean;
  hasFence: boolean;
  onlyDue: boolean;
  isRestart: boolean;
  isFailure: boolean;
  enters: boolean;
  hasApplied: boolean;
  hasAudit: boolean;
  isTold: boolean;
  due: DueShape;
  events: EventShape[];
}

const shapeOf = (move: Move): Shape => ({
  from: move.from,
  to: move.to,
  attempt: move.attempt,
  hasVersion: move.version !== undefined,
  hasFence: move.fence !== undefined,
  onlyDue: move.onlyDue === true,
  isRestart: move.restart !== undefined,
  isFailure: move.failed !== undefined,
  enters: move.enters !== undefined,
  hasApplied: move.applied !== undefined,
  hasAudit: move.audit !== undefined,
  isTold: move.told !== undefined,
  due: dueShape(move.due),
  events: eventShapes(move.events),
});

const PARAMS = {
  id: "bigint",
  from: "name",
  to: "name",
  version: "bigint",
  fence: "bigint",
  due: "bigint",
  reason: "text",
  phase: "name",
  node: "name",
  code: "name",
  detail: "text",
  clientId: "bigint",
  lane: "name",
} as const;

/** The counts of a chunk that was written to a table in another database. */
const APPLIED = ["accepted", "rejected", "duplicate", ...tableCounts] as const;
const APPLIED_PARAMS: Params = {
  nextChunk: "int",
  ...Object.fromEntries(APPLIED.map((name) => [name, "bigint" as const])),
};

const paramsOf = ({ hasApplied, hasAudit, isTold, events }: Shape): Params => ({
  ...PARAMS,
  ...(hasAudit ? auditParams : {}),
  ...(isTold ? toldParams : {}),
  ...(hasApplied ? APPLIED_PARAMS : {}),
  ...eventParams(events),
});

export function moveUnits(on: Units): Pick<BatchStore, "move" | "voidLeases"> {
  const moving = shapes((shape: Shape) =>
    on.unit(paramsOf(shape), (fragments) => [
      ...(shape.enters ? [givePlace()] : []),
      ...(shape.from === "processing" ? taken(shape, fragments) : [moved(shape, fragments)]),
      ...queued(shape, fragments),
      ...aftermath(shape),
      ...(shape.enters ? [takePlace] : []),
      ...(shape.isTold ? toldSteps : []),
      ...(shape.hasAudit ? [auditStep("made")] : []),
      ...eventSteps(shape.events),
      writtenAnswer(shape.events),
    ]),
  );
  const works = on.unit({}, () => [update(batchWork, { set: "due_at = :now", where: "due_at > :now" })]);
  // Leases of an older version, which had no `batch_work`, are in `batch`.
  const batches = on.unit({}, () => [
    update(batch, { set: "due_at = :now", where: "state IN ('processing', 'receiving') AND due_at > :now" }),
  ]);
  return {
    move: async (move) => {
      const {
        id,
        from,
        to,
        version = null,
        fence = null,
        due,
        reason,
        restart,
        failed,
        enters,
        applied,
        audit,
        told: entry,
        events,
      } = move;
      const { node = null, code = null, detail = null } = failed ?? {};
      const values = { id, from, to, version, fence, due: dueValue(due), phase: restart ?? null, node, code, detail };
      const { clientId = null, lane = null } = enters ?? {};
      const told = applied && { nextChunk: applied.nextChunk, ...applied.counts };
      const all = {
        ...values,
        clientId,
        lane,
        ...told,
        ...auditValues(audit),
        ...toldValues(entry),
        reason: jsonOrNull(reason),
        ...eventValues(events),
      };
      return written(await moving(shapeOf(move)).row(all), events);
    },
    voidLeases: async () => {
      await works.changed({});
      await batches.changed({});
    },
  };
}

/** The columns that a move sets, with their values. The moving columns are read from the row `of`. */
function sets(
  { to, from, attempt, isRestart, hasApplied, due }: Shape,
  of: string,
  { greatest }: Fragments,
): [string, string][] {
  const lowered = (column: string): [string, string] => [
    column,
    greatest(`${isLive(column) ? of : "batch"}.${column} - 1`, "0"),
  ];
  return [
    ["state", ":to"],
    ["due_at", DUE[due]],
    ["reason", ":reason"],
    // A batch that is undone keeps the time at which it ended.
    ...(to === "undoing" ? [] : [["finished_at", hasEnded(to) ? ":now" : "NULL"]]),
    ["version", `${of}.version + 1`],
    ["owner", "NULL"],
    // Frees the rejected records that this batch has sent again: a retry may send them once more.
    ...(to === "undone" ? [["parent_id", "NULL"] as [string, string]] : []),
    ...(attempt === "reset"
      ? [
          ["attempt", "0"],
          ["rejected_before", isRestart ? "NULL" : `${of}.rejected`],
        ]
      : []),
    ...(attempt === "uncount" ? [lowered("attempt"), lowered("attempts_total")] : []),
    ...(from === "processing" ? [["fence", "batch.fence + 1"] as [string, string]] : []),
    // `ready_at` is when the batch joined the queue. A hand-back from `processing`, or the end of a wait in `ready`, keeps it.
    ...(to === "ready" && from !== "ready" && from !== "processing" ? [["ready_at", ":now"] as [string, string]] : []),
    ...(isRestart
      ? [
          ["phase", ":phase"],
          ["pass", "batch.pass + 1"],
          ...restarted.map((name) => [name, "0"]),
          ...tableCounts.map((name) => [name, `${of}.${name} * 0`]),
        ]
      : []),
    ...(hasApplied
      ? [
          ["next_chunk", ":nextChunk"],
          ["unlisted", `${of}.unlisted + :rejected`],
          ...APPLIED.map((name) => [name, `coalesce(${of}.${name}, 0) + :${name}`]),
        ]
      : []),
  ] as [string, string][];
}

const assigned = (all: [string, string][]) => all.map(([column, value]) => `${column} = ${value}`).join(", ");

const stillSo = ({ hasVersion, onlyDue }: Shape, of = ""): string =>
  `${hasVersion ? ` AND ${of}version = :version` : ""}${onlyDue ? ` AND ${of}due_at <= :now` : ""}`;
const inState = ({ hasFence }: Shape) => `id = :id AND state = :from${hasFence ? " AND fence = :fence" : ""}`;

const moved = (shape: Shape, fragments: Fragments): Step =>
  update(batch, {
    set: assigned(sets(shape, "batch", fragments)),
    // Reads `entry`, so that the lane's row is locked before the batch.
    from: shape.enters ? "entry" : undefined,
    where: `${inState(shape)}${stillSo(shape)}`,
    into: MADE,
  });

const MOVING = moving.map(({ name }) => name as "nextChunk" | "version");
/** The batch's row of `batch_work`, with its place and its group. */
const WORK = rowSet("work", batchWork, ["batchId", "place", "groupId", ...MOVING]);
const STAND = rowSet("stand", batchWork, ["batchId", "place", "groupId", ...MOVING]);
const LOCKED = rowSet("locked", batch, ["id", "fence", "dueAt", ...MOVING]);
const movingOf = (of: string) => movingColumns.map((column) => `${of}.${column}`).join(", ");

/**
 * Takes a batch from its worker: deletes the row of `batch_work` and copies its moving columns to `batch`. A batch that a node
 * of an older version has claimed has no such row; its lease is in `batch`.
 */
function taken(shape: Shape, fragments: Fragments): Step[] {
  const set = sets(shape, "stand", fragments);
  const kept = movingColumns.filter((column) => !set.some(([name]) => name === column));
  return [
    lock(batch, { where: inState(shape), into: LOCKED }),
    remove(batchWork, {
      where: `batch_id = :id AND fence IN (SELECT locked.fence FROM locked)${stillSo(shape)}`,
      into: WORK,
    }),
    gather(batchWork, {
      select: `SELECT work.batch_id, work.place, work.group_id, ${movingOf("work")} FROM work
    UNION ALL SELECT locked.id, 1, NULL, ${movingOf("locked")} FROM locked WHERE locked.due_at IS NOT NULL${stillSo(shape, "locked.")}`,
      into: STAND,
    }),
    update(batch, {
      set: assigned([...set, ...kept.map((column): [string, string] => [column, `stand.${column}`])]),
      from: "stand",
      where: "batch.id = stand.batch_id",
      into: MADE,
    }),
  ];
}
