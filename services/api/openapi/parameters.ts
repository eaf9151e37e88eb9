/** The parameters of requests. Each has an example, which a test sends. */
import { createHash } from "node:crypto";
import { readableKinds } from "../../../formats/content.ts";
import { formats, knownFormats } from "../../../formats/formats.ts";
import { choice, flag, id, instant, type JsonSchema, text } from "../../../lib/json-schema.ts";
import { auditedActions } from "../../audit/audit.domain.ts";
import { visibleStates } from "../../batch/batch.domain.ts";
import { clientStatuses } from "../../clientCache/clientCache.contract.ts";
import { deliveryStates, webhookEvents } from "../../webhook/webhook.domain.ts";
import { codingNames } from "../http/codings.ts";
import { MOST_ITEMS, USUAL_ITEMS } from "../http/pages.ts";
import { MOST_WAIT_SECONDS } from "../http/prefer.ts";
import { historySeries, historySteps } from "../routes/admin.history.ts";
import { USUAL_PREVIEW } from "../routes/checks.ts";
import { docsFiles } from "../routes/open.ts";
import { templateFormats } from "../routes/template.ts";

import { cursor, ids, patches } from "./examples.ts";

interface Parameter {
  in: "path" | "query" | "header";
  name: string;
  description: string;
  schema: JsonSchema;
  example: unknown;
  /** False: the values of an array stand in one parameter, with commas between. */
  explode?: boolean;
}

const sha256 = (content: string) => createHash("sha256").update(content).digest("base64");

const digest = (of: string): Parameter =>
  header(
    "Content-Digest",
    "RFC 9530, over the bytes as sent: `sha-256`, `sha-512` or both.",
    text(),
    `sha-256=:${sha256(of)}:`,
  );
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
  cursor: query("cursor", "The `next` of the previous page, of the same list and client.", text(), cursor),
  status: {
    ...query(
      "status",
      "Only batches in one of these states. Several with commas between.",
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
  topics: query(
    "topics",
    "What to tell of, by commas: `stats`, `batches`, `deliveries`, and `batch:ID` at most 20 times. Omitted: `stats`.",
    text(),
    "stats,batches,deliveries",
  ),
  ownTopics: query(
    "topics",
    "What to tell of, by commas: `batches`, `deliveries`, and `batch:ID` at most 20 times. Omitted: `batches`.",
    text(),
    "batches,deliveries",
  ),
  lastEvent: header("Last-Event-ID", "Browsers send it. The stream begins with how things are now.", text(), "7"),
  historyFrom: query(
    "from",
    "The first step has this time. Omitted: 5 minutes, an hour, a day or 30 days before `to`, by the step.",
    instant,
    "2026-11-23T00:00:00Z",
  ),
  historyTo: query("to", "The last step ends here at the earliest. Omitted: now.", instant, "2026-11-23T12:00:00Z"),
  step: query(
    "step",
    "The length of a step. Omitted: the shortest one that has the whole range, or `1m`.",
    choice(historySteps),
    "1d",
  ),
  series: query("series", `Which figures, by commas: ${historySeries.join(", ")}. Omitted: all.`, text(), "records"),
  historyClient: query("client", "Only what the client with this id or identifier did.", text(), ids.client),
  format: query(
    "format",
    "What the body is, where the `Content-Type` cannot be set; it goes first. Of a form, what its file is.",
    choice(readableKinds.map(({ name }) => name)),
    "ndjson",
  ),
  corrects: query(
    "corrects",
    "The id of an ended batch of the same dataset: the body is its file of rejected records, corrected. `_record` and `_errors` are taken off.",
    id,
    ids.batch,
  ),
  validateOnly: query(
    "validateOnly",
    "The batch is read and checked, and ends `validated`. Nothing is delivered until it is committed.",
    flag,
    false,
  ),
  previewLimit: query(
    "limit",
    "So many records at most.",
    { type: "integer", minimum: 1, maximum: MOST_ITEMS, default: Number(USUAL_PREVIEW) },
    10,
  ),
  only: query(
    "only",
    "`rejected`: a new batch of the rejected records of one that has ended.",
    choice(["rejected"]),
    "rejected",
  ),
  tryClient: query(
    "client",
    "The id of a client: its override of the dataset, its own fields and its unique keys count. Omitted: those of the batch's client.",
    id,
    ids.client,
  ),
  tryBatch: query("batch", "The id of a batch whose kept body is checked.", id, ids.batch),
  tryOnly: query("only", "`rejected`: only the rejected records of the batch.", choice(["rejected"]), "rejected"),
  rejectedRows: query(
    "rows",
    "`all`: the whole file, where the accepted records have nothing in `_errors`. It needs the body of a batch that has ended: else 410.",
    choice(["all"]),
    "all",
  ),
  rejectedFormat: query(
    "format",
    "`xlsx`: a workbook in which the wrong cells are marked, of a batch in CSV or of a workbook.",
    choice(["xlsx"]),
    "xlsx",
  ),
  errorField: query(
    "field",
    "Only records with an error of this field, as the summary names it; with `code`, of both.",
    text(),
    "quantity",
  ),
  errorCode: query("code", "Only records with an error of this code.", text(), "minimum"),
  afterRecord: query("after", "Only records after the one of this number.", { type: "integer", minimum: 0 }, 1),
  errorLimit: query(
    "limit",
    `So many records at most. Where it is omitted: ${USUAL_ITEMS} in a page of JSON, else all.`,
    { type: "integer", minimum: 1, maximum: MOST_ITEMS },
    10,
  ),
  afterStored: query("after", "Only records after the one of this number.", { type: "integer", minimum: 0 }, 0),
  recordLimit: query(
    "limit",
    "So many records at most. Where it is omitted: all.",
    { type: "integer", minimum: 1, maximum: MOST_ITEMS },
    10,
  ),
  bom: query(
    "bom",
    "`true`: CSV begins with a byte order mark, for Excel.",
    { type: "string", enum: ["true", "false"] },
    "true",
  ),
  dryRun: query("dryRun", "`true`: the answer is what the change would come to, and nothing changes.", flag, true),
  policyVersion: query(
    "version",
    "This version instead of the one in force; 0: the defaults. 404 with the versions that are `kept`, where it is none of them.",
    { type: "integer", minimum: 0 },
    0,
  ),
  datasetVersion: query(
    "version",
    "This version instead of the one in force, also of a dataset that was deleted. 404 with the versions that are `kept`, where it is none of them.",
    { type: "integer", minimum: 1 },
    1,
  ),
  tableDatabase: query(
    "database",
    "A name of TABLE_DATABASES. Omitted: the database of DATABASE_URL.",
    text(),
    "warehouse",
  ),
  templateFormat: query("format", "The format of the file.", choice(templateFormats), "ndjson"),
  "Idempotency-Key": header(
    "Idempotency-Key",
    "A name for this upload, kept for 24 hours. Sending the same again answers as the first time.",
    { type: "string", pattern: '^(?:[!#-~][!-~]{0,254}|"(?:[!#-\\[\\]-~]|\\\\["\\\\]){1,255}")$' },
    "orders-2026-11-23",
  ),
  "Content-Digest": digest(knownFormats.csv.examples.orders),
  patchesDigest: digest(patches),
  "Content-Encoding": header("Content-Encoding", "How the body is compressed.", choice(codingNames), "gzip"),
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
  Origin: header(
    "Origin",
    "The host of the page that asks. Browsers send it, and newer ones `Sec-Fetch-Site`, which goes first.",
    text(),
    "http://127.0.0.1:3000",
  ),
  "If-Match": header("If-Match", "412 where it is no longer as in the answer with this ETag.", text(), "*"),
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

/** Path parameters. */
const ofPath: Record<string, Pick<Parameter, "description" | "schema" | "example">> = {
  id: { description: "Its id.", schema: id, example: ids.batch },
  keyId: { description: "The id of a key, or `default`.", schema: text(), example: ids.key },
  name: { description: "The name of the dataset or the operator.", schema: text(), example: "orders" },
  hash: {
    description: "Of all files of the console, as its page names it.",
    schema: text(),
    example: "2xVn0bQzJt4kZ1aA",
  },
  folder: { description: "A folder of the console.", schema: text(), example: "ui" },
  asset: { description: "A file of the console.", schema: text(), example: "main.js" },
  node: { description: "The name of a node.", schema: text(), example: "worker-1" },
  file: { description: "A file of the page.", schema: choice(docsFiles), example: docsFiles[0] },
};

/** The parameters in a path such as `/imports/{id}`. */
export const pathParameters = (path: string): unknown[] =>
  [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => ({ in: "path", name, required: true, ...ofPath[name] }));
