/** The history of a batch: what is stored of it, and what it is answered as. Only types and values, which the database uses too. */
import type { BatchState } from "./batch.domain.ts";

/** Who has moved a batch. `system`: DataFlow itself, because a time has come, a lease has lapsed, or a batch in front has ended. */
export const moverKinds = ["worker", "operator", "partner", "system"] as const;
export type MoverKind = (typeof moverKinds)[number];

/** Why a batch was held, failed or rejected. */
interface Why {
  code: string | null;
  detail: string | null;
}

/** What the history keeps of a move. It is written in the transaction of the move, and only where the row of the batch cannot tell it. */
export interface ToldMove extends Why {
  from: BatchState;
  kind: MoverKind;
  /** The name of the operator. Null: the kind says it all. */
  who: string | null;
  /** The reason in the words of the person who asked for the move. */
  reason: string | null;
  /** Why the batch was in the state that it has left, and since when (epoch ms), where its row no longer tells it. */
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
  /** The same as `from`: the batch has stayed what it was. */
  to: BatchState;
  /** `name`: of an operator. Null: it is not known, or the kind says it all. */
  by: { kind: MoverKind; name: string | null };
  node: string | null;
  /** The number of the attempt at its chunk. */
  attempt: number | null;
  /** The chunk at which it was, from 0. */
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
