/** The calls of clients, by their routes. */

import { type JsonSchema, schemaRef, text } from "../../../lib/json-schema.ts";
import { defaultPolicy } from "../../policy/policy.schema.ts";
import { pageSchema } from "../http/pages.ts";
import {
  cancelledBatch,
  endedBatch,
  ordersCsv,
  ordersJson,
  ordersNdjson,
  readyBatch,
  rejectedCsv,
  rejectedRecord,
  retriedBatch,
  storedRecord,
  webhook,
} from "./examples.ts";
import { type Answer, bodyProblems, type Call, content, noBody, textOf } from "./kit.ts";

const batch = schemaRef("Batch");
// Without contentMediaType, for which viewers would offer to send a file instead of the example.
const ndjson = text("A record a line, each a JSON object.");

const records: JsonSchema = {
  oneOf: [
    { type: "array", items: {} },
    {
      type: "object",
      properties: { records: { type: "array", items: {} } },
      required: ["records"],
      additionalProperties: false,
    },
  ],
};

const bodies = {
  ...content(ndjson, { orders: ordersNdjson }, "application/x-ndjson"),
  ...content(ndjson, { orders: ordersNdjson }, "application/jsonl"),
  ...content(
    text(
      "A header row, then a record a row. Parameters of the media type: `charset` (`utf-8`, `windows-1252`) and `delimiter` (else sniffed among comma, `;` and tab).",
    ),
    { orders: ordersCsv },
    "text/csv",
  ),
  ...content(records, { array: ordersJson, object: { records: ordersJson } }),
};

const answersBatch = (description: string, example: object, headers: Answer["headers"] = []): Answer => ({
  description,
  headers,
  content: content(batch, { batch: example }),
});

const line = (value: unknown) => `${JSON.stringify(value)}\n`;

export const clientCalls = {
  "POST /imports": {
    id: "createImport",
    summary: "Import records",
    description: "A body that is refused or breaks off leaves nothing behind; one that is answered is stored.",
    parameters: ["Idempotency-Key", "Content-Digest", "Content-Encoding", "Prefer"],
    body: { content: bodies },
    answers: {
      200: answersBatch("The batch has ended, or the same content came before.", endedBatch, [
        "Location",
        "Retry-After?",
        "Preference-Applied?",
        "Idempotent-Replayed?",
      ]),
      202: answersBatch("The batch is stored.", readyBatch, [
        "Location",
        "Retry-After?",
        "Preference-Applied?",
        "Idempotent-Replayed?",
      ]),
    },
    problems: [
      ...bodyProblems,
      "empty-body",
      "digest-mismatch",
      "too-many-records",
      "duplicate-batch",
      "idempotency-in-progress",
      "idempotency-key-reused",
      "too-many-uploads",
    ],
  },
  "GET /imports": {
    id: "listImports",
    summary: "List your batches, newest first",
    parameters: ["status", "limit", "cursor"],
    answers: {
      200: {
        description: "A page.",
        content: content(pageSchema("Batch"), { page: { items: [endedBatch], next: null } }),
      },
    },
  },
  "GET /imports/:id": {
    id: "getImport",
    summary: "See a batch, or wait for it",
    description:
      "With `Prefer: wait` the answer comes at the end of the batch; with `If-None-Match` too, at its next change.",
    parameters: ["Prefer", "If-None-Match"],
    answers: {
      200: answersBatch("The batch.", endedBatch, ["ETag", "Cache-Control", "Retry-After?", "Preference-Applied?"]),
      304: {
        description: "It is as in the answer with that ETag.",
        headers: ["ETag", "Cache-Control", "Retry-After?", "Preference-Applied?"],
      },
    },
  },
  "GET /imports/:id/errors": {
    id: "listRejectedRecords",
    summary: "Read the rejected records",
    description:
      "NDJSON; with `Accept: text/csv` a row for each error, safe to open in a spreadsheet: `raw` is in the first row of a record, empty in its others, and a `'` is put before what could begin a formula. A reader that takes nothing for 60 s is cut off. " +
      "Beyond the policy's `maxStoredErrors` records are not listed; the last line (in CSV a row with the code `truncated`) then tells how many.",
    answers: {
      200: {
        description: "In order, as far as they are listed.",
        headers: ["Vary", "Content-Disposition"],
        content: {
          ...content(
            textOf("application/x-ndjson", "A rejected record a line.", {
              anyOf: [schemaRef("RejectedRecord"), schemaRef("TruncatedReport")],
            }),
            { errors: line(rejectedRecord) },
            "application/x-ndjson",
          ),
          ...content(textOf("text/csv", "An error a row."), { errors: rejectedCsv }, "text/csv"),
        },
      },
    },
    problems: ["too-many-streams"],
  },
  "GET /imports/:id/records": {
    id: "listStoredRecords",
    summary: "Read the stored records",
    description: "A reader that takes nothing for 60 s is cut off.",
    answers: {
      200: {
        description: "All of them, in order.",
        headers: ["Content-Disposition"],
        content: content(
          textOf("application/x-ndjson", "A stored record a line.", schemaRef("StoredRecord")),
          { records: line(storedRecord) },
          "application/x-ndjson",
        ),
      },
    },
    problems: ["too-many-streams"],
  },
  "GET /imports/:id/events": {
    id: "watchImport",
    summary: "Follow a batch",
    description:
      "Server-sent events: the batch now, at its changes (four a second at most) and at its end, which ends the stream.",
    parameters: ["Last-Event-ID"],
    answers: {
      200: {
        description: "The `data` of each event `batch` is the batch, its `id` the version.",
        headers: ["Cache-Control"],
        content: content(
          textOf("text/event-stream", "Server-sent events.", batch),
          { end: `event: batch\nid: 7\ndata: ${JSON.stringify(endedBatch)}\n\n` },
          "text/event-stream",
        ),
      },
      204: { description: "You have seen the end: do not come again.", headers: ["Cache-Control"] },
    },
    problems: ["too-many-streams"],
  },
  "POST /imports/:id/cancel": {
    id: "cancelImport",
    summary: "Cancel a batch that has not ended",
    body: noBody,
    answers: { 200: answersBatch("The batch, cancelled at once.", cancelledBatch) },
    problems: [...bodyProblems, "illegal-state"],
  },
  "POST /imports/:id/retry": {
    id: "retryImport",
    summary: "Let a failed batch go on, or send rejected records again",
    description:
      "A failed batch goes on from its last chunk, under the policy that it came under. With `only=rejected` the rejected records are sent again as a batch of their own, by today's policy; asked again, the same one.",
    parameters: ["only"],
    body: noBody,
    answers: {
      200: answersBatch("The batch of the rejected records, which was asked for before.", retriedBatch, ["Location"]),
      202: answersBatch("The batch that goes on, or the new one.", retriedBatch, ["Location?", "Retry-After"]),
    },
    problems: [...bodyProblems, "illegal-state", "too-many-records", "too-many-uploads"],
  },
  "GET /policy": {
    id: "getOwnPolicy",
    summary: "See what you may send",
    answers: {
      200: {
        description: "Your policy, without the webhook's secret.",
        content: content(schemaRef("Policy"), { policy: { ...defaultPolicy, webhook } }),
      },
    },
  },
} satisfies Record<string, Call>;
