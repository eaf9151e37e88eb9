/** JSON Schemas of what the HTTP API and webhooks show of a batch: its counts, its error, and its events. */
import { choice, count, described, id, type JsonSchema, orNull, record, text } from "../../lib/json-schema.ts";
import { finalStates } from "./batch.domain.ts";

const rows = (what: string) =>
  described(`Rows ${what} in the company's own table. Only where records went into one.`, count);
const counts = { received: count, accepted: count, rejected: count, duplicate: count };
const rowCounts = { created: rows("made"), updated: rows("changed"), deleted: rows("deleted") };
const corrected = described("Rejected records that later batches have corrected. Only where there are any.", count);
export const countsSchema = record({ ...counts, ...rowCounts, corrected }, [...Object.keys(rowCounts), "corrected"]);
export const errorSchema = orNull(record({ code: text(), detail: text() }));

const eventData = (status: JsonSchema, more: JsonSchema = {}) =>
  record({
    batchId: id,
    clientId: id,
    dataset: text("`default`: the client's own policy."),
    status,
    version: described("It only grows.", count),
    ...(more as object),
  });

/** The counts of a batch that is held with the result of its check. */
export const holdCountsSchema = record(
  { ...counts, deleted: described("Records that would delete their row. Only where they go into a table.", count) },
  ["deleted"],
);
const outcome = { counts: countsSchema, error: errorSchema };

/** The `data` of a batch's events. */
export const batchEventSchemas = {
  "batch.created": eventData(choice(["received", "ready", "held"])),
  "batch.ready": eventData({ const: "ready" }),
  "batch.completed": eventData(
    described("How it ended.", choice(finalStates.filter((state) => state !== "validated" && state !== "undone"))),
    outcome,
  ),
  "batch.validated": eventData({ const: "validated" }, outcome),
  "batch.undone": eventData({ const: "undone" }, { counts: described("As before it was taken back.", countsSchema) }),
  "batch.held": eventData(
    { const: "held" },
    { hold: record({ reason: { const: "approval" }, until: { type: "null" }, counts: holdCountsSchema }) },
  ),
} as const;
