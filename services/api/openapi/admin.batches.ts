/**
 * The calls by which operators read the result of any batch. Operators see what the batch's client sees, except the
 * values of sensitive fields.
 */

import { schemaRef } from "../../../lib/json-schema.ts";
import { withReason } from "../routes/admin.batches.ts";
import { manyMovedSchema, manyMoves } from "../routes/batch-actions.ts";
import { watchedBatchSchema } from "../routes/events.ts";
import { checkCalls } from "./checks.ts";
import { clientCalls } from "./clients.ts";
import { correctionCalls } from "./corrections.ts";
import { endedBatch, forOperators, readyBatch } from "./examples.batches.ts";
import { ids } from "./examples.ts";
import { bodyProblems, type Call, content, textOf } from "./kit.ts";
import { reportCalls } from "./reports.ts";

const MASKED = "As the client reads it, but `•••` stands for the values of `sensitive` fields.";

const { lastAttempt: _, ...beside } = forOperators;
const watched = { ...endedBatch, ...beside };
const watch = clientCalls["GET /imports/:id/events"];

const operatorBatch = content(schemaRef("OperatorBatch"), { batch: { ...readyBatch, ...forOperators } });

const none = { node: null, attempt: null, chunk: null, code: null, detail: null, reason: null };
const historyExample = {
  items: [
    {
      at: "2026-11-23T08:00:00.000Z",
      from: null,
      to: "held",
      by: { kind: "partner", name: "a-shop" },
      ...none,
      code: "approval",
    },
    {
      at: "2026-11-23T08:05:00.000Z",
      from: "held",
      to: "ready",
      by: { kind: "operator", name: "alice" },
      ...none,
      reason: "The prices are right.",
    },
    {
      at: "2026-11-23T08:05:01.000Z",
      from: "processing",
      to: "ready",
      by: { kind: "worker", name: null },
      node: "worker-2",
      attempt: 1,
      chunk: 0,
      code: "handler-failed",
      detail: "The shop is closed.",
      reason: null,
    },
  ],
  truncated: false,
};

export const batchReadCalls = {
  "GET /batches/:id/errors": {
    ...reportCalls["GET /imports/:id/errors"],
    id: "listBatchErrors",
    summary: "Read the rejected records of any batch",
  },
  "GET /batches/:id/records": {
    ...reportCalls["GET /imports/:id/records"],
    id: "listBatchRecords",
    summary: "Read the stored records of any batch",
    description: MASKED,
  },
  "GET /batches/:id/rejected": {
    ...correctionCalls["GET /imports/:id/rejected"],
    id: "getBatchRejectedFile",
    summary: "Get the rejected records of any batch as a file",
    description: `${MASKED} Of CSV it is in UTF-8.`,
  },
  "GET /batches/:id/preview": {
    ...checkCalls["GET /imports/:id/preview"],
    id: "previewBatch",
    summary: "See how the first records of any batch are read",
  },
  "POST /batches/:id/commit": {
    ...clientCalls["POST /imports/:id/commit"],
    id: "commitBatch",
    summary: "Deliver any batch that was only checked",
    description:
      "As the client's own commit: the stored body is checked and delivered under the client's policy of today. What an upload would meet, a commit meets: an approval, a window, a quota, or the same content.",
    body: { isOptional: true, content: content(withReason.schema, { plain: {}, reason: { reason: "They called." } }) },
    answers: {
      200: { description: "It was committed before: the batch as it is.", content: operatorBatch },
      202: { description: "The batch will be delivered.", headers: ["Retry-After"], content: operatorBatch },
    },
  },
  "POST /batches/actions": {
    id: "moveBatches",
    summary: "Move many batches",
    description:
      "Up to 1,000 batches, named by their ids or found by a filter as of the list. Each is moved as by its own call, with an entry of its own in the audit. After 20 s no further batch begins: `remaining` tells how many are left, and `next` goes on after those of a filter. A client that hangs up ends it; what was moved stays moved. Asked again, what was moved is refused. `retry` sends the rejected records of each again, as `POST /admin/batches/{id}/retry?only=rejected` does; what was sent again before counts as done.",
    body: {
      content: content(manyMoves.schema, {
        ids: { action: "cancel", ids: [ids.batch], reason: "Sent twice.", dryRun: true },
        filter: { action: "redrive", filter: { status: "failed" }, dryRun: true },
      }),
    },
    answers: {
      200: {
        description: "What became of them.",
        content: content(manyMovedSchema, {
          moved: {
            matched: 2,
            isMore: false,
            examples: [ids.batch],
            done: 1,
            refused: [{ id: ids.batch, code: "illegal-state" }],
            remaining: 0,
            next: null,
          },
        }),
      },
    },
    problems: bodyProblems,
  },
  "GET /batches/:id/history": {
    id: "getBatchHistory",
    summary: "See who has moved a batch, when and why",
    description:
      "Its holds, the moves that somebody has asked for, and its failed attempts, from the first one on; and when it was sent, ready, begun and ended. It goes with the batch.",
    answers: {
      200: { description: "The history.", content: content(schemaRef("BatchHistory"), { history: historyExample }) },
    },
  },
  "GET /batches/:id/events": {
    ...watch,
    id: "watchBatch",
    summary: "Follow any batch",
    description: `${watch.description} An event has no \`lastAttempt\`, and no \`waits\` of a batch that might run now: only the list tells whether its client has a place for it.`,
    answers: {
      ...watch.answers,
      200: {
        ...watch.answers[200],
        content: content(
          textOf("text/event-stream", "Server-sent events.", watchedBatchSchema),
          { end: `event: batch\nid: 7\ndata: ${JSON.stringify(watched)}\n\n` },
          "text/event-stream",
        ),
      },
    },
  },
} satisfies Record<string, Call>;
