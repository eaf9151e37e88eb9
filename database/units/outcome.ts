/** The shared last steps of units that write a batch: its events, its deliveries, and the answer with the new row. */

import type { Due, Written } from "../../services/batch/batch.writes.domain.ts";
import type { OutboxDraft } from "../../services/outbox/outbox.domain.ts";
import { batchOf, batchRow, type RawBatch, rowColumns } from "../rows.ts";
import { columnOf } from "../schema/table.ts";
import { batch, delivery, outbox } from "../schema/tables.ts";
import { type Answer, insert, listOf, readingOf, rowSet, type Step, upsert } from "./steps.ts";
import type { Params } from "./unit.ts";

type Needed = "id" | "clientId" | "pass" | "dueAt" | "attemptsTotal";
const told = rowColumns.map(({ name }) => name);

/** The row of `batch` that a unit has written. */
export const MADE = rowSet("made", batch, [...told, "pass"] as Needed[]);

/** The parts of an event on which the SQL text of a unit depends. */
export interface EventShape {
  /** A later delivery of this event replaces the earlier one. True only for the event of a batch's end. */
  isLast: boolean;
  isTold: boolean;
}

export const eventShapes = (events: OutboxDraft[]): EventShape[] =>
  events.map(({ topic, delivery: to }) => ({ isLast: topic === "batch.completed", isTold: to !== undefined }));

export const eventParams = (events: EventShape[]): Params =>
  Object.assign(
    {},
    ...events.map((_, i) => ({ [`topic${i}`]: "name", [`document${i}`]: "text", [`delivery${i}`]: "uuid" })),
  );

export const eventValues = (events: OutboxDraft[]): Record<string, string | null> =>
  Object.assign(
    {},
    ...events.map(({ topic, body, delivery: to }, i) => ({
      [`topic${i}`]: topic,
      [`document${i}`]: body,
      [`delivery${i}`]: to?.publicId ?? null,
    })),
  );

/** The steps that insert the events of `made` in their order: each insert depends on the one before. */
export const eventSteps = (events: EventShape[]): Step[] =>
  events.flatMap((event, i) => [
    ...(event.isTold ? [deliveryStep(event, i)] : []),
    insert(outbox, {
      values: { topic: `:topic${i}`, body: `:document${i}`, due_at: ":now", attempts: "0" },
      from: i === 0 ? "made" : `made CROSS JOIN event${i - 1}`,
      into: rowSet(`event${i}`, outbox, ["id"]),
    }),
  ]);

/**
 * A batch has one delivery for each event. A later delivery replaces the first one only for the event of the batch's
 * end.
 */
const deliveryStep = ({ isLast }: EventShape, i: number): Step =>
  upsert(delivery, {
    key: ["batch_id", "event"],
    values: {
      public_id: `:delivery${i}`,
      batch_id: "made.id",
      client_id: "made.client_id",
      event: `:topic${i}`,
      body: `:document${i}`,
      state: "'pending'",
      due_at: ":now",
      attempts: "0",
      created_at: ":now",
      tries: "0",
      // A NULL of the right type: SQL Server treats a bare NULL as a number.
      claim: `NULLIF(:delivery${i}, :delivery${i})`,
    },
    from: "made",
    update: isLast ? ["body", "state", "due_at", "tries", "claim"] : [],
  });

export type RawWritten = RawBatch & Record<`event${number}`, number>;

/** The last step of a unit that writes a batch: answers the batch and the ids of its events. */
export const writtenAnswer = (events: EventShape[]): Answer<RawWritten> => ({
  do: "select",
  text: `SELECT ${[
    listOf(batch, told, "made"),
    ...events.map((_, i) => `(SELECT event${i}.id FROM event${i}) AS "event${i}"`),
  ].join(", ")} FROM made`,
  read: readingOf(batch, ["contentHash"]),
  cells: [
    ...told.map((name) => ({ as: name, set: "made", column: columnOf(batch, name).column })),
    ...events.map((_, i) => ({ as: `event${i}`, set: `event${i}`, column: "id" })),
  ],
});

export function written(raw: RawWritten | undefined, events: OutboxDraft[]): Written | null {
  if (!raw) return null;
  const ids = events.map((_, i) => raw[`event${i}`] as number);
  return {
    batch: batchRow(batchOf(raw)),
    outbox: events.map((event, i) => ({ ...event, id: ids[i] as number, attempts: 0 })),
  };
}

/** How the next `due_at` is written: never, at a time, or after some time. `DUE` has the expressions, `dueValue` the value. */
export type DueShape = "never" | "at" | "in";
export const dueShape = (due: Due): DueShape => (due === null ? "never" : "at" in due ? "at" : "in");
export const DUE: Record<DueShape, string> = { never: "NULL", at: ":due", in: ":now + :due" };
export const dueValue = (due: Due): number | null => (due === null ? null : "at" in due ? due.at : due.inMs);
