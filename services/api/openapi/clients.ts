/** The calls of clients, by their routes. */

import { formats, knownFormats } from "../../../formats/formats.ts";
import { schemaRef, text } from "../../../lib/json-schema.ts";
import { defaultPolicy } from "../../policy/policy.schema.ts";
import { pageSchema } from "../http/pages.ts";
import { cancelledBatch, endedBatch, readyBatch, retriedBatch } from "./examples.batches.ts";
import { usage, webhook } from "./examples.ts";
import { type Answer, bodyProblems, type Call, content, noBody, textOf } from "./kit.ts";
import { reportCalls } from "./reports.ts";

const batch = schemaRef("Batch");
const bodies = Object.assign(
  {},
  ...formats.flatMap((format) => {
    const { mediaTypes, schema, examples } = knownFormats[format];
    return mediaTypes.map((type) => content(schema, examples, type));
  }),
  content(
    text("As `text/csv`, with a tab as the delimiter."),
    { orders: knownFormats.csv.examples.orders.replaceAll(",", "\t") },
    ...knownFormats.csv.withTab.mediaTypes,
  ),
  content(
    {
      type: "object",
      description:
        "A form with one file and nothing else. Its own type, else the ending of its name, or `?format=`, tells the format. The part may have any name.",
      additionalProperties: { type: "string", contentMediaType: "application/octet-stream" },
      minProperties: 1,
      maxProperties: 1,
    },
    { file: { file: knownFormats.csv.examples.orders } },
    "multipart/form-data",
  ),
);

export const answersBatch = (description: string, example: object, headers: Answer["headers"] = []): Answer => ({
  description,
  headers,
  content: content(batch, { batch: example }),
});

export const clientCalls = {
  "POST /imports": {
    id: "createImport",
    summary: "Import records",
    description: "A body that is refused or breaks off leaves nothing behind. After a 2xx answer it is stored.",
    parameters: [
      "format",
      "validateOnly",
      "corrects",
      "Idempotency-Key",
      "Content-Digest",
      "Content-Encoding",
      "Prefer",
    ],
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
      "wrong-columns",
      "empty-body",
      "digest-mismatch",
      "too-many-records",
      "duplicate-batch",
      "idempotency-in-progress",
      "idempotency-key-reused",
      "illegal-state",
      "not-found",
      "too-many-uploads",
    ],
  },
  "GET /imports": {
    id: "listImports",
    summary: "List and search your batches, newest first",
    description:
      "A page that had to look at many batches which do not match may have fewer items than its limit, or none, and goes on at `next` all the same.",
    parameters: ["ownSearch", "status", "dataset", "createdFrom", "createdTo", "hasErrors", "limit", "cursor"],
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
      "With `Prefer: wait` the answer comes when the batch has ended; with `If-None-Match` as well, at its next change.",
    parameters: ["Prefer", "If-None-Match"],
    answers: {
      200: answersBatch("The batch.", endedBatch, ["ETag", "Cache-Control", "Retry-After?", "Preference-Applied?"]),
      304: {
        description: "The batch has not changed since the answer with that ETag.",
        headers: ["ETag", "Cache-Control", "Retry-After?", "Preference-Applied?"],
      },
    },
  },
  ...reportCalls,
  "GET /imports/:id/events": {
    id: "watchImport",
    summary: "Follow a batch",
    description:
      "Server-sent events: the batch as it is now, at its changes (at most four a second), and at its end. Then the stream ends.",
    parameters: ["Last-Event-ID"],
    answers: {
      200: {
        description: "Events named `batch`: `data` is the batch, `id` its version.",
        headers: ["Cache-Control"],
        content: content(
          textOf("text/event-stream", "Server-sent events.", batch),
          { end: `event: batch\nid: 7\ndata: ${JSON.stringify(endedBatch)}\n\n` },
          "text/event-stream",
        ),
      },
      204: { description: "You have seen the end of the batch: do not reconnect.", headers: ["Cache-Control"] },
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
  "POST /imports/:id/commit": {
    id: "commitImport",
    summary: "Deliver a batch that was only checked",
    description:
      "The stored body is checked and delivered under today's policy. What an upload would meet, a commit meets: an approval, a window, a quota, or the same content. Its counts and errors are from then on those of the delivery.",
    body: noBody,
    answers: {
      200: answersBatch("It was committed before: the batch as it is.", readyBatch),
      202: answersBatch("The batch will be delivered.", readyBatch, ["Retry-After"]),
    },
    problems: [...bodyProblems, "illegal-state", "gone", "duplicate-batch", "quota-exceeded", "too-many-records"],
  },
  "POST /imports/:id/retry": {
    id: "retryImport",
    summary: "Let a failed batch go on, or send rejected records again",
    description:
      "A failed batch goes on from its last chunk, under the policy of its upload. With `only=rejected` the rejected records become a new batch, under today's policy. Asking again answers the same new batch.",
    parameters: ["only"],
    body: noBody,
    answers: {
      200: answersBatch("The batch of the rejected records, made by an earlier call.", retriedBatch, ["Location"]),
      202: answersBatch("The batch that goes on, or the new one.", retriedBatch, ["Location?", "Retry-After"]),
    },
    problems: [...bodyProblems, "wrong-columns", "illegal-state", "gone", "too-many-records", "too-many-uploads"],
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
  "GET /usage": {
    id: "getOwnUsage",
    summary: "See what you use of your limits now",
    description: "It counts as a request itself, as every call does.",
    answers: { 200: { description: "The use of now.", content: content(schemaRef("Usage"), { usage }) } },
  },
} satisfies Record<string, Call>;
