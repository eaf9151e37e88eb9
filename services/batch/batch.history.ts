/**
 * The history of a batch, from its beginning. Only rare facts are stored: holds, moves that somebody asked for, and failed attempts. The
 * times in the batch's row tell the rest, so a batch that runs without them costs no further write.
 */

import type { BatchStore } from "../../database/store.ts";
import { type AuditedAction, type AuditRow, DONE } from "../audit/audit.domain.ts";
import { type BatchRow, type BatchState, isFinal } from "./batch.domain.ts";
import {
  type History,
  type HistoryItem,
  KEPT_AT_ENDS,
  type MoveRow,
  type MoverKind,
  RETRIED_AS,
} from "./batch.history.domain.ts";
import type { BatchAttempt } from "./batch.reads.domain.ts";
import { whyOf } from "./batch.told.ts";

/** The stored facts about a batch, apart from its row. */
interface Known {
  moves: MoveRow[];
  /** In order. */
  attempts: BatchAttempt[];
  /** The batch of its rejected records, and the audit's entry if an operator has asked for that retry. */
  child: BatchRow | null;
  retry: AuditRow | null;
  /** The entry for a check that an operator has committed. */
  commit: AuditRow | null;
}

type Store = Pick<BatchStore, "moves" | "attempts" | "childOf" | "listAudit">;

/** At most five reads, each by an index and with a limited number of rows. */
export async function history(store: Store, batch: BatchRow): Promise<History> {
  const [moves, attempts, child, commit] = await Promise.all([
    store.moves(batch.id),
    batch.attemptsTotal > 0 ? store.attempts([batch.id], 3 * KEPT_AT_ENDS) : [],
    store.childOf(batch.id),
    batch.committedAt === null ? null : doneBy(store, batch, "batch.commit"),
  ]);
  const retry = child && (await doneBy(store, batch, "batch.retry", RETRIED_AS));
  const known = { moves, attempts: attempts.toReversed(), child, retry, commit };
  return { items: itemsOf(batch, known), isCut: isCut(known) };
}

/** The audit also has entries of refused calls. */
const ENTRIES_LOOKED_AT = 20;

/** The audit's entry for an operator's call about the batch. `has`: a member of its `change`. Null: a client has called, or nobody. */
async function doneBy(store: Store, { publicId: subject }: BatchRow, action: AuditedAction, has = "") {
  const found = await store.listAudit({ subject, action, limit: ENTRIES_LOOKED_AT });
  return found.find(({ status, change }) => status === DONE && (change ?? "").includes(has)) ?? null;
}

function isCut({ moves, attempts }: Known): boolean {
  const later = attempts.filter(({ no }) => no > KEPT_AT_ENDS);
  const isCutOff = later.length >= KEPT_AT_ENDS && (later[0]?.no ?? 0) > KEPT_AT_ENDS + 1;
  return isCutOff || (moves.at(-1)?.n ?? 0) > moves.length;
}

function itemsOf(batch: BatchRow, known: Known): HistoryItem[] {
  const stored = [...known.moves.map(moveItem), ...known.attempts.map((attempt) => attemptItem(batch, attempt))];
  const isStored = (at: number | null, to: BatchState) => stored.some((item) => item.at === at && item.to === to);
  const told = [...beginning(batch, known), ...earlierEnds(known.moves), ...ending(batch, known)];
  // If the end was a failed attempt or was asked for, another item already tells it, with its reason.
  const items = [...told.filter(({ at, to }) => !isStored(at, to)), ...stored, ...retried(batch, known)];
  return items.sort((a, b) => a.at - b.at || rankOf(a) - rankOf(b));
}

/** Sorts items of the same millisecond. */
const rankOf = ({ from, to }: HistoryItem): number =>
  from === null ? 0 : to === "ready" && from !== "processing" ? 1 : to === "processing" ? 2 : 3;

const nothing = { node: null, attempt: null, chunk: null, code: null, detail: null, reason: null };
const item = (
  at: number,
  from: BatchState | null,
  to: BatchState,
  kind: MoverKind,
  more: Partial<HistoryItem> = {},
): HistoryItem => ({ at, from, to, by: { kind, name: null }, ...nothing, ...more });

const moveItem = ({ at, fromState, toState, kind, who: name, code, detail, reason }: MoveRow): HistoryItem =>
  item(at, fromState, toState, kind, { by: { kind, name }, code, detail, reason });

/** If a lease has expired, the system has moved the batch, not its worker. */
function attemptItem(batch: BatchRow, { no, at, node, code, detail, attempt, chunk, toState }: BatchAttempt) {
  const to = toState ?? (batch.state === "failed" && no === batch.attemptsTotal ? "failed" : "ready");
  const kind = code === "worker-lost" ? "system" : "worker";
  return item(at, "processing", to, kind, { node, attempt, chunk, code, detail });
}

/** Who has asked for the move: an operator, or the batch's client if the audit has no entry. */
const askedBy = (entry: AuditRow | null): Partial<HistoryItem> =>
  entry ? { by: { kind: "operator", name: entry.who }, reason: entry.reason } : {};

/** The upload, the commit of a check, and the first times that the batch was ready and was claimed. */
function* beginning(batch: BatchRow, { moves: [first], commit }: Known): Generator<HistoryItem> {
  const { createdAt, committedAt, readyAt, startedAt } = batch;
  const isHeld = first ? first.fromState === "held" : batch.state === "held";
  const held = isHeld ? { code: null, detail: null, ...(first ? first.was : whyOf(batch.reason)) } : null;
  const why = held && { code: held.code, detail: held.detail };
  const onceThere = (to: BatchState) => (isHeld ? "held" : to);
  yield item(createdAt, null, committedAt === null ? onceThere("received") : "received", "partner", {
    ...(committedAt === null && why),
  });
  if (committedAt !== null) {
    const to = onceThere(committedAt === readyAt ? "ready" : "received");
    yield item(committedAt, "validated", to, "partner", { ...askedBy(commit), ...why });
  }
  if (readyAt !== null && readyAt !== committedAt) yield item(readyAt, "received", "ready", "system");
  if (startedAt !== null) yield item(startedAt, "ready", "processing", "worker");
}

/** Where a batch has gone on after an end that a chunk's commit has written. */
function* earlierEnds(moves: MoveRow[]): Generator<HistoryItem> {
  for (const { fromState, toState, was } of moves)
    if (was && was.at !== null && fromState !== toState)
      yield item(was.at, "processing", fromState, "worker", { code: was.code, detail: was.detail });
}

function* ending({ state, finishedAt, startedAt, reason }: BatchRow, { moves }: Known): Generator<HistoryItem> {
  if (finishedAt === null || !isFinal(state) || moves.some(({ at, toState }) => at === finishedAt && toState === state))
    return;
  yield item(finishedAt, startedAt === null ? "received" : "processing", state, "worker", whyOf(reason));
}

function* retried({ state }: BatchRow, { child, retry }: Known): Generator<HistoryItem> {
  if (!child) return;
  yield item(child.createdAt, state, state, "partner", {
    ...askedBy(retry),
    code: "retried",
    detail: `Its rejected records are batch ${child.publicId}.`,
  });
}
