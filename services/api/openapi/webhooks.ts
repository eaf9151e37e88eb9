/**
 * The webhooks in the OpenAPI document: the event as Standard Webhooks sends it, and what the receiver's answer causes.
 */

import { id as idSchema, type JsonSchema, record, schemaRef, text } from "../../../lib/json-schema.ts";
import { batchEventSchemas } from "../../batch/batch.schema.ts";
import { eventSchema } from "../../outbox/outbox.contract.ts";
import {
  TEST_EVENT,
  TEST_MESSAGE,
  WEBHOOK_TYPE,
  type WebhookEvent,
  webhookEvents,
  webhookHeaders,
} from "../../webhook/webhook.contract.ts";
import { endedBatch } from "./examples.batches.ts";
import { eventData, signature } from "./examples.events.ts";
import { ids } from "./examples.ts";

export const webhookGroup = {
  name: "webhooks",
  description:
    "Events that are sent to the URL of a policy's `webhook`, at least once each, signed as [Standard Webhooks](https://www.standardwebhooks.com) says.",
};

type Sendable = WebhookEvent | typeof TEST_EVENT;

const told: Record<WebhookEvent, { schema: string; id: string; summary: string }> = {
  "batch.created": { schema: "BatchCreated", id: "onBatchCreated", summary: "A batch was stored" },
  "batch.ready": { schema: "BatchReady", id: "onBatchReady", summary: "A batch may be processed now" },
  "batch.completed": { schema: "BatchCompleted", id: "onBatchCompleted", summary: "A batch has ended" },
  "batch.validated": { schema: "BatchValidated", id: "onBatchValidated", summary: "A batch was checked" },
  "batch.undone": { schema: "BatchUndone", id: "onBatchUndone", summary: "A batch was taken back" },
  "batch.held": { schema: "BatchHeld", id: "onBatchHeld", summary: "A checked batch waits for an operator" },
};

/** The event that only `POST /admin/clients/{id}/webhook/test` sends. */
const trial = { schema: "WebhookTest", id: "onWebhookTest", summary: "An operator tries the webhook" };

export const eventSchemas: Record<string, JsonSchema> = {
  ...Object.fromEntries(
    webhookEvents.map((event) => [told[event].schema, eventSchema(event, batchEventSchemas[event])]),
  ),
  [trial.schema]: eventSchema(TEST_EVENT, record({ clientId: idSchema, message: text("In words.") })),
};

const parameters = Object.entries(webhookHeaders).map(([name, { description, ...schema }]) => ({
  in: "header",
  name,
  required: true,
  description,
  schema,
  example: signature[name as keyof typeof signature],
}));

const responses = {
  "2XX": { description: "Received." },
  410: { description: "No more events, please: the webhook is turned off." },
  default: {
    description:
      "It is sent again, up to ten times within three days. `Retry-After` lengthens a wait. Redirects are not followed.",
  },
};

export const exampleOf = (event: Sendable, data: object) => ({
  specversion: "1.0",
  id: ids.event,
  source: "/dataflow",
  type: event,
  subject: ids.batch,
  time: endedBatch.finishedAt,
  datacontenttype: "application/json",
  data,
});

const sendingOf = (event: Sendable, { schema, id, summary }: typeof trial, data: object) => ({
  operationId: id,
  tags: [webhookGroup.name],
  summary,
  security: [],
  parameters,
  requestBody: {
    required: true,
    content: {
      [WEBHOOK_TYPE]: { schema: schemaRef(schema), examples: { event: { value: exampleOf(event, data) } } },
    },
  },
  responses,
});

const sendings: Record<Sendable, ReturnType<typeof sendingOf>> = {
  ...(Object.fromEntries(
    webhookEvents.map((event) => [event, sendingOf(event, told[event], eventData[event])]),
  ) as Record<WebhookEvent, ReturnType<typeof sendingOf>>),
  [TEST_EVENT]: sendingOf(TEST_EVENT, trial, { clientId: ids.client, message: TEST_MESSAGE }),
};

export const webhooks: Record<string, { post: ReturnType<typeof sendingOf> }> = Object.fromEntries(
  Object.entries(sendings).map(([event, post]) => [event, { post }]),
);
