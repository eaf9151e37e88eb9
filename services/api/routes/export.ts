/**
 * The long answers: a batch's errors and records. They are read page by page from the database, never faster than the
 * client reads.
 */

import type { ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { maskedJson } from "../../../formats/check/json-mask.ts";
import { described, type JsonSchema, listOf, orNull, record, schemaRef, text } from "../../../lib/json-schema.ts";
import { actors } from "../../actors.ts";
import type { BatchRow } from "../../batch/batch.domain.ts";
import { pinnedPolicy } from "../../batches.ts";
import { slices } from "../http/csv.ts";
import { callerOf, type Exchange } from "../http/exchange.ts";
import { queryOf, wrongQuery } from "../http/input.ts";
import type { Turns } from "../http/open.ts";
import { limitOf } from "../http/pages.ts";

export const ERRORS_AT_ONCE = 500;
const RECORDS_AT_ONCE = 2_000;
/** The characters that are written at once. A slow reader costs the memory of one such piece and of its page. */
const PIECE = 64 * 1024;

/** The batch that a route's path names. A client can mean only one of its own batches, an operator any. */
export function whichOf(exchange: Exchange): { publicId: string; clientId?: number } {
  const publicId = exchange.path.id ?? "";
  return exchange.req.operator ? { publicId } : { publicId, clientId: callerOf(exchange).client.id };
}

/** Reads the batch that the route's path names. Throws not-found. */
export const batchOf = (exchange: Exchange): Promise<BatchRow> => actors.batch.get(exchange.ctx, whichOf(exchange));

/** The reader of an answer. Open answers are counted by reader. */
export const readerOf = (exchange: Exchange): number | string =>
  exchange.req.operator ? `operator ${exchange.req.operator.name}` : callerOf(exchange).client.id;

/** The number of a record in a query, after which reading begins. Throws validation. */
export function afterOf(text = "0"): number {
  if (!/^\d{1,15}$/.test(text)) throw wrongQuery("after", "expected the number of a record");
  return Number(text);
}

interface Content<Row> {
  /** The text before the first row. */
  head?: string;
  /** The next page of rows after a record's number. The database bounds the number of rows and their bytes. */
  page(after: number): Promise<Row[]>;
  /** A row as text, in parts, so that no part takes the event loop for long. */
  show(row: Row): Iterable<string>;
  /** The text after the last row. */
  tail?(): Promise<string>;
  /** The bytes of a piece of text. If omitted, the text is sent in UTF-8. */
  encode?(piece: string): string | Uint8Array;
  /** Makes the answer from the whole text. If omitted, the text itself is the answer. */
  through?(pieces: AsyncIterable<string>): AsyncIterable<Uint8Array>;
}

export interface Export<Row> extends Content<Row> {
  type: string;
  /** The file name under which a browser saves the answer. */
  file: string;
}

type Numbered = { seq: number };

/** Sends an export for as long as the client reads it. Throws too-many-streams, unavailable. */
export async function send<Row extends Numbered>(exchange: Exchange, what: Export<Row>): Promise<undefined> {
  const { req, res } = exchange;
  const reader = readerOf(exchange);
  const headers = { "Content-Type": what.type, "Content-Disposition": `attachment; filename="${what.file}"` };
  // The answer to HEAD has no body, so no rows are read for it.
  if (req.method === "HEAD") return void res.writeHead(200, headers).end();
  const { exports } = req.$service;
  exports.requirePlace(reader);
  await exports.keep(reader, { closed: sent(res, headers, what, exports.turns, req.revoked) });
}

/**
 * Sends the rows, and resolves when the last piece was read, or the connection is gone. Throws what `page` throws, and
 * the refusal of a client that was disabled before the first piece. After the first piece the answer is cut off
 * instead.
 */
export async function sent<Row extends Numbered>(
  res: ServerResponse,
  headers: Record<string, string>,
  { page, ...content }: Content<Row>,
  turns: Turns,
  revoked?: AbortSignal,
): Promise<void> {
  const inTurn = { ...content, page: (after: number) => turns.read(() => page(after)) };
  // A failure on the first page is answered with a status. After that page only a broken connection can tell the
  // client.
  const first = await inTurn.page(0);
  if (res.destroyed) return;
  revoked?.throwIfAborted();
  res.writeHead(200, headers);
  const all = pieces(inTurn, first, turns);
  // `through` takes text. With `through` there is no `encode`, so the pieces are strings.
  const answer = content.through ? content.through(all as AsyncGenerator<string>) : all;
  await pipeline(answer, res).catch(unlessGone);
}

/** The pieces of an answer. A page is read once the client has read the page before. */
async function* pieces<Row extends Numbered>(
  { head = "", page, show, tail, encode = (text) => text }: Content<Row>,
  first: Row[],
  turns: Turns,
) {
  let piece = head;
  for (let rows = first; ; ) {
    await turns.own();
    for (const row of rows)
      for (const part of show(row)) {
        piece += part;
        if (piece.length < PIECE) continue;
        yield encode(piece);
        piece = "";
        await turns.own();
      }
    if (piece !== "") yield encode(piece);
    piece = "";
    const last = rows.at(-1);
    if (!last) break;
    rows = await page(last.seq);
  }
  const end = await tail?.();
  if (end) yield encode(end);
}

/** Ignores the error of a connection that the reader, or this node, has closed. Throws all other errors. */
export function unlessGone(error: NodeJS.ErrnoException): void {
  if (error.code !== "ERR_STREAM_PREMATURE_CLOSE") throw error;
}

const recordNumber = described("Counts records from 1.", { type: "integer", minimum: 1 });

/** The schema of a line of the records. */
export const storedSchema: JsonSchema = record({
  record: recordNumber,
  data: described("As it was stored.", { type: "object" }),
});

export const NDJSON = "application/x-ndjson";

/** Sends the stored records of a batch. Throws validation, not-found, too-many-streams, unavailable. */
export async function getRecords(exchange: Exchange): Promise<undefined> {
  const { after: asked, limit: most } = queryOf(exchange, "after", "limit");
  const from = afterOf(asked);
  let left = most === undefined ? Number.POSITIVE_INFINITY : limitOf(most);
  const batch = await batchOf(exchange);
  const { id, publicId } = batch;
  const masked = await storedMask(exchange, batch);
  return send(exchange, {
    type: NDJSON,
    file: `${publicId}-records.ndjson`,
    async page(seen) {
      if (left === 0) return [];
      const limit = Math.min(RECORDS_AT_ONCE, left);
      const rows = await actors.batch.records(exchange.ctx, { id, after: Math.max(seen, from), limit });
      left -= rows.length;
      return rows;
    },
    show: ({ seq, data }) => storedLine({ seq, data: masked(data) }),
  });
}

/** Hides the values of sensitive fields from operators. The partner has sent these values, and sees them. */
async function storedMask({ req, ctx }: Exchange, batch: BatchRow): Promise<(data: string) => string> {
  if (!req.operator) return (data) => data;
  const { sensitive } = (await pinnedPolicy(ctx.broker, batch)).policy;
  return sensitive.length === 0 ? (data) => data : (data) => maskedJson(data, sensitive);
}

/** A line of the records. The record is JSON text already; parsing it would cost time and could change it. */
function* storedLine({ seq, data }: { seq: number; data: string }): Generator<string> {
  yield `{"record":${seq},"data":`;
  yield* slices(data);
  yield "}\n";
}

/** The schema of the last line of a report that lists not all records. */
export const truncatedSchema: JsonSchema = record({
  truncated: described("The report ends here.", { type: "boolean", enum: [true] }),
  records: described("So many more records were rejected.", { type: "integer", minimum: 1 }),
});

/** The schema of a line of the errors. */
export const rejectedSchema: JsonSchema = record(
  {
    record: recordNumber,
    line: described(
      "The line of the body where it begins; null in JSON arrays.",
      orNull({ type: "integer", minimum: 1 }),
    ),
    errors: listOf(
      record(
        {
          field: text("Its path, such as `address.zip`; empty: the whole record."),
          code: text(
            "`malformed`, `encoding`, `columns`, `too_large`, a JSON Schema keyword, or the handler's own; of workbooks also `cell-error` and `formula`.",
          ),
          message: text("What is accepted."),
          column: text("The name of the file's column, where it is another one."),
          value: text(
            "The text of the cell, or the JSON text: up to 100 characters, with those that nobody sees as `\\u00a0`.",
          ),
          cell: text("Of a workbook: the cell, such as `C17`."),
        },
        ["column", "value", "cell"],
      ),
    ),
    raw: text(
      "The record as it was sent. `•••` stands for the value of a sensitive field; where the fields have no certain place, for all of it.",
    ),
    corrected: described("A later batch has delivered it: a correction, or a retry of what was rejected.", {
      type: "boolean",
      enum: [true],
    }),
  },
  ["corrected"],
);

/** The schema of a page of the errors. */
export const errorPageSchema: JsonSchema = record(
  {
    items: listOf(schemaRef("RejectedRecord")),
    next: described("The `after` of the next page; null: this is the last.", orNull(recordNumber)),
    layout: described(
      "How `raw` is cut into cells. Only of formats with columns.",
      record({
        columns: described("As the file names them.", listOf(text())),
        delimiter: described("Of CSV: what stands between cells. Null in workbooks.", orNull(text())),
        quote: described("Of CSV: what stands around cells. Null in workbooks.", orNull(text())),
      }),
    ),
    truncated: described("Only on the last page: the report ends here.", { type: "boolean", enum: [true] }),
    records: described("Beside `truncated`: so many more records were rejected.", { type: "integer", minimum: 1 }),
  },
  ["layout", "truncated", "records"],
);
