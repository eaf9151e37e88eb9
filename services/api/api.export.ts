/** The long answers: a batch's errors and records, page by page from the database, never faster than the client reads. */
import type { ServerResponse } from "node:http";
import type { RecordErrors } from "../../database/store.ts";
import type { BatchRow } from "../batch/batch.contract.ts";
import { call } from "../messages.ts";
import { described, type JsonSchema, listOf, orNull, record, text } from "../schema.ts";
import { callerOf, type Exchange } from "./api.exchange.ts";

const ROWS_AT_ONCE = 500;

const recordNumber = described("Counts records from 1.", { type: "integer", minimum: 1 });

type Page = { text: string; last: number } | null;

/** The batch of a client route's path. Throws not-found. */
export function batchOf(exchange: Exchange): Promise<BatchRow> {
  const { client } = callerOf(exchange);
  return call(exchange.ctx, "batch.get", { publicId: exchange.path.id ?? "", clientId: client.id });
}

async function sendPages(res: ServerResponse, type: string, head: string, page: (after: number) => Promise<Page>) {
  // Nobody sees the body of an answer to HEAD; reading millions of rows for it would be work for nothing.
  if (res.req.method === "HEAD") return void res.writeHead(200, { "content-type": type }).end();
  let next = await page(0);
  res.writeHead(200, { "content-type": type });
  if (head) res.write(head);
  while (next && !res.destroyed) {
    if (!res.write(next.text)) await drained(res);
    next = await page(next.last);
  }
  res.end();
}

/** Until the client has read what was written, or has gone. */
function drained(res: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      res.off("drain", done).off("close", done);
      resolve();
    };
    res.on("drain", done).on("close", done);
  });
}

/** A line of the records. */
export const storedSchema: JsonSchema = record({
  record: recordNumber,
  data: described("As it was stored.", { type: "object" }),
});

export async function getRecords(exchange: Exchange): Promise<undefined> {
  const { id } = await batchOf(exchange);
  await sendPages(exchange.res, "application/x-ndjson", "", async (after) => {
    const rows = await call(exchange.ctx, "batch.records", { id, after, limit: ROWS_AT_ONCE * 4 });
    const last = rows.at(-1);
    // The text is JSON already; parsing it here would cost and could change it.
    return last
      ? { text: rows.map(({ seq, data }) => `{"record":${seq},"data":${data}}\n`).join(""), last: last.seq }
      : null;
  });
}

export async function getErrors(exchange: Exchange): Promise<undefined> {
  const { id } = await batchOf(exchange);
  const isCsv = prefersCsv(exchange.req.headers.accept);
  exchange.res.setHeader("Vary", "Accept");
  const [type, head, show] = isCsv
    ? (["text/csv; charset=utf-8; header=present", CSV_HEAD, csvRows] as const)
    : (["application/x-ndjson", "", jsonLine] as const);
  await sendPages(exchange.res, type, head, async (after) => {
    const rows = await call(exchange.ctx, "batch.errors", { id, after, limit: ROWS_AT_ONCE });
    const last = rows.at(-1);
    return last ? { text: rows.map(show).join(""), last: last.seq } : null;
  });
}

function jsonLine({ seq: record, line, errors, raw }: RecordErrors): string {
  return `${JSON.stringify({ record, line, errors, raw })}\n`;
}

/** A line of the errors. */
export const rejectedSchema: JsonSchema = record({
  record: recordNumber,
  line: described(
    "The line of the body where it begins; null in JSON arrays.",
    orNull({ type: "integer", minimum: 1 }),
  ),
  errors: listOf(
    record({
      field: text("Its path, such as `address.zip`; empty: the whole record."),
      code: text("`malformed`, `encoding`, `columns`, `too_large`, a JSON Schema keyword, or the handler's own."),
      message: text(),
    }),
  ),
  raw: text("The record as it was sent."),
});

const CSV_HEAD = "record,line,field,code,message,raw\r\n";

function csvRows({ seq, line, errors, raw }: RecordErrors): string {
  return errors
    .map(({ field, code, message }) => `${[seq, line ?? "", field, code, message, raw].map(cell).join(",")}\r\n`)
    .join("");
}

/** A cell that no spreadsheet takes for a formula (OWASP, CSV injection). */
function cell(value: string | number): string {
  if (typeof value === "number") return String(value);
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** Whether `text/csv` is named with a higher weight than the NDJSON that is sent otherwise. */
function prefersCsv(accept = ""): boolean {
  const weights = new Map(
    accept.split(",").map((part) => {
      const [type = "", ...parameters] = part.split(";").map((text) => text.trim().toLowerCase());
      const q = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
      return [type, q === undefined ? 1 : Number(q) || 0];
    }),
  );
  const csv = weights.get("text/csv") ?? weights.get("text/*") ?? 0;
  const ndjson = weights.get("application/x-ndjson") ?? weights.get("application/jsonl") ?? 0;
  return csv > 0 && csv >= ndjson && csv >= (weights.get("application/json") ?? 0);
}
