/** `GET /imports/{id}/errors`: the rejected records, as lines of JSON, as CSV, or a page of them. */
import Negotiator from "negotiator";
import { shownText } from "../../../formats/check/error-report.ts";
import { NO_FAULT, withoutIndexes } from "../../../formats/check/fault-groups.ts";
import type { Envelope } from "../../../formats/formats.ts";
import { rawMask } from "../../../formats/read/masked.ts";
import { cellOf } from "../../../formats/xlsx/stored.ts";
import { actors } from "../../actors.ts";
import type { BatchRow } from "../../batch/batch.domain.ts";
import type { RecordErrors } from "../../batch/batch.reads.domain.ts";
import { pinnedPolicy } from "../../batches.ts";
import { BOM, CSV_HEAD, csvEnd, csvRows, slices } from "../http/csv.ts";
import { type Exchange, json, type Reply } from "../http/exchange.ts";
import { queryOf, wrongQuery } from "../http/input.ts";
import { MOST_ITEMS, USUAL_ITEMS } from "../http/pages.ts";
import { afterOf, batchOf, ERRORS_AT_ONCE, NDJSON, send } from "./export.ts";

const CSV = "text/csv; charset=utf-8; header=present";
const PAGE = "application/json";
/** The characters of a page after which no further record is added to the page. */
const ENOUGH = 1024 * 1024;

interface Wanted {
  hasBom: boolean;
  /**
   * Only records with an error of this field, and of this code, are wanted. If both are given, one error must match
   * both.
   */
  field: string | undefined;
  code: string | undefined;
  /** Only records with a greater number than this are wanted. */
  after: number;
  limit: number | null;
}

/** Reads which errors the query asks for. Throws validation. */
function wantedOf(exchange: Exchange): Wanted {
  const { bom = "false", field, code, after, limit } = queryOf(exchange, "bom", "field", "code", "after", "limit");
  if (bom !== "true" && bom !== "false") throw wrongQuery("bom", 'expected "true" or "false"');
  const most = limit === undefined ? null : /^\d{1,3}$/.test(limit) ? Number(limit) : 0;
  if (most !== null && (most < 1 || most > MOST_ITEMS))
    throw wrongQuery("limit", `expected a whole number from 1 to ${MOST_ITEMS}`);
  return { hasBom: bom === "true", field, code, after: afterOf(after), limit: most };
}

export async function getErrors(exchange: Exchange): Promise<Reply | undefined> {
  const wanted = wantedOf(exchange);
  const batch = await batchOf(exchange);
  exchange.res.setHeader("Vary", "Accept");
  const type = typeOf(exchange);
  if (type === PAGE) return errorPage(exchange, batch, wanted);
  const { publicId, format, envelope } = batch;
  const reading = new Reading(exchange, batch, wanted);
  const page = (after: number) => reading.next(after);
  const file = `${publicId}-errors`;
  // The batch is read again after the last page, because the batch may still run.
  const unlisted = async () => (reading.hasEnded ? (await batchOf(exchange)).unlisted : 0);
  return send(
    exchange,
    type === CSV
      ? {
          type: CSV,
          file: `${file}.csv`,
          head: wanted.hasBom ? BOM + CSV_HEAD : CSV_HEAD,
          page,
          show: csvRows,
          tail: async () => csvEnd(await unlisted()),
        }
      : {
          type: NDJSON,
          file: `${file}.ndjson`,
          page,
          show: format === "xlsx" ? (rejected) => jsonLine(withCells(rejected, envelope)) : jsonLine,
          tail: async () => jsonEnd(await unlisted()),
        },
  );
}

/** A page as one JSON document. `next` is the `after` of the page that follows. */
async function errorPage(exchange: Exchange, batch: BatchRow, wanted: Wanted): Promise<Reply> {
  const { limit: asked } = wanted;
  const limit = asked ?? USUAL_ITEMS;
  // One record more than asked for tells whether another page follows.
  const reading = new Reading(exchange, batch, { ...wanted, limit: limit + 1 });
  const { turns } = exchange.req.$service.exports;
  const found: ShownErrors[] = [];
  for (let characters = 0; found.length <= limit && characters < ENOUGH && !reading.hasEnded; ) {
    const rows = await turns.read(() => reading.next(found.at(-1)?.seq ?? 0));
    found.push(...rows);
    characters += rows.reduce((sum, { raw }) => sum + raw.length, 0);
  }
  const items = found.slice(0, limit);
  const next = reading.hasEnded && items.length === found.length ? null : (items.at(-1)?.seq ?? null);
  const unlisted = next === null ? (await batchOf(exchange)).unlisted : 0;
  const shown = batch.format === "xlsx" ? items.map((one) => withCells(one, batch.envelope)) : items;
  return json(200, {
    items: shown.map(({ seq: record, line, errors, raw, corrected }) => ({ record, line, errors, raw, corrected })),
    next,
    ...layoutOf(batch),
    ...(unlisted > 0 && { truncated: true, records: unlisted }),
  });
}

/** How `raw` is cut into cells, so that a page can show the wrong cell. Empty for formats without columns. */
function layoutOf({ format, envelope }: BatchRow) {
  const { header: columns, delimiter = ",", quoteChar: quote = '"' } = envelope;
  if (!columns) return {};
  return { layout: { columns, ...(format === "csv" ? { delimiter, quote } : { delimiter: null, quote: null }) } };
}

/** A rejected record as the report shows it. `corrected` is true if a later batch has delivered the record. */
type ShownErrors = RecordErrors & { corrected?: true };

/**
 * Reads the wanted records. Records are filtered by field and code here, because the database has no index of fields
 * and codes.
 */
class Reading {
  /** True once a read has found no further records. */
  hasEnded = false;
  private readonly exchange: Exchange;
  private readonly batch: BatchRow;
  /** Hides the values of sensitive fields in the text of a record. */
  private shown: ReturnType<typeof rawMask> | undefined;
  private readonly wanted: Wanted;
  private left: number;

  constructor(exchange: Exchange, batch: BatchRow, wanted: Wanted) {
    this.exchange = exchange;
    this.batch = batch;
    this.wanted = wanted;
    this.left = wanted.limit ?? Number.POSITIVE_INFINITY;
  }

  /** The next records after the number `seen`. The list is empty once the limit or the end is reached. */
  async next(seen: number): Promise<ShownErrors[]> {
    this.shown ??= await this.maskOf();
    const { shown } = this;
    let after = Math.max(seen, this.wanted.after);
    while (this.left > 0) {
      const rows = await actors.batch.errors(this.exchange.ctx, { id: this.batch.id, after, limit: ERRORS_AT_ONCE });
      const last = rows.at(-1);
      this.hasEnded = last === undefined;
      if (!last) return [];
      const found = rows.filter((row) => isWanted(row, this.wanted)).slice(0, this.left);
      this.left -= found.length;
      if (found.length > 0) {
        const corrected = await this.correctedAmong(found);
        return found.map((row) => ({
          ...row,
          raw: shown(shownText(row.raw)),
          ...(corrected.has(row.seq) && { corrected: true as const }),
        }));
      }
      after = last.seq;
    }
    return [];
  }

  private async correctedAmong(rows: RecordErrors[]): Promise<Set<number>> {
    const params = { batch: this.batch, records: rows.map(({ seq }) => seq) };
    return new Set(await actors.batch.corrected(this.exchange.ctx, params));
  }

  /** Makes the mask of sensitive fields. The policy that the batch ran under says which fields are sensitive. */
  private async maskOf() {
    const { policy } = await pinnedPolicy(this.exchange.ctx.broker, this.batch);
    return rawMask(this.batch, policy);
  }
}

/**
 * Whether a record has an error of the wanted field and code. A wanted field without indexes matches the field with any
 * index, because the summary counts fields without indexes. A record without any error counts as one with an empty
 * error.
 */
function isWanted({ errors }: RecordErrors, { field, code }: Wanted): boolean {
  const isOfField = (of: string) => field === undefined || of === field || withoutIndexes(of) === field;
  const faults = errors.length > 0 ? errors : [NO_FAULT];
  return faults.some((fault) => isOfField(fault.field) && (code === undefined || fault.code === code));
}

function* jsonLine({ seq: record, line, errors, raw, corrected }: ShownErrors): Generator<string> {
  yield JSON.stringify({ record, line, errors, corrected }).replace(/\}$/, ',"raw":"');
  for (const slice of slices(raw)) yield JSON.stringify(slice).slice(1, -1);
  yield '"}\n';
}

/** A record with the spreadsheet cell of each error, such as `C17`. */
const withCells = ({ errors, ...rejected }: ShownErrors, { header }: Envelope): ShownErrors => ({
  ...rejected,
  errors: errors.map((fault) => ({ ...fault, ...cellOf(fault, rejected.line, header) })),
});

const jsonEnd = (records: number): string => (records === 0 ? "" : `${JSON.stringify({ truncated: true, records })}\n`);

/** The types of a report. Of equally preferred types the first one is chosen, so lines of JSON come before CSV. */
const REPORT_TYPES = [NDJSON, CSV, "application/jsonl", PAGE];

/**
 * The media type of a report. An `Accept` that names no type of a report gets NDJSON, because a report in another form
 * is better than none. An `Accept` that takes anything as well as JSON also gets NDJSON: HTTP libraries send such a
 * header by themselves.
 */
function typeOf({ req }: Exchange): string {
  const type = new Negotiator(req).mediaType(REPORT_TYPES) ?? NDJSON;
  return type === PAGE && req.headers.accept?.includes("*/*") ? NDJSON : type;
}
