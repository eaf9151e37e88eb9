/** The calls of operators about deliveries to webhooks, and the calls of a client about its own deliveries. */
import { schemaRef } from "../../../lib/json-schema.ts";
import { plainHeaders } from "../../webhook/webhook.contract.ts";
import { pageSchema } from "../http/pages.ts";
import { replayedSchema, replaying, webhookTestSchema } from "../routes/admin.deliveries.ts";
import { delivery, eventData } from "./examples.events.ts";
import { client, cursor, ids, webhook } from "./examples.ts";
import { type Answer, bodyProblems, type Call, content, noBody } from "./kit.ts";
import { exampleOf } from "./webhooks.ts";

const { clientId: _, clientIdentifier: __, ...own } = delivery;
const sending = {
  body: JSON.stringify(exampleOf("batch.completed", eventData["batch.completed"])),
  headers: { ...plainHeaders, "webhook-id": ids.event, "webhook-timestamp": null, "webhook-signature": null },
};

const answer = (description: string, schema: string, example: object): Record<number, Answer> => ({
  200: { description, content: content(schemaRef(schema), { delivery: example }) },
});
const page = (schema: string, item: object): Record<number, Answer> => ({
  200: { description: "A page.", content: content(pageSchema(schema), { page: { items: [item], next: cursor } }) },
});

export const deliveryCalls = {
  "GET /deliveries": {
    id: "listDeliveries",
    summary: "List webhook deliveries, newest first",
    parameters: ["batch", "clientOrName", "deliveryStatus", "deliveryEvent", "from", "to", "limit", "cursor"],
    answers: page("Delivery", delivery),
  },
  "GET /deliveries/:id": {
    id: "getDelivery",
    summary: "See a webhook delivery and what it sends",
    answers: answer("The delivery.", "WholeDelivery", { ...delivery, ...sending }),
  },
  "POST /deliveries/:id/replay": {
    id: "replayDelivery",
    summary: "Send a webhook again, now",
    body: noBody,
    answers: answer("The delivery.", "Delivery", delivery),
    problems: bodyProblems,
  },
  "POST /deliveries/replay": {
    id: "replayDeliveries",
    summary: "Send all failed webhooks of a client again that were made since a time",
    description:
      "The oldest first, at most 1,000 in one call: where `isMore` is true, ask again. With `dryRun` the answer tells which, and nothing is sent.",
    body: {
      content: content(replaying.schema, {
        look: { client: ids.client, status: "failed", since: "2026-11-23T00:00:00Z", dryRun: true },
        replay: { client: client.clientIdentifier, status: "failed", since: "2026-11-23T00:00:00Z" },
      }),
    },
    answers: {
      200: {
        description: "What was found, and what is sent again.",
        content: content(replayedSchema, {
          replayed: { matched: 1, isMore: false, examples: [{ ...delivery, status: "failed", nextAt: null }], done: 1 },
        }),
      },
    },
    problems: [...bodyProblems, "no-webhook"],
  },
  "POST /clients/:id/webhook/test": {
    id: "testWebhook",
    summary: "Try a client's webhook with a test event",
    description:
      "Sends an event of the type `webhook.test` once, signed like the others, whatever events the webhook wants. Deliveries are left as they are. Once a second at most.",
    body: noBody,
    answers: {
      200: {
        description: "What the receiver said.",
        content: content(webhookTestSchema, {
          received: {
            eventId: ids.event,
            url: webhook.url,
            at: "2026-11-23T08:00:00.100Z",
            status: 204,
            error: null,
            ms: 31,
          },
          refused: {
            eventId: ids.event,
            url: webhook.url,
            at: "2026-11-23T08:00:00.100Z",
            status: null,
            error: "no answer within 15 s",
            ms: 15_001,
          },
        }),
      },
    },
    problems: [...bodyProblems, "no-webhook", "quota-exceeded"],
  },
} satisfies Record<string, Call>;

export const ownDeliveryCalls = {
  "GET /deliveries": {
    id: "listOwnDeliveries",
    summary: "List your webhook deliveries, newest first",
    parameters: ["batch", "deliveryStatus", "deliveryEvent", "from", "to", "limit", "cursor"],
    answers: page("OwnDelivery", own),
  },
  "GET /deliveries/:id": {
    id: "getOwnDelivery",
    summary: "See one of your webhook deliveries and what it sends",
    answers: answer("The delivery.", "OwnWholeDelivery", { ...own, ...sending }),
  },
  "POST /deliveries/:id/replay": {
    id: "replayOwnDelivery",
    summary: "Have one of your webhooks sent again, now",
    body: noBody,
    answers: answer("The delivery.", "OwnDelivery", own),
    problems: bodyProblems,
  },
} satisfies Record<string, Call>;
