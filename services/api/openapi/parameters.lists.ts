/** The parameters that filter lists, and that choose a page of a list. */
import { formats } from "../../../formats/formats.ts";
import { choice, flag, id, instant, text } from "../../../lib/json-schema.ts";
import { auditedActions } from "../../audit/audit.domain.ts";
import { visibleStates } from "../../batch/batch.domain.ts";
import { clientStatuses } from "../../clientCache/clientCache.contract.ts";
import { deliveryStates, webhookEvents } from "../../webhook/webhook.domain.ts";
import { USUAL_ITEMS } from "../http/pages.ts";
import { cursor, ids } from "./examples.ts";
import { limit, type Parameter, query } from "./parameters.kit.ts";

export const listParameters = {
  limit: limit("So many items at most.", USUAL_ITEMS),
  cursor: query("cursor", "The `next` of the previous page, of the same list and client.", text(), cursor),
  status: {
    ...query(
      "status",
      "Only batches in one of these states. Several with commas between, or each by its own `status=`.",
      { type: "array", items: choice(visibleStates), minItems: 1 },
      ["completed", "completed_with_errors"],
    ),
    explode: false,
  },
  q: query(
    "q",
    "Only batches with this id, or with an id that begins so (at least 8 characters); `request:` and their X-Request-Id; `key:` and their Idempotency-Key, while it is kept; `sha-256=:…:` or 64 hexadecimal digits, the checksum of their decoded body; or those of the client with this identifier, else of up to 10 whose identifier begins so.",
    text(),
    `request:${ids.request}`,
  ),
  ownSearch: query(
    "q",
    "Only batches with this id, or with an id that begins so (at least 8 characters); `request:` and their X-Request-Id; `key:` and their Idempotency-Key, while it is kept; or `sha-256=:…:` or 64 hexadecimal digits, the checksum of their decoded body.",
    text(),
    `request:${ids.request}`,
  ),
  client: query("client", "Only batches of the client with this id or identifier.", text(), ids.client),
  batchFormat: query("format", "Only batches in this format.", choice(formats), "ndjson"),
  createdFrom: query("createdFrom", "Only batches made from this time on.", instant, "2026-11-23T00:00:00Z"),
  createdTo: query("createdTo", "Only batches made up to this time.", instant, "2099-12-31T23:59:59Z"),
  finishedFrom: query("finishedFrom", "Only batches that ended from this time on.", instant, "2026-11-23T00:00:00Z"),
  finishedTo: query("finishedTo", "Only batches that ended up to this time.", instant, "2099-12-31T23:59:59Z"),
  hasErrors: query("hasErrors", "Only batches with rejected records, or without.", flag, true),
  batchErrorCode: query(
    "errorCode",
    "Only batches with this code in their own `error`, or in the errors of their records.",
    text(),
    "minimum",
  ),
  retryOf: query("retryOf", "Only batches of the rejected records of the batch with this id.", id, ids.batch),
  order: query("order", "Which come first.", choice(["newest", "oldest"]), "newest"),
  clientText: query("q", "Only clients whose identifier begins with it, or whose name has it.", text(), "shop"),
  clientStatus: query("status", "Only clients of this status.", choice(clientStatuses), "active"),
  ofDataset: query("dataset", "Only clients that have this dataset.", text(), "orders"),
  dataset: query("dataset", "Only batches of this dataset.", text(), "default"),
  batch: query("batch", "Only deliveries about the batch with this id.", id, ids.batch),
  clientOrName: query("client", "Only deliveries of the client with this id or identifier.", text(), ids.client),
  deliveryEvent: query("event", "Only deliveries of this event.", choice(webhookEvents), "batch.completed"),
  deliveryStatus: query("status", "Only deliveries in this state.", choice(deliveryStates), "failed"),
  who: query("who", "Only entries of the operator or client of this name.", text(), "alice"),
  action: query("action", "Only entries of this action.", choice(auditedActions), "batch.reject"),
  subject: query("subject", "Only entries about what has this id or name.", text(), "acme"),
  from: query("from", "Only what was made from this time on.", instant, "2026-11-23T00:00:00Z"),
  to: query("to", "Only what was made up to this time.", instant, "2099-12-31T23:59:59Z"),
} satisfies Record<string, Parameter>;
