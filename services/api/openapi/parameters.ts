/** The parameters of requests, with an example each that a test sends. */
import { createHash } from "node:crypto";
import { choice, id, type JsonSchema, text } from "../../../lib/json-schema.ts";
import { deliveryStates } from "../../webhook/webhook.contract.ts";
import { MOST_ITEMS, USUAL_ITEMS } from "../http/pages.ts";
import { MOST_WAIT_SECONDS } from "../http/prefer.ts";
import { docsFiles } from "../routes/docs.ts";
import { visibleStates } from "../routes/views.ts";
import { cursor, ids, ordersNdjson } from "./examples.ts";

interface Parameter {
  in: "path" | "query" | "header";
  name: string;
  description: string;
  schema: JsonSchema;
  example: unknown;
}

const sha256 = (content: string) => createHash("sha256").update(content).digest("base64");

const header = (name: string, description: string, schema: JsonSchema, example: unknown): Parameter => ({
  in: "header",
  name,
  description,
  schema,
  example,
});
const query = (name: string, description: string, schema: JsonSchema, example: unknown): Parameter => ({
  ...header(name, description, schema, example),
  in: "query",
});

const all = {
  limit: query(
    "limit",
    "So many items at most.",
    { type: "integer", minimum: 1, maximum: MOST_ITEMS, default: USUAL_ITEMS },
    10,
  ),
  cursor: query("cursor", "The `next` of the page before, of the same list and client.", text(), cursor),
  status: query("status", "Only batches in this state.", choice(visibleStates), "completed"),
  client: query("client", "Only batches of the client with this id.", id, ids.client),
  batch: query("batch", "Only deliveries about the batch with this id.", id, ids.batch),
  deliveryStatus: query("status", "Only deliveries in this state.", choice(deliveryStates), "failed"),
  only: query(
    "only",
    "`rejected`: a new batch of the rejected records of one that has ended.",
    choice(["rejected"]),
    "rejected",
  ),
  "Idempotency-Key": header(
    "Idempotency-Key",
    "A name for this upload, kept for 24 hours: the same again gets the first answer.",
    { type: "string", pattern: '^(?:[!#-~][!-~]{0,254}|"(?:[!#-\\[\\]-~]|\\\\["\\\\]){1,255}")$' },
    "orders-2026-11-23",
  ),
  "Content-Digest": header(
    "Content-Digest",
    "RFC 9530, of the bytes as sent: `sha-256`, `sha-512` or both.",
    text(),
    `sha-256=:${sha256(ordersNdjson)}:`,
  ),
  "Content-Encoding": header("Content-Encoding", "How the body is packed.", choice(["gzip", "identity"]), "gzip"),
  Prefer: header(
    "Prefer",
    `\`wait=N\`: the answer waits so many seconds at most (${MOST_WAIT_SECONDS}) for the end of the batch.`,
    text(),
    "wait=30",
  ),
  "If-None-Match": header(
    "If-None-Match",
    "304 where the batch is still as in the answer with this ETag.",
    text(),
    '"v1"',
  ),
  "If-Match": header("If-Match", "412 where the policy is no longer as in the answer with this ETag.", text(), "*"),
  "Last-Event-ID": header("Last-Event-ID", "204 where this event was the last one.", text(), "7"),
  "X-Request-Id": header(
    "X-Request-Id",
    "A name for this request in the logs.",
    { type: "string", minLength: 1, maxLength: 128 },
    "nightly-4711",
  ),
} satisfies Record<string, Parameter>;

export type ParameterName = keyof typeof all;
export const parameters: Record<ParameterName, Parameter> = all;

/** The parameters of paths. */
const ofPath: Record<string, Pick<Parameter, "description" | "schema" | "example">> = {
  id: { description: "Its id.", schema: id, example: ids.batch },
  file: { description: "A file of the page.", schema: choice(docsFiles), example: docsFiles[0] },
};

/** What stands in a path like `/imports/{id}`. */
export const pathParameters = (path: string): unknown[] =>
  [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => ({ in: "path", name, required: true, ...ofPath[name] }));
