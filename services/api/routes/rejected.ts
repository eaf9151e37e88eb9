/**
 * `GET /imports/{id}/rejected`, and the same call of operators. Answers the rejected records, or all records, as a file
 * that the client corrects and sends again.
 */
import { MASK } from "../../../formats/check/sensitive.ts";
import { canWrite, type TextWriter, utf8Writer, writerOf } from "../../../formats/encoding/writer.ts";
import { knownFormats } from "../../../formats/formats.ts";
import { rawMask } from "../../../formats/read/masked.ts";
import { textsOfRows } from "../../../formats/xlsx/as-text.ts";
import { workbookOf } from "../../../formats/xlsx/writer.ts";
import { Problem } from "../../../lib/errors.ts";
import { actors } from "../../actors.ts";
import { type BatchRow, isFinal } from "../../batch/batch.domain.ts";
import type { RecordErrors } from "../../batch/batch.reads.domain.ts";
import { pinnedPolicy } from "../../batches.ts";
import type { Exchange } from "../http/exchange.ts";
import { queryOf, wrongQuery } from "../http/input.ts";
import { errorsText, type RejectedForm, rejectedForm } from "../http/rejected.ts";
import { workbookForm } from "../http/rejected.xlsx.ts";
import { batchOf, ERRORS_AT_ONCE, readerOf, send, whichOf } from "./export.ts";

type Page = (after: number) => Promise<RecordErrors[]>;

/** Sends the file of rejected records. Throws validation, not-found, illegal-state, gone, too-many-streams. */
export async function getRejected(exchange: Exchange): Promise<undefined> {
  const { rows: asked, format } = queryOf(exchange, "rows", "format");
  if (asked !== undefined && asked !== "all") throw wrongQuery("rows", 'expected "all"');
  if (format !== undefined && format !== "xlsx") throw wrongQuery("format", 'expected "xlsx"');
  const isAll = asked === "all";
  const batch = await batchOf(exchange);
  if (isAll) requireWhole(batch);
  if (format && !knownFormats[batch.format].hasCells)
    throw wrongQuery("format", `no workbook is made of ${batch.format}, whose records have no cells`);
  const rows = new Rows(exchange, batch, isAll);
  const form = format ? workbookForm(batch.format, batch.envelope) : await formOf(exchange, batch);
  const writer = format ? utf8Writer : await writerFor(exchange, batch);
  const isUtf8 = writer === utf8Writer;
  return send(exchange, {
    ...(format && { through: workbookOf }),
    type:
      format || (form.type.startsWith("application/json") && isUtf8)
        ? form.type
        : withCharset(form.type, writer.encoding),
    file: `${batch.publicId}-${isAll ? "rows" : "rejected"}.${form.ending}`,
    // Without a byte order mark Excel takes UTF-8 for windows-1252.
    head: (form.hasCells || !isUtf8 ? writer.bom : "") + form.head,
    page: (after) => rows.page(after),
    show: (record) => [form.row(record)],
    // The batch is read again after the last page, because the batch may still run.
    tail: async () => form.tail(isAll ? 0 : Math.max(0, (await batchOf(exchange)).unlisted - rows.fromBody)),
    ...(!isUtf8 && { encode: writer.bytes }),
  });
}

const bodyGone = () => new Problem("gone", "The body of the batch is not kept, or not any longer.");

function requireWhole({ state: current, chunks }: BatchRow): void {
  if (!isFinal(current)) throw new Problem("illegal-state", `The batch is ${current}: it has not ended.`, { current });
  if (chunks === 0) throw bodyGone();
}

/**
 * The rows of the file, page by page. Rejected records come first from the error report, and then, if the batch has
 * ended, from its body. All records come from the body alone.
 */
class Rows {
  /** How many records came from the body, because the error report does not list them. */
  fromBody = 0;
  /** The chunk that is read next. Undefined if no chunk was read yet, null if there are no more. */
  private chunk: number | null | undefined = undefined;
  private shown: ((raw: string) => string) | undefined;
  private readonly exchange: Exchange;
  private readonly batch: BatchRow;
  private readonly isAll: boolean;

  constructor(exchange: Exchange, batch: BatchRow, isAll: boolean) {
    this.exchange = exchange;
    this.batch = batch;
    this.isAll = isAll;
  }

  async page(after: number): Promise<RecordErrors[]> {
    this.shown ??= await this.maskOf();
    const { shown } = this;
    return (await this.found(after)).map((row) => ({ ...row, raw: shown(row.raw) }));
  }

  /**
   * Makes the mask of sensitive fields. A partner corrects its own rows and sees all values. An operator does not see
   * the values of sensitive fields.
   */
  private async maskOf(): Promise<(raw: string) => string> {
    const { req, ctx } = this.exchange;
    if (!req.operator) return (raw) => raw;
    const { policy } = await pinnedPolicy(ctx.broker, this.batch);
    const masked = rawMask(this.batch, policy);
    if (this.batch.format !== "xlsx") return masked;
    // A row of a workbook is JSON, even if none of its values is shown.
    return (raw) => {
      const shown = masked(raw);
      return shown === MASK ? JSON.stringify({ cells: [MASK] }) : shown;
    };
  }

  private async found(after: number): Promise<RecordErrors[]> {
    if (!this.isAll && this.chunk === undefined) {
      const { id, state, unlisted, chunks } = this.batch;
      const listed = await actors.batch.errors(this.exchange.ctx, { id, after, limit: ERRORS_AT_ONCE });
      if (listed.length > 0 || unlisted === 0 || chunks === 0 || !isFinal(state)) return listed;
    }
    while (this.chunk !== null) {
      const records = await this.ofBody(after);
      if (records.length > 0) return records;
    }
    return [];
  }

  private async ofBody(after: number): Promise<RecordErrors[]> {
    const { exchange, isAll, chunk } = this;
    const found = await actors.imports.rows(exchange.ctx, {
      ...whichOf(exchange),
      after,
      isAll,
      ...(typeof chunk === "number" && { chunk }),
    });
    if (!found && isAll) throw bodyGone();
    this.chunk = found?.next ?? null;
    const records = found?.records ?? [];
    this.fromBody += records.length;
    return records;
  }
}

/** The media type with its charset. The charset is the first parameter, as in every other answer. */
const withCharset = (type: string, charset: string): string => {
  const [name, ...parameters] = type.split("; ");
  return [name, `charset=${charset}`, ...parameters].join("; ");
};

/** The form of the file. The cells of a workbook are written as today's dataset reads them from CSV. */
async function formOf(
  { ctx }: Exchange,
  { clientId, format, envelope, dataset: name }: BatchRow,
): Promise<RejectedForm> {
  if (format !== "xlsx") return rejectedForm(format, envelope);
  const { policy } = await actors.policy.ofDataset(ctx, { clientId, name });
  return rejectedForm(format, envelope, textsOfRows(envelope.header ?? [], policy.schema, policy.read));
}

/**
 * The encoding of the file: the encoding of the batch if it can express all errors, else UTF-8. A batch that still runs
 * may yet meet errors that its encoding cannot express.
 */
async function writerFor(exchange: Exchange, batch: BatchRow): Promise<TextWriter> {
  const { state, envelope } = batch;
  // Operators see masked values, and not every encoding has the characters of the mask.
  if (exchange.req.operator) return utf8Writer;
  const writer = envelope.encoding === undefined ? null : writerOf(envelope.encoding);
  if (writer === null || !isFinal(state)) return utf8Writer;
  if (writer.bom !== "") return writer;
  const { exports } = exchange.req.$service;
  exports.requirePlace(readerOf(exchange));
  const rows = new Rows(exchange, batch, false);
  const page: Page = (after) => exports.turns.read(() => rows.page(after));
  for (let after = 0; ; ) {
    const records = await page(after);
    const last = records.at(-1);
    if (!last) return writer;
    if (!records.every((record) => canWrite(writer, errorsText(record)))) return utf8Writer;
    after = last.seq;
  }
}
