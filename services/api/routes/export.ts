/** The long answers: a batch's errors and records, page by page from the database, never faster than the client reads. */

import type { ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import Negotiator from "negotiator";
import type { RecordErrors } from "../../../database/store.ts";
import { described, type JsonSchema, listOf, orNull, record, text } from "../../../lib/json-schema.ts";
import { actors } from "../../actors.ts";
import type { BatchRow } from "../../batch/batch.contract.ts";
import { CSV_HEAD, csvEnd, csvRows } from "../http/csv.ts";
import { callerOf, type Exchange } from "../http/exchange.ts";
import { slices } from "../http/slices.ts";
import type { Turns } from "../http/turns.ts";

const ERRORS_AT_ONCE = 500;
const RECORDS_AT_ONCE = 2_000;
/** What is written at once, in characters. A slow reader costs a piece beside its page. */
const PIECE = 64 * 1024;

/** The batch of a client route's path. Throws not-found. */
export function batchOf(exchange: Exchange): Promise<BatchRow> {
  const { client } = callerOf(exchange);
  return actors.batch.get(exchange.ctx, { publicId: exchange.path.id ?? "", clientId: client.id });
}

interface Content<Row> {
  /** What stands before the first row. */
  head?: string;
  /** The rows after a record's number; the database bounds their number and bytes. */
  page(after: number): Promise<Row[]>;
  /** A row in parts, each of which is made quickly. */
  show(row: Row): Iterable<string>;
  /** What stands behind the last row. */
  tail?(): Promise<string>;
}

interface Export<Row> extends Content<Row> {
  type: string;
  /** The name of a file for it. */
  file: string;
}

type Numbered = { seq: number };

/** Sends it as long as somebody reads it. Throws too-many-streams, unavailable. */
async function send<Row extends Numbered>(exchange: Exchange, what: Export<Row>): Promise<undefined> {
  const { req, res } = exchange;
  const { client } = callerOf(exchange);
  const headers = { "Content-Type": what.type, "Content-Disposition": `attachment; filename="${what.file}"` };
  // Nobody sees the body of an answer to HEAD; reading millions of rows for it would be work for nothing.
  if (req.method === "HEAD") return void res.writeHead(200, headers).end();
  const { exports } = req.$service;
  exports.requirePlace(client.id);
  await exports.keep(client.id, { closed: sent(res, headers, what, exports.turns, req.revoked) });
}

/**
 * Until the last piece was taken, or the connection is gone. Throws what `page` throws, and what the client's right ended
 * with before the first piece; what was begun is cut off then.
 */
export async function sent<Row extends Numbered>(
  res: ServerResponse,
  headers: Record<string, string>,
  { page, ...content }: Content<Row>,
  turns: Turns,
  revoked?: AbortSignal,
): Promise<void> {
  const inTurn = { ...content, page: (after: number) => turns.read(() => page(after)) };
  // A first page that cannot be read is refused with a status; after it nothing but the connection can tell.
  const first = await inTurn.page(0);
  if (res.destroyed) return;
  revoked?.throwIfAborted();
  res.writeHead(200, headers);
  await pipeline(pieces(inTurn, first, turns), res).catch(unlessGone);
}

/** A page is read once the one before was taken. */
async function* pieces<Row extends Numbered>(
  { head = "", page, show, tail }: Content<Row>,
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
        yield piece;
        piece = "";
        await turns.own();
      }
    if (piece !== "") yield piece;
    piece = "";
    const last = rows.at(-1);
    if (!last) break;
    rows = await page(last.seq);
  }
  const end = await tail?.();
  if (end) yield end;
}

/** A reader that goes, or that was sent away, is no fault. */
export function unlessGone(error: NodeJS.ErrnoException): void {
  if (error.code !== "ERR_STREAM_PREMATURE_CLOSE") throw error;
}

const recordNumber = described("Counts records from 1.", { type: "integer", minimum: 1 });

/** A line of the records. */
export const storedSchema: JsonSchema = record({
  record: recordNumber,
  data: described("As it was stored.", { type: "object" }),
});

const NDJSON = "application/x-ndjson";
const CSV = "text/csv; charset=utf-8; header=present";

export async function getRecords(exchange: Exchange): Promise<undefined> {
  const { id, publicId } = await batchOf(exchange);
  return send(exchange, {
    type: NDJSON,
    file: `${publicId}-records.ndjson`,
    page: (after) => actors.batch.records(exchange.ctx, { id, after, limit: RECORDS_AT_ONCE }),
    show: storedLine,
  });
}

/** The text is JSON already; parsing it here would cost and could change it. */
function* storedLine({ seq, data }: { seq: number; data: string }): Generator<string> {
  yield `{"record":${seq},"data":`;
  yield* slices(data);
  yield "}\n";
}

export async function getErrors(exchange: Exchange): Promise<undefined> {
  const { id, publicId } = await batchOf(exchange);
  exchange.res.setHeader("Vary", "Accept");
  const page = (after: number) => actors.batch.errors(exchange.ctx, { id, after, limit: ERRORS_AT_ONCE });
  const file = `${publicId}-errors`;
  // Looked at behind the last page: the batch may still run.
  const unlisted = async () => (await batchOf(exchange)).unlisted;
  return send(
    exchange,
    prefersCsv(exchange)
      ? {
          type: CSV,
          file: `${file}.csv`,
          head: CSV_HEAD,
          page,
          show: csvRows,
          tail: async () => csvEnd(await unlisted()),
        }
      : { type: NDJSON, file: `${file}.ndjson`, page, show: jsonLine, tail: async () => jsonEnd(await unlisted()) },
  );
}

function* jsonLine({ seq: record, line, errors, raw }: RecordErrors): Generator<string> {
  yield JSON.stringify({ record, line, errors }).replace(/\}$/, ',"raw":"');
  for (const slice of slices(raw)) yield JSON.stringify(slice).slice(1, -1);
  yield '"}\n';
}

/** The last line of a report that does not list `records`. */
const jsonEnd = (records: number): string => (records === 0 ? "" : `${JSON.stringify({ truncated: true, records })}\n`);

export const truncatedSchema: JsonSchema = record({
  truncated: described("The report ends here.", { type: "boolean", enum: [true] }),
  records: described("So many more records were rejected.", { type: "integer", minimum: 1 }),
});

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

/** Of equal ones the first is chosen. Who asks for other JSON is better served with lines of it than with CSV. */
const REPORT_TYPES = [NDJSON, CSV, "application/jsonl", "application/json"];

/** An `Accept` that takes none of these gets NDJSON: a report in another form is worth more than none. */
const prefersCsv = ({ req }: Exchange) => new Negotiator(req).mediaType(REPORT_TYPES) === CSV;
