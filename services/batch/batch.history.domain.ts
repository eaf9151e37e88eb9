/** The history of a batch: what is stored of it, and what it is answered as. Only types and values, which the database uses too. */
import type { BatchState } from "./batch.domain.ts";

/** Who has moved a batch. `system`: DataFlow itself, because a time has come, a lease has expired, or an earlier batch has ended. */
export const moverKinds = ["worker", "operator", "partner", "system"] as const;
export type MoverKind = (typeof moverKinds)[number];

/** Why a batch was held, failed or rejected. */
interface Why {
  code: string | null;
  detail: string | null;
}

/** An entry of the history. It is written in the transaction of the move, and only if the row of the batch does not show the same. */
export interface ToldMove extends Why {
  from: BatchState;
  kind: MoverKind;
  /** The name of the operator. Null: it was no operator. */
  who: string | null;
  /** The reason in the words of the person who asked for the move. */
  reason: string | null;
  /** Why the batch was in the state that it has left, and since when (epoch ms), if its row no longer shows that. */
  was: (Why & { at: number | null }) | null;
}

/** A stored move. */
export interface MoveRow {
  n: number;
  /** Epoch ms. */
  at: number;
  fromState: BatchState;
  toState: BatchState;
  kind: MoverKind;
  who: string | null;
  code: string | null;
  detail: string | null;
  reason: string | null;
  was: ToldMove["was"];
}

/** How many of the first moves of a batch are kept, and how many of the last ones. The same holds for its failed attempts. */
export const KEPT_AT_ENDS = 50;

export interface HistoryItem extends Why {
  /** Epoch ms. */
  at: number;
  /** The state before. Null: the batch did not exist. */
  from: BatchState | null;
  /** If it equals `from`, the move has not changed the state. */
  to: BatchState;
  /** `name`: the operator's name. Null: it is not known, or it was no operator. */
  by: { kind: MoverKind; name: string | null };
  node: string | null;
  /** The number of the attempt at its chunk. */
  attempt: number | null;
  /** The number of its chunk, from 0. */
  chunk: number | null;
  reason: string | null;
}

export interface History {
  /** The oldest first. */
  items: HistoryItem[];
  /** Moves or attempts between the first ones and the last ones are missing. */
  isCut: boolean;
}

/** The member of the audit's `change` that names the batch of the rejected records. */
export const RETRIED_AS = "/retriedAs";
