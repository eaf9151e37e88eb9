/** The calls of operators, by their routes below /admin. */
import { type JsonSchema, schemaRef } from "../../../lib/json-schema.ts";
import { defaultPolicy } from "../../policy/policy.schema.ts";
import { pageSchema } from "../http/pages.ts";
import { dryUndoSchema, undoing, withReason } from "../routes/admin.batches.ts";
import { clientChange, newClient, rotatedSchema, rotation } from "../routes/admin.clients.ts";
import {
  batchDetails,
  cancelledBatch,
  endedBatch,
  forOperators,
  heldBatch,
  readyBatch,
  rejectedBatch,
  retriedBatch,
  undoingBatch,
} from "./examples.batches.ts";
import { batchRules, errorSummary } from "./examples.records.ts";
import { stats } from "./examples.system.ts";
import { client, cursor, ids, listedClient, secret, webhook, webhookSecret } from "./examples.ts";
import { type Answer, type Body, bodyProblems, type Call, content } from "./kit.ts";

const answer = (
  description: string,
  schema: JsonSchema,
  examples: Record<string, unknown>,
  headers: Answer["headers"] = [],
): Record<number, Answer> => ({ 200: { description, headers, content: content(schema, examples) } });

const asClient = (example: object) => answer("The client.", schemaRef("Client"), { client: example });
const asBatch = (example: object, headers: Answer["headers"] = []) =>
  answer("The batch.", schemaRef("OperatorBatch"), { batch: { ...example, ...forOperators } }, headers);
const asPage = (name: string, item: object) =>
  answer("A page.", pageSchema(name), { page: { items: [item], next: cursor } });
const asPolicy = answer(
  "The whole policy.",
  schemaRef("Policy"),
  {
    usual: defaultPolicy,
    webhook: { ...defaultPolicy, webhook: { ...webhook, secret: webhookSecret } },
  },
  ["ETag", "Cache-Control?"],
);
const rotated = (example: string) =>
  answer(
    "Both secrets are valid until then.",
    rotatedSchema,
    { rotated: { secret: example, previousValidUntil: "2026-11-24T08:00:00.000Z" } },
    ["Cache-Control"],
  );
const rotationBody: Body = {
  isOptional: true,
  content: content(rotation.schema, { inADay: {}, atOnce: { graceSeconds: 0 } }),
};

const reasonBody: Body = {
  isOptional: true,
  content: content(withReason.schema, { plain: {}, reason: { reason: "Sent twice." } }),
};

const moved = (id: string, summary: string, example: object): Call => ({
  id,
  summary,
  body: reasonBody,
  answers: asBatch(example),
  problems: [...bodyProblems, "illegal-state"],
});

const ordersPolicy = {
  formats: ["csv", "ndjson"],
  maxErrors: 100,
  schema: {
    type: "object",
    required: ["order_id", "quantity"],
    properties: { order_id: { type: "string" }, quantity: { type: "integer", minimum: 1 } },
  },
  rate: { requests: 120, windowSeconds: 60 },
  window: { from: "22:00", to: "06:00", timeZone: "Europe/Lisbon" },
  uniqueKey: "order_id",
};
const policyChange = { maxErrors: null, weight: 5, webhook: { url: webhook.url } };

export const operatorCalls = {
  "POST /clients": {
    id: "createClient",
    summary: "Add a client",
    parameters: ["dryRun"],
    body: {
      content: content(newClient.schema, {
        plain: { clientIdentifier: "a-shop", name: "A shop" },
        withPolicy: { clientIdentifier: "b-shop", name: "B shop", policy: { ...ordersPolicy, webhook } },
      }),
    },
    answers: {
      ...answer("With `dryRun=true`: nothing is wrong with it.", newClient.schema, {
        plain: { clientIdentifier: "a-shop", name: "A shop" },
      }),
      201: {
        description: "The client with its secret. No other answer shows the secret.",
        headers: ["Location", "Cache-Control"],
        content: content(schemaRef("NewClient"), {
          plain: { ...client, secret },
          withPolicy: {
            ...client,
            clientIdentifier: "b-shop",
            name: "B shop",
            secret,
            webhook: { ...webhook, secret: webhookSecret },
          },
        }),
      },
    },
    problems: [...bodyProblems, "conflict"],
  },
  "GET /clients": {
    id: "listClients",
    summary: "List the clients, newest first",
    parameters: ["clientText", "clientStatus", "ofDataset", "limit", "cursor"],
    answers: asPage("ListedClient", listedClient),
  },
  "GET /clients/:id": { id: "getClient", summary: "See a client", answers: asClient(client) },
  "PATCH /clients/:id": {
    id: "changeClient",
    summary: "Rename, disable or enable a client, or put it under a legal hold",
    body: {
      content: content(clientChange.schema, {
        rename: { name: "A greater shop" },
        disable: { status: "disabled" },
        hold: { legalHold: true },
      }),
    },
    answers: asClient({ ...client, status: "disabled" }),
    problems: bodyProblems,
  },
  "POST /clients/:id/rotate-secret": {
    id: "rotateSecret",
    summary: "Give a client another secret",
    body: rotationBody,
    answers: rotated(secret),
    problems: bodyProblems,
  },
  "POST /clients/:id/rotate-webhook-secret": {
    id: "rotateWebhookSecret",
    summary: "Sign a client's webhook with another secret",
    description: "404 also if its policy has no webhook.",
    body: rotationBody,
    answers: rotated(webhookSecret),
    problems: bodyProblems,
  },
  "GET /clients/:id/policy": {
    id: "getPolicy",
    summary: "See a client's policy",
    parameters: ["policyVersion"],
    answers: asPolicy,
  },
  "PUT /clients/:id/policy": {
    id: "replacePolicy",
    summary: "Replace a client's policy",
    parameters: ["If-Match", "dryRun"],
    body: { content: content(schemaRef("PolicyInput"), { usual: {}, orders: ordersPolicy }) },
    answers: asPolicy,
    problems: [...bodyProblems, "precondition-failed"],
  },
  "PATCH /clients/:id/policy": {
    id: "changePolicy",
    summary: "Change a client's policy",
    parameters: ["If-Match", "dryRun"],
    body: {
      content: {
        ...content(schemaRef("PolicyPatch"), { change: policyChange }, "application/merge-patch+json"),
        ...content(schemaRef("PolicyPatch"), { change: policyChange }),
      },
    },
    answers: asPolicy,
    problems: [...bodyProblems, "precondition-failed"],
  },
  "GET /batches/:id": {
    id: "getBatch",
    summary: "See any batch, or wait for it",
    parameters: ["Prefer", "If-None-Match"],
    answers: {
      ...asBatch({ ...endedBatch, ...batchDetails }, ["ETag", "Cache-Control", "Retry-After?", "Preference-Applied?"]),
      304: {
        description: "The batch has not changed since the answer with that ETag.",
        headers: ["ETag", "Cache-Control", "Retry-After?", "Preference-Applied?"],
      },
    },
  },
  "GET /batches/:id/errors/summary": {
    id: "summarizeBatchErrors",
    summary: "See the errors of any batch by field and code",
    answers: answer("The groups.", schemaRef("ErrorSummary"), { summary: errorSummary }),
  },
  "GET /batches/:id/rules": {
    id: "compareBatchRules",
    summary: "See whether the rules have changed since any batch was taken",
    answers: answer("The versions, and what differs.", schemaRef("Rules"), { rules: batchRules }),
  },
  "POST /batches/:id/approve": moved("approveBatch", "Let a held batch run", readyBatch),
  "POST /batches/:id/reject": moved("rejectBatch", "Reject a held batch", rejectedBatch),
  "POST /batches/:id/redrive": {
    ...moved("redriveBatch", "Let a failed batch go on", readyBatch),
    problems: [...bodyProblems, "illegal-state", "gone"],
  },
  "POST /batches/:id/retry": {
    id: "retryBatch",
    summary: "Let a failed batch go on, or send the rejected records of any batch again",
    description:
      "As the client's own retry. With `only=rejected` the rejected records become a new batch of the same client, under its policy of today. Asking again answers the same new batch.",
    parameters: ["only"],
    body: reasonBody,
    answers: {
      200: {
        ...(asBatch(retriedBatch, ["Location"])[200] as Answer),
        description: "The batch of the rejected records, made by an earlier call.",
      },
      202: {
        ...(asBatch(retriedBatch, ["Location?", "Retry-After"])[200] as Answer),
        description: "The batch that goes on, or the new one.",
      },
    },
    problems: [...bodyProblems, "wrong-columns", "illegal-state", "gone", "too-many-records", "too-many-uploads"],
  },
  "POST /batches/:id/skip": moved("skipBatch", "Let the batches behind a failed or held one go first", heldBatch),
  "POST /batches/:id/cancel": moved("cancelBatch", "Cancel a batch that has not ended", cancelledBatch),
  "POST /batches/:id/undo": {
    id: "undoBatch",
    summary: "Take back what a batch has delivered",
    description:
      "Of a batch that has ended. Its rows in a table, its records, their unique keys and its content key are deleted in pieces, then it is `undone`. Where it cannot go on, `waits` says why. Asked again: 200 with the batch as it is.",
    parameters: ["dryRun"],
    body: { content: content(undoing.schema, { reason: { reason: "Last year's prices." } }) },
    answers: {
      200: {
        description: "It was taken back before. With `dryRun=true`: what would be deleted.",
        content: content(
          { oneOf: [schemaRef("OperatorBatch"), dryUndoSchema] },
          { dryRun: { id: ids.batch, status: "completed_with_errors", records: 1, duplicatesElsewhere: 0 } },
        ),
      },
      202: { ...(asBatch(undoingBatch)[200] as Answer), description: "The batch, which is `undoing`." },
    },
    problems: [...bodyProblems, "illegal-state", "not-undoable", "legal-hold"],
  },
  "GET /stats": {
    id: "getStats",
    summary: "See the queue and each node, for a dashboard",
    answers: answer("The queue, and each node.", schemaRef("Stats"), { stats }),
  },
} satisfies Record<string, Call>;
