/**
 * How a unit of the store is written, once for all dialects.
 *
 *   const fail = on.unit({ clientId: "bigint", error: "text" }, () => [
 *     update(delivery, { set: "state = 'failed', attempts = attempts + 1", where: "client_id = :clientId", into: failed }),
 *     insert(deliveryAttempt, { values: { delivery_id: "failed.id", at: ":now", error: ":error" }, from: "failed" }),
 *   ]);
 *   … await fail.changed({ clientId, error })
 *
 * A unit is a transaction, and goes to the database as one message: no row is locked while a client thinks. It becomes one
 * statement on PostgreSQL (each step a CTE), one batch on SQL Server (row sets are table variables), and one synchronous
 * section on SQLite.
 *
 * - The text is plain SQL. `:name` is a parameter, `:now` the database's clock, the same in the whole unit. A table or a row set
 *   stands right after FROM or JOIN, with `AS alias` or under its own name. What dialects spell in different ways is a
 *   fragment (`first`, `isIn`, `least`, …).
 * - The first step decides: where it changes no row, nothing else may be written, so each step after it draws from a row set
 *   (`from: "failed"`, or `IN (SELECT id FROM failed)`).
 * - On PostgreSQL all steps see the rows as they were before the unit; what one needs of an earlier one comes by a row set. No two
 *   steps write the same row.
 * - Steps stand in the order of locks: batch, client_queue, keys, the rest.
 * - The text of a unit is made when the database opens, and is constant. Where it depends on what is asked, each shape of it is
 *   a unit of its own (`shapes`).
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

/** What dialects spell in different ways. */
export interface Fragments {
  /** A SELECT of the first `count` rows; `body` is what follows the word SELECT. */
  first(count: string | number, body: string): string;
  /** Whether the column is in a list parameter. */
  isIn(column: string, list: string, kind?: "ids" | "uuids" | "texts"): string;
  /** A table with the column `key_hash`: the keys of a list parameter, which holds their hexadecimal digits. */
  keysIn(list: string): string;
  /** The length of a text in bytes, without reading it. */
  bytesOf(column: string): string;
  /** At the end of a SELECT that is planned anew each time: one plan would be kept for clients and states of all sizes. */
  plannedAnew: string;
  /** A `first` in a piece that is deleted: no more rows than a server locks one by one. */
  mostDeleted(count: string): string;
  /** Whether small batches are worked in groups, of which each takes one place of its client. */
  hasGroups: boolean;
  least(a: string, b: string): string;
  greatest(a: string, b: string): string;
  /** A table in a FROM whose rows are taken by others right now: they are passed by. Only inside of `take`. */
  passingBy(table: string): string;
  /** Inside of `among` of a `take`: nothing of this column was taken by the same call. Begins with AND, or is nothing. */
  untaken(column: string): string;
  /** `client_queue AS q`, read along the index of clients that may have something to be claimed, in the order of their turns. */
  waitingQueues: string;
  /** From FROM on: batches `r` of a client that are ready, whether they are due or not. By `r.id` the oldest comes first. */
  readyOf(client: string): string;
  /** From FROM on: batches `r` that are ready, of the clients in a list parameter, inside of a `first` of so many. */
  readyOfAll(clients: string, count: number): string;
  /** From FROM on: batches `few` in a state that has few of them, found by index. */
  inPassing(state: string): string;
}

/** What a dialect makes a text of. */
export interface Plan {
  params: Params;
  steps: Step[];
}

export interface Outcome {
  /** Of the last step, where that answers some. */
  rows: Record<string, unknown>[];
  /** By the first step. */
  changed: number;
}
export type Run = (values: Record<string, unknown>) => Promise<Outcome>;

/** Where units run. */
export interface Runner {
  fragments: Fragments;
  prepare(plan: Plan): Run;
}

/** A unit that is ready to run. */
export interface Unit<P extends Params, R> {
  rows(values: Values<P>): Promise<R[]>;
  row(values: Values<P>): Promise<R | undefined>;
  /** How many rows its first step has changed. */
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

/** One unit for each shape, made when it is first asked for. There have to be few. */
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
