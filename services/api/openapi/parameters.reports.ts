/** The parameters that choose which records a report of a batch has, and its form. */
import { choice, text } from "../../../lib/json-schema.ts";
import { USUAL_ITEMS } from "../http/pages.ts";
import { USUAL_PREVIEW } from "../routes/checks.ts";
import { limit, type Parameter, query } from "./parameters.kit.ts";

export const reportParameters = {
  previewLimit: limit("So many records at most.", Number(USUAL_PREVIEW)),
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
  errorLimit: limit(`So many records at most. Where it is omitted: ${USUAL_ITEMS} in a page of JSON, else all.`),
  afterStored: query("after", "Only records after the one of this number.", { type: "integer", minimum: 0 }, 0),
  recordLimit: limit("So many records at most. Where it is omitted: all."),
  bom: query(
    "bom",
    "`true`: CSV begins with a byte order mark, for Excel.",
    { type: "string", enum: ["true", "false"] },
    "true",
  ),
} satisfies Record<string, Parameter>;
