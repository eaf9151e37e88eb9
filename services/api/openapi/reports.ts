/** The calls by which clients read the result of a batch: its rejected and stored records, and its body. */

import { knownFormats } from "../../../formats/formats.ts";
import { schemaRef } from "../../../lib/json-schema.ts";
import { errorPageSchema } from "../routes/export.ts";
import { batchRules, errorSummary, rejectedCsv, rejectedRecord, storedRecord } from "./examples.records.ts";
import { type Call, content, textOf } from "./kit.ts";

const line = (value: unknown) => `${JSON.stringify(value)}\n`;

export const reportCalls = {
  "GET /imports/:id/errors": {
    id: "listRejectedRecords",
    summary: "Read the rejected records",
    description:
      "NDJSON. With `Accept: text/csv` a row for each error, safe to open in a spreadsheet: only the first row of a record has `raw`, and a `'` stands before text that could begin a formula. A client that reads nothing for 60 s is cut off. " +
      "Rejected records beyond the policy's `maxStoredErrors` are not listed. The last line (in CSV a row with the code `truncated`) then says how many. " +
      "With `Accept: application/json` the answer is one page, whose `next` is the `after` of the next one. An `Accept` that also takes `*/*` gets NDJSON.",
    parameters: ["errorField", "errorCode", "afterRecord", "errorLimit", "bom"],
    answers: {
      200: {
        description: "The listed records, in order.",
        headers: ["Vary", "Content-Disposition?"],
        content: {
          ...content(
            textOf("application/x-ndjson", "A rejected record a line.", {
              anyOf: [schemaRef("RejectedRecord"), schemaRef("TruncatedReport")],
            }),
            { errors: line(rejectedRecord) },
            "application/x-ndjson",
          ),
          ...content(textOf("text/csv", "An error a row."), { errors: rejectedCsv }, "text/csv"),
          ...content(errorPageSchema, {
            page: {
              items: [rejectedRecord],
              next: null,
              layout: { columns: ["id", "email", "amount"], delimiter: ",", quote: '"' },
            },
          }),
        },
      },
    },
    problems: ["too-many-streams"],
  },
  "GET /imports/:id/errors/summary": {
    id: "summarizeErrors",
    summary: "See the errors by field and code",
    description:
      "Exact, also while the batch runs, and beyond `maxStoredErrors`. It counts the errors of the current try: those of an earlier one are gone after a retry that starts over. Up to 500 groups of a batch are counted each for itself; what comes later is in `other`.",
    answers: {
      200: { description: "The groups.", content: content(schemaRef("ErrorSummary"), { summary: errorSummary }) },
    },
  },
  "GET /imports/:id/rules": {
    id: "compareRules",
    summary: "See whether the rules have changed since",
    description:
      "What differs in the dataset between the time when the batch was taken and now. `POST /imports/{id}/retry?only=rejected` is checked by the rules of now.",
    answers: {
      200: {
        description: "The versions, and what differs.",
        content: content(schemaRef("Rules"), { rules: batchRules }),
      },
    },
  },
  "GET /imports/:id/records": {
    id: "listStoredRecords",
    summary: "Read the stored records",
    description: "A client that reads nothing for 60 s is cut off.",
    parameters: ["afterStored", "recordLimit"],
    answers: {
      200: {
        description: "All of them, or those that are asked for, in order.",
        headers: ["Content-Disposition"],
        content: content(
          textOf("application/x-ndjson", "A stored record a line.", schemaRef("StoredRecord")),
          { records: line(storedRecord) },
          "application/x-ndjson",
        ),
      },
    },
    problems: ["too-many-streams"],
  },
  "GET /imports/:id/body": {
    id: "getImportBody",
    summary: "Get the body as it came",
    description:
      "Byte for byte, without its `Content-Encoding`. It is kept where the dataset's `keepBodyDays` is not 0, from the upload until so many days after the end of the batch.",
    answers: {
      200: {
        description: "The body, with the media type of its format.",
        headers: ["Content-Disposition", "Repr-Digest"],
        content: Object.assign(
          {},
          ...Object.values(knownFormats).map(({ mediaTypes: [type] }) => content({ type: "string" }, {}, type)),
        ),
      },
    },
    problems: ["gone", "too-many-streams"],
  },
} satisfies Record<string, Call>;
