/** What webhooks receive: the event in the frame of Standard Webhooks, and what their answers come to. */

import { type JsonSchema, schemaRef } from "../../../lib/json-schema.ts";
import { batchEventSchemas } from "../../batch/batch.contract.ts";
import { eventSchema } from "../../outbox/outbox.contract.ts";
import { WEBHOOK_TYPE, type WebhookEvent, webhookEvents, webhookHeaders } from "../../webhook/webhook.contract.ts";
import { endedBatch, eventData, ids, signature } from "./examples.ts";

export const webhookGroup = {
  name: "webhooks",
  description:
    "What the URL of a policy's `webhook` is told, at least once each, signed by [Standard Webhooks](https://www.standardwebhooks.com).",
};

const told: Record<WebhookEvent, { schema: string; id: string; summary: string }> = {
  "batch.created": { schema: "BatchCreated", id: "onBatchCreated", summary: "A batch was stored" },
  "batch.ready": { schema: "BatchReady", id: "onBatchReady", summary: "A batch may be processed now" },
  "batch.completed": { schema: "BatchCompleted", id: "onBatchCompleted", summary: "A batch has ended" },
};

export const eventSchemas: Record<string, JsonSchema> = Object.fromEntries(
  webhookEvents.map((event) => [told[event].schema, eventSchema(event, batchEventSchemas[event])]),
);

const parameters = Object.entries(webhookHeaders).map(([name, { description, ...schema }]) => ({
  in: "header",
  name,
  required: true,
  description,
  schema,
  example: signature[name as keyof typeof signature],
}));

const responses = {
  "2XX": { description: "Taken." },
  410: { description: "Nothing more is wanted: the webhook is turned off." },
  default: {
    description:
      "Sent again, ten times within three days; `Retry-After` makes a wait longer. Redirects are not followed.",
  },
};

const exampleOf = (event: WebhookEvent) => ({
  specversion: "1.0",
  id: ids.event,
  source: "/dataflow",
  type: event,
  subject: ids.batch,
  time: endedBatch.finishedAt,
  datacontenttype: "application/json",
  data: eventData[event],
});

const sendingOf = (event: WebhookEvent) => ({
  operationId: told[event].id,
  tags: [webhookGroup.name],
  summary: told[event].summary,
  security: [],
  parameters,
  requestBody: {
    required: true,
    content: {
      [WEBHOOK_TYPE]: { schema: schemaRef(told[event].schema), examples: { event: { value: exampleOf(event) } } },
    },
  },
  responses,
});

export const webhooks: Record<string, { post: ReturnType<typeof sendingOf> }> = Object.fromEntries(
  webhookEvents.map((event) => [event, { post: sendingOf(event) }]),
);
