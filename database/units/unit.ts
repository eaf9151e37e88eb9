/**
 * Units of the store, written once for all dialects. This is how a unit is written:
 *
 *   const fail = on.unit({ clientId: "bigint", error: "text" }, () => [
 *     update(delivery, { set: "state = 'failed', attempts = attempts + 1", where: "client_id = :clientId", into: failed }),
 *     insert(deliveryAttempt, { values: { delivery_id: "failed.id", at: ":now", error: ":error" }, from: "failed" }),
 *   ]);
 *   … await fail.changed({ clientId, error })
 *
 * A unit is a transaction, and goes to the database as one message, so no row stays locked during a round trip. It becomes one
 * statement on PostgreSQL (each step a CTE), one batch on SQL Server (row sets are table variables), and one synchronous
 * section on SQLite.
 *
 * - The text is plain SQL. `:name` is a parameter. `:now` is the database's clock, the same in the whole unit. A table or a row
 *   set stands right after FROM or JOIN, with `AS alias` or under its own name. What dialects spell differently is a fragment
 *   (`first`, `isIn`, `least`, …).
 * - The first step decides. If it changes no row, nothing else may be written. So each later step reads from a row set
 *   (`from: "failed"`, or `IN (SELECT id FROM failed)`).
 * - On PostgreSQL all steps see the rows as they were before the unit. A step that needs the result of an earlier one reads its
 *   row set. No two steps may write the same row.
 * - Steps are in the order of locks: batch, batch_work, client_queue, keys, the rest. A step that locks or updates several rows
 *   which others lock too finds them `byKey`: SQL Server then takes them one by one, in the order of their keys.
 * - The text of a unit is made when the database opens, and is constant. If the text depends on the call, each variant of it is
 *   a separate unit (`shapes`).
 */
import type { ColumnKind } from "../dialect.ts";
import type { Answer, Reading, Step } from "./steps.ts";

/** `ids`, `uuids` and `texts` are lists of any length. */
export type ParamKind = ColumnKind | "ids" | "uuids" | "texts";
export type Params = Record<string, ParamKind>;

type Given<K> = K extends "ids"
  ? number[]
  : K extends "texts" | "uuids"
    ? string[]
    : K extends "uuid" | "name" | "text"
      ? string | null
      : K extends "hash" | "key"
        ? string | Uint8Array | null
        : K extends "bytes"
          ? Uint8Array | null
          : number | null;
type Values<P extends Params> = { [N in keyof P]: Given<P[N]> };

/** SQL that dialects spell in different ways. */
export interface Fragments {
  /** A SELECT of the first `count` rows. `body`: the text after the word SELECT. */
  first(count: string | number, body: string): string;
  /** The condition that the column is in a list parameter. */
  isIn(column: string, list: string, kind?: "ids" | "uuids" | "texts"): string;
  /** A table with the column `key_hash`, made of a list parameter with the keys as hexadecimal digits. */
  keysIn(list: string): string;
  /** The condition that `key_hash` is in a list parameter of keys, written so that the table's index of keys serves. */
  isKeyIn(list: string): string;
  /** The length of a text in bytes, without reading it. */
  bytesOf(column: string): string;
  /** The whole number of a member of a JSON text. Null: there is no text, or no such member, or it is null. */
  numberIn(column: string, member: string): string;
  /** For the end of a SELECT: has it planned anew each time, because one plan does not fit clients of all sizes. */
  plannedAnew: string;
  /** The count for a `first` of rows to delete. Limits it to the number of rows that the server locks one by one. */
  mostDeleted(count: string): string;
  least(a: string, b: string): string;
  greatest(a: string, b: string): string;
  /** A table in a FROM, without the rows that others have locked. Only inside of `take`. */
  skipLocked(table: string): string;
  /** For `among` of a `take`: the condition that this call has taken no row with the same value. Begins with AND, or is empty. */
  untaken(column: string): string;
  /** `client_queue AS q`, read along the index of clients that may have a batch to claim, in the order of their turns. */
  waitingQueues: string;
  /** The text from FROM on: the ready batches `r` of a client, due or not. Ordered by `r.id`, the oldest comes first. */
  readyOf(client: string): string;
  /** The text from FROM on: the ready batches `r` of the clients in a list parameter. For a `first` of `count`. */
  readyOfAll(clients: string, count: number): string;
  /**
   * The text from FROM on: the batches `k` with these values and an id between `:after` and `:before`, in the order of their ids.
   * The index begins with the columns of `equal`, and ends with the id: the walk meets no other batch.
   */
  walk(of: Walk): string;
  /**
   * The text after ORDER BY that keeps a walk's rows (alias `of`) in the order of the walk, so that nothing is sorted.
   */
  walkOrder(walk: Walk, of: string): string;
  /** The condition that a UUID of `column` is between two that are given as parameters. */
  uuidBetween(column: string, from: string, to: string): string;
  /** The text from FROM on: the batches `few` in a transient state, found by an index. */
  inTransientState(state: string): string;
}

/** A walk: reads batches along an index, in the order of their ids. */
export interface Walk {
  /** The name of the index. Null: the primary key. */
  index: string | null;
  /** Columns of `batch` and their values, in the order of the index. */
  equal: readonly (readonly [column: string, value: string])[];
  /** Further conditions on `k`. For a partial index they include the index's own condition. */
  and: readonly string[];
  isOldestFirst: boolean;
}

/** A unit before a dialect renders it. */
export interface Plan {
  params: Params;
  steps: Step[];
}

export interface Outcome {
  /** The rows of the last step, if it answers rows. */
  rows: Record<string, unknown>[];
  /** How many rows the first step changed. */
  changed: number;
}
export type Run = (values: Record<string, unknown>) => Promise<Outcome>;

/** What a dialect provides to run units. */
export interface Runner {
  fragments: Fragments;
  prepare(plan: Plan): Run;
}

/** A unit that is ready to run. */
export interface Unit<P extends Params, R> {
  rows(values: Values<P>): Promise<R[]>;
  row(values: Values<P>): Promise<R | undefined>;
  /** Runs the unit, and answers how many rows its first step changed. */
  changed(values: Values<P>): Promise<number>;
}

export class Units {
  readonly #runner: Runner;

  constructor(runner: Runner) {
    this.#runner = runner;
  }

  unit<const P extends Params, R>(
    params: P,
    steps: (fragments: Fragments) => readonly [...Step[], Answer<R>] | readonly Step[],
  ): Unit<P, R> {
    const plan = { params, steps: [...steps(this.#runner.fragments)] as Step[] };
    const run = this.#runner.prepare(plan);
    const read = readerOf(plan.steps.at(-1));
    const rows = async (values: Values<P>) => (await run(values)).rows.map(read) as R[];
    return {
      rows,
      row: async (values) => (await rows(values))[0],
      changed: async (values) => (await run(values)).changed,
    };
  }
}

/** Makes a unit for each shape when it is first used, and keeps it. So there must be few shapes. */
export function shapes<S, U>(make: (shape: S) => U): (shape: S) => U {
  const made = new Map<string, U>();
  return (shape) => {
    const name = JSON.stringify(shape);
    const unit = made.get(name) ?? make(shape);
    made.set(name, unit);
    return unit;
  };
}

function readerOf(step: Step | undefined): (row: Record<string, unknown>) => object {
  const read = step?.do === "select" ? step.read : [];
  return (row) => {
    for (const { name, as } of read) row[name] = reading[as](row[name]);
    return row;
  };
}

const reading: Record<Reading["as"], (value: unknown) => unknown> = {
  json: (value) => (value === null ? null : JSON.parse(value as string)),
  hex: (value) => (value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value),
};
