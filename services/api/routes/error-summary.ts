/** The faults of a batch, counted by field and code. */
import { described, type JsonSchema, listOf, orNull, record, text } from "../../../lib/json-schema.ts";
import { actors } from "../../actors.ts";
import { type Exchange, json, type Reply } from "../http/exchange.ts";
import { batchOf } from "./export.ts";

export async function getErrorSummary(exchange: Exchange): Promise<Reply> {
  const { id } = await batchOf(exchange);
  return json(200, await actors.batch.errorSummary(exchange.ctx, { id }));
}

const count = { type: "integer", minimum: 0 };

export const errorSummarySchema: JsonSchema = record({
  total: described("Faults. A record may have several.", count),
  records: described("Rejected records.", count),
  groups: described(
    "The largest first, at most 200.",
    listOf(
      record({
        field: text("Its path, with each index of an array as `[]`, such as `tags[]`; empty: the whole record."),
        code: text("As in the error report."),
        count: described("Faults of this field with this code.", { type: "integer", minimum: 1 }),
        firstRecord: described("The number of the first record that has it.", { type: "integer", minimum: 1 }),
        firstLine: described(
          "The line of the body where that record begins; null in JSON arrays.",
          orNull({ type: "integer", minimum: 1 }),
        ),
        message: text("What is accepted, as that record was told."),
        values: described("Up to 5 different examples of what was found.", listOf(text())),
      }),
    ),
  ),
  other: described("Faults of all other groups.", record({ count })),
});
