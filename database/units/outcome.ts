/** How a batch is written: its events, its deliveries, and the row as it is afterwards. */
import { rowColumns } from "../batch.ts";
import { batchRow, type RawBatch } from "../rows.ts";
import { batch, delivery, outbox } from "../schema/tables.ts";
import type { Due, OutboxDraft, Written } from "../store.ts";
import { type Answer, insert, listOf, readingOf, rowSet, type Step, upsert } from "./steps.ts";
import type { Params } from "./unit.ts";

type Needed = "id" | "clientId" | "pass" | "dueAt" | "attemptsTotal";
const told = rowColumns.map(({ name }) => name);

/** The row of `batch` that a unit has written. */
export const MADE = rowSet("made", batch, [...told, "pass"] as Needed[]);

/** What a unit's shape knows of an event. */
export interface EventShape {
  /** A later word of this event counts, and takes the place of the former. */
  isLast: boolean;
  isTold: boolean;
}

export const eventShapes = (events: OutboxDraft[]): EventShape[] =>
  events.map(({ topic, delivery: to }) => ({ isLast: topic === "batch.completed", isTold: to !== undefined }));

export const eventParams = (events: EventShape[]): Params =>
  Object.assign(
    {},
    ...events.map((_, i) => ({ [`topic${i}`]: "name", [`body${i}`]: "text", [`delivery${i}`]: "uuid" })),
  );

export const eventValues = (events: OutboxDraft[]): Record<string, string | null> =>
  Object.assign(
    {},
    ...events.map(({ topic, body, delivery: to }, i) => ({
      [`topic${i}`]: topic,
      [`body${i}`]: body,
      [`delivery${i}`]: to?.publicId ?? null,
    })),
  );

/** The events of `made`, in their order: each follows from the one before. */
export const eventSteps = (events: EventShape[]): Step[] =>
  events.flatMap((event, i) => [
    ...(event.isTold ? [deliveryStep(event, i)] : []),
    insert(outbox, {
      values: { topic: `:topic${i}`, body: `:body${i}`, due_at: ":now", attempts: "0" },
      from: i === 0 ? "made" : `made CROSS JOIN event${i - 1}`,
      into: rowSet(`event${i}`, outbox, ["id"]),
    }),
  ]);

/** A batch has one delivery an event. The first word that it is created or ready is enough; of its end a later one counts. */
const deliveryStep = ({ isLast }: EventShape, i: number): Step =>
  upsert(delivery, {
    key: ["batch_id", "event"],
    values: {
      public_id: `:delivery${i}`,
      batch_id: "made.id",
      client_id: "made.client_id",
      event: `:topic${i}`,
      body: `:body${i}`,
      state: "'pending'",
      due_at: ":now",
      attempts: "0",
      created_at: ":now",
      tries: "0",
      // A NULL that has its type: SQL Server takes a bare one for a number.
      claim: `NULLIF(:delivery${i}, :delivery${i})`,
    },
    from: "made",
    update: isLast ? ["body", "state", "due_at", "tries", "claim"] : [],
  });

export type RawWritten = RawBatch & Record<`event${number}`, number>;

/** The last step: the batch, and the ids of its events. */
export const writtenAnswer = (events: EventShape[]): Answer<RawWritten> => ({
  do: "select",
  text: `SELECT ${[
    listOf(batch, told, "made"),
    ...events.map((_, i) => `(SELECT event${i}.id FROM event${i}) AS "event${i}"`),
  ].join(", ")} FROM made`,
  read: readingOf(batch, ["contentHash"]),
});

export function written(raw: RawWritten | undefined, events: OutboxDraft[]): Written | null {
  if (!raw) return null;
  const ids = events.map((_, i) => raw[`event${i}`] as number);
  const row = Object.fromEntries(told.map((name) => [name, raw[name as keyof RawWritten]])) as unknown as RawBatch;
  return { batch: batchRow(row), outbox: events.map((event, i) => ({ ...event, id: ids[i] as number, attempts: 0 })) };
}

/** When a batch is due next, as an expression of a shape, and its value. */
export type DueShape = "never" | "at" | "in";
export const dueShape = (due: Due): DueShape => (due === null ? "never" : "at" in due ? "at" : "in");
export const DUE: Record<DueShape, string> = { never: "NULL", at: ":due", in: ":now + :due" };
export const dueValue = (due: Due): number | null => (due === null ? null : "at" in due ? due.at : due.inMs);
