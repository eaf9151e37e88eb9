/** The calls about the rejected records of a batch, which get the records as a file and correct them. */

import { knownFormats } from "../../../formats/formats.ts";
import { described, record } from "../../../lib/json-schema.ts";
import { answersBatch, clientCalls } from "./clients.ts";
import { endedBatch, readyBatch } from "./examples.batches.ts";
import { patches, rejectedLine, rejectedRow } from "./examples.records.ts";
import { type Call, content, textOf } from "./kit.ts";

const { problems: uploadProblems } = clientCalls["POST /imports"];
const ofAnUpload = ["Location", "Retry-After?", "Preference-Applied?", "Idempotent-Replayed?"] as const;
const correcting = { ...readyBatch, format: "ndjson", corrects: endedBatch.id };

const patchLine = record({
  record: described("The number of a rejected record.", { type: "integer", minimum: 1 }),
  patch: described("What becomes of its members; null takes one off.", { type: "object" }),
});

export const correctionCalls = {
  "GET /imports/:id/rejected": {
    id: "getRejectedFile",
    summary: "Get the rejected records to correct them",
    description:
      "The rejected records in the batch's own format, each behind `_record` (its number) and `_errors` (what is wrong). CSV has the header and the cells as they came; a workbook becomes CSV. The file has the encoding that the batch came in, where that can hold it, else UTF-8. A record that was too long or no text has `_errors` alone. Records that the error report does not list are read from the body, which a batch that has such keeps for `validatedHours`. A client that reads nothing for 60 s is cut off.",
    parameters: ["rejectedRows", "rejectedFormat"],
    answers: {
      200: {
        description: "The records, in order.",
        headers: ["Content-Disposition"],
        content: {
          ...content(
            textOf("application/x-ndjson", "A rejected record a line."),
            { rejected: rejectedLine },
            "application/x-ndjson",
          ),
          ...content(textOf("text/csv", "A rejected record a row."), { rejected: rejectedRow }, "text/csv"),
          ...content(
            textOf("text/tab-separated-values", "As CSV, with a tab as the delimiter."),
            { rejected: rejectedRow.replaceAll(",", "\t") },
            "text/tab-separated-values",
          ),
          ...content(knownFormats.xlsx.schema, {}, ...knownFormats.xlsx.mediaTypes),
          ...content(
            { type: "array", items: { type: "object" } },
            { rejected: [JSON.parse(rejectedLine)] },
            "application/json",
          ),
        },
      },
    },
    problems: ["too-many-streams", "illegal-state", "gone"],
  },
  "POST /imports/:id/corrections": {
    id: "correctImport",
    summary: "Correct a few rejected records",
    description:
      "A JSON merge patch (RFC 7396) for each record, over the record as it was read. They become one new batch, a correction (`corrects`) under today's policy of the dataset. A record that was not rejected, could not be read, or is corrected already is rejected in it as `not-rejected`. Up to 10,000 lines.",
    parameters: ["Idempotency-Key", "patchesDigest", "Content-Encoding", "Prefer"],
    body: {
      content: content(
        textOf("application/x-ndjson", "A patch a line.", patchLine),
        { patches },
        "application/x-ndjson",
      ),
    },
    answers: {
      200: answersBatch(
        "The batch has ended, or the same content came before.",
        { ...endedBatch, corrects: endedBatch.id },
        [...ofAnUpload],
      ),
      202: answersBatch("The batch is stored.", correcting, [...ofAnUpload]),
    },
    problems: [...uploadProblems],
  },
} satisfies Record<string, Call>;
