/** The calls that show what a body would become before it is delivered. */

import { knownFormats } from "../../../formats/formats.ts";
import { shownBys } from "../../../formats/read/columns.ts";
import {
  choice,
  count,
  described,
  flag,
  type JsonSchema,
  listOf,
  orNull,
  record,
  schemaRef,
  text,
} from "../../../lib/json-schema.ts";
import { rejectedSchema } from "../routes/export.ts";
import { clientCalls } from "./clients.ts";
import { rejectedRecord } from "./examples.records.ts";
import { bodyProblems, type Call, content } from "./kit.ts";

const { errors, corrected, ...rejected } = rejectedSchema.properties as Record<
  "record" | "line" | "errors" | "raw" | "corrected",
  JsonSchema
>;

const readAs = {
  columns: listOf(
    record({
      column: text("Its name in the file."),
      field: orNull(text("The path of the field that it fills.")),
      by: described(
        "By what the field was found. `path`: its name is that of a field inside another one.",
        choice(shownBys),
      ),
    }),
  ),
  delimiter: orNull(text("Of CSV; null: the file has one column, or another format.")),
  encoding: text("Of the body."),
  records: listOf(
    record({
      ...rejected,
      data: described("What would be delivered; null: it is rejected.", orNull({ type: "object" })),
      errors: errors as JsonSchema,
    }),
  ),
};
const positive: JsonSchema = { type: "integer", minimum: 1 };

export const previewSchema: JsonSchema = record(readAs);
const checked = {
  counts: record({ received: count, accepted: count, rejected: count, duplicate: count }),
  ...readAs,
  errors: described(
    "The faults in groups, the largest first.",
    record({
      total: described("All faults.", count),
      records: described("The records that have them.", count),
      groups: listOf(
        record({
          field: text("The path of the field, each index of a list as `[]`."),
          code: text(),
          count: positive,
          firstRecord: positive,
          firstLine: orNull(positive),
          message: text("That of the first one."),
          values: described("Up to five examples of what was found.", listOf(text())),
        }),
      ),
      other: described("Faults without a group of their own.", record({ count })),
    }),
  ),
  partial: described("Whether the body has more than was looked at.", flag),
};
export const checkSchema: JsonSchema = record(checked);
export const trySchema: JsonSchema = record({
  tried: described("The records that were looked at.", count),
  passed: described("Those of them that nothing is wrong with.", count),
  ...checked,
});

const preview = {
  columns: [],
  delimiter: null,
  encoding: "utf-8",
  records: [
    { record: 1, line: 1, raw: '{"quantity":1}', data: { quantity: 1 }, errors: [] },
    { ...rejectedRecord, data: null },
  ],
};
const [fault] = rejectedRecord.errors;
const group = {
  field: "quantity",
  code: "minimum",
  count: 1,
  firstRecord: 2,
  firstLine: 2,
  message: fault?.message ?? "",
  values: ["0"],
};
const checkExample = {
  counts: { received: 2, accepted: 1, rejected: 1, duplicate: 0 },
  ...preview,
  errors: { total: 1, records: 1, groups: [group], other: { count: 0 } },
  partial: false,
};

const check: Call = {
  id: "checkImport",
  summary: "Check the beginning of a body at once",
  description:
    "The first 1 MiB or 5,000 records are read and checked as those of an import, and the answer says what would become of them. Nothing is stored, so an `Idempotency-Key` is ignored. What only a handler or a table would refuse is not known.",
  parameters: ["format", "Content-Encoding"],
  body: clientCalls["POST /imports"].body,
  answers: { 200: { description: "What was found.", content: content(schemaRef("Check"), { check: checkExample }) } },
  problems: [...bodyProblems, "wrong-columns", "empty-body", "too-many-records", "too-many-uploads"],
};

export const checkCalls = {
  "GET /imports/:id/preview": {
    id: "previewImport",
    summary: "See how the first records are read",
    description: "As long as the body of the batch is kept: until its end, or for `validatedHours` after a check.",
    parameters: ["previewLimit"],
    answers: { 200: { description: "The records.", content: content(schemaRef("Preview"), { preview }) } },
    problems: ["gone"],
  },
  "POST /imports/check": check,
  "POST /datasets/:name/imports/check": {
    ...check,
    id: "checkDatasetImport",
    summary: "Check the beginning of a body for a dataset",
  },
} satisfies Record<string, Call>;

const csv = knownFormats.csv.examples.orders;
const draft = JSON.stringify({ schema: { properties: { quantity: { type: "integer", minimum: 1 } } } });

export const checkOperatorCalls = {
  "POST /datasets/:name/try": {
    id: "tryDataset",
    summary: "Check records against a draft of a dataset",
    description:
      'A form. Its part `dataset` is the draft, which is checked as `PUT` checks it: the dataset, or `{"dataset": {…}}`, or `{"patch": {…}}` over the dataset that there is. After it comes a file, of which the first 1 MiB or 5,000 records are checked; with `batch` there is no file. Nothing is stored. Values of fields that are sensitive in the draft, or in the policy of the batch, are `•••`.',
    parameters: ["tryClient", "tryBatch", "tryOnly", "format"],
    body: {
      content: content(
        {
          type: "object",
          required: ["dataset"],
          properties: { dataset: text("JSON.") },
          additionalProperties: { type: "string", contentMediaType: "application/octet-stream" },
          maxProperties: 2,
        },
        { sample: { dataset: draft, file: csv }, patch: { dataset: '{"patch":{"maxErrors":10}}', file: csv } },
        "multipart/form-data",
      ),
    },
    answers: {
      200: {
        description: "What was found.",
        content: content(schemaRef("Try"), { try: { tried: 2, passed: 1, ...checkExample } }),
      },
    },
    problems: [
      ...bodyProblems,
      "wrong-columns",
      "empty-body",
      "too-many-records",
      "too-many-uploads",
      "conflict",
      "gone",
      "illegal-state",
    ],
  },
} satisfies Record<string, Call>;
