/** Moves of a batch from one state to another, outside of a chunk's commit. */
import { hasEnded, isLive, jsonOrNull, KEPT_ATTEMPTS, moving, movingColumns } from "../rows.ts";
import { batch, batchAttempt, batchWork, clientQueue, recordKey, staleErrors } from "../schema/tables.ts";
import type { BatchStore, Move } from "../store.ts";
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
import { gather, insert, lock, remove, rowSet, type Step, update, upsert } from "./steps.ts";
import { type Fragments, shapes, type Units } from "./unit.ts";

/** What a move's text depends on. */
interface Shape extends Pick<Move, "from" | "to" | "attempt"> {
  hasVersion: boolean;
  hasFence: boolean;
  onlyDue: boolean;
  isRestart: boolean;
  isFailure: boolean;
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
} as const;

export function moveUnits(on: Units): Pick<BatchStore, "move" | "voidLeases"> {
  const moving = shapes((shape: Shape) =>
    on.unit({ ...PARAMS, ...eventParams(shape.events) }, (fragments) => [
      ...(shape.from === "processing" ? taken(shape, fragments) : [moved(shape, fragments)]),
      ...queued(shape, fragments),
      ...aftermath(shape),
      ...eventSteps(shape.events),
      writtenAnswer(shape.events),
    ]),
  );
  const works = on.unit({}, () => [update(batchWork, { set: "due_at = :now", where: "due_at > :now" })]);
  // A lease from before `batch_work` was there is in `batch`.
  const batches = on.unit({}, () => [
    update(batch, { set: "due_at = :now", where: "state IN ('processing', 'receiving') AND due_at > :now" }),
  ]);
  return {
    move: async (move) => {
      const { id, from, to, version = null, fence = null, due, reason, restart, failed, events } = move;
      const { node = null, code = null, detail = null } = failed ?? {};
      const values = { id, from, to, version, fence, due: dueValue(due), phase: restart ?? null, node, code, detail };
      const all = { ...values, reason: jsonOrNull(reason), ...eventValues(events) };
      return written(await moving(shapeOf(move)).row(all), events);
    },
    voidLeases: async () => {
      await works.changed({});
      await batches.changed({});
    },
  };
}

const RESTARTED = ["next_chunk", "accepted", "rejected", "duplicate", "faults", "unlisted"];

/** What a move sets, from the moving columns in the row `of`. */
function sets({ to, from, attempt, isRestart, due }: Shape, of: string, { greatest }: Fragments): [string, string][] {
  const lowered = (column: string): [string, string] => [
    column,
    greatest(`${isLive(column) ? of : "batch"}.${column} - 1`, "0"),
  ];
  return [
    ["state", ":to"],
    ["due_at", DUE[due]],
    ["reason", ":reason"],
    ["finished_at", hasEnded(to) ? ":now" : "NULL"],
    ["version", `${of}.version + 1`],
    ["owner", "NULL"],
    ...(attempt === "reset" ? [["attempt", "0"] as [string, string]] : []),
    ...(attempt === "uncount" ? [lowered("attempt"), lowered("attempts_total")] : []),
    ...(from === "processing" ? [["fence", "batch.fence + 1"] as [string, string]] : []),
    // It is when the batch joined the queue: a hand-back from `processing`, or the end of a wait there, does not change it.
    ...(to === "ready" && from !== "ready" && from !== "processing" ? [["ready_at", ":now"] as [string, string]] : []),
    ...(isRestart ? [["phase", ":phase"], ["pass", "batch.pass + 1"], ...RESTARTED.map((name) => [name, "0"])] : []),
  ] as [string, string][];
}

const assigned = (all: [string, string][]) => all.map(([column, value]) => `${column} = ${value}`).join(", ");

const stillSo = ({ hasVersion, onlyDue }: Shape, of = ""): string =>
  `${hasVersion ? ` AND ${of}version = :version` : ""}${onlyDue ? ` AND ${of}due_at <= :now` : ""}`;
const inState = ({ hasFence }: Shape) => `id = :id AND state = :from${hasFence ? " AND fence = :fence" : ""}`;

const moved = (shape: Shape, fragments: Fragments): Step =>
  update(batch, {
    set: assigned(sets(shape, "batch", fragments)),
    where: `${inState(shape)}${stillSo(shape)}`,
    into: MADE,
  });

const MOVING = moving.map(({ name }) => name as "nextChunk" | "version");
/** What the batch has of its client's places goes along. */
const WORK = rowSet("work", batchWork, ["batchId", "place", "groupId", ...MOVING]);
const STAND = rowSet("stand", batchWork, ["batchId", "place", "groupId", ...MOVING]);
/** The rest of its group, where it has their place. */
const HEIRS = rowSet("heirs", batchWork, ["batchId"]);
const LOCKED = rowSet("locked", batch, ["id", "fence", "dueAt", ...MOVING]);
const movingOf = (of: string) => movingColumns.map((column) => `${of}.${column}`).join(", ");

/**
 * A batch is taken from its worker: the row of `batch_work` goes, and the batch stands where that one was. A batch that a
 * node of an older version has claimed has none, and its lease is in its own row.
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

/**
 * The place goes to the first of the rest of the group, which so is always its least id: those with greater ones are all that
 * are left. They are locked, for each may be leaving too.
 */
const handedOn = [
  lock(batchWork, {
    where: `group_id IN (SELECT stand.group_id FROM stand WHERE stand.place > 0)
      AND batch_id > (SELECT stand.batch_id FROM stand)`,
    into: HEIRS,
  }),
  update(batchWork, { set: "place = 1", where: "batch_id = (SELECT min(heirs.batch_id) FROM heirs)" }),
];
const PLACE = "(SELECT stand.place FROM stand)";

/** The client's slot is free again, and it has a batch that waits. */
function queued({ from, to }: Shape, { greatest, least, hasGroups }: Fragments): Step[] {
  const freed = hasGroups ? `CASE WHEN EXISTS (SELECT 1 FROM heirs) THEN 0 ELSE ${PLACE} END` : PLACE;
  const set = [
    ...(from === "processing" ? [`running = ${greatest(`client_queue.running - ${freed}`, "0")}`] : []),
    ...(to === "ready" ? [`due_at = ${least("coalesce(client_queue.due_at, made.due_at)", "made.due_at")}`] : []),
  ];
  if (set.length === 0) return [];
  return [
    ...(from === "processing" && hasGroups ? handedOn : []),
    update(clientQueue, { set: set.join(", "), from: "made", where: "client_queue.client_id = made.client_id" }),
  ];
}

function aftermath({ to, isRestart, isFailure }: Shape): Step[] {
  const steps: Step[] = [];
  if (hasEnded(to))
    steps.push(
      remove(recordKey, { where: "batch_id = :id AND expires_at IS NOT NULL AND EXISTS (SELECT 1 FROM made)" }),
    );
  if (isRestart)
    steps.push(
      insert(staleErrors, { values: { batch_id: "made.id", pass: "made.pass - 1", since: ":now" }, from: "made" }),
    );
  if (isFailure)
    steps.push(
      upsert(batchAttempt, {
        key: ["batch_id", "no"],
        values: {
          batch_id: "made.id",
          no: "made.attempts_total",
          at: ":now",
          node: ":node",
          code: ":code",
          detail: ":detail",
        },
        from: "made",
        update: ["at", "node", "code", "detail"],
      }),
      remove(batchAttempt, {
        where: `batch_id = :id AND no <= (SELECT made.attempts_total FROM made) - ${KEPT_ATTEMPTS}`,
      }),
    );
  return steps;
}
