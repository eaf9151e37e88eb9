/** `GET /imports/{id}/rejected`: the rejected records as a file that the client corrects and sends again. */
import { canWrite, type TextWriter, utf8Writer, writerOf } from "../../../formats/encoding/writer.ts";
import { textsOfRows } from "../../../formats/xlsx/as-text.ts";
import { actors } from "../../actors.ts";
import { type BatchRow, isFinal } from "../../batch/batch.domain.ts";
import type { RecordErrors } from "../../batch/batch.reads.domain.ts";
import { callerOf, type Exchange } from "../http/exchange.ts";
import { errorsText, type RejectedForm, rejectedForm } from "../http/rejected.ts";
import { batchOf, ERRORS_AT_ONCE, send } from "./export.ts";

type Page = (after: number) => Promise<RecordErrors[]>;

export async function getRejected(exchange: Exchange): Promise<undefined> {
  const batch = await batchOf(exchange);
  const { id, publicId } = batch;
  const page: Page = (after) => actors.batch.errors(exchange.ctx, { id, after, limit: ERRORS_AT_ONCE });
  const form = await formOf(exchange, batch);
  const writer = await writerFor(exchange, batch, page);
  const isUtf8 = writer === utf8Writer;
  return send(exchange, {
    type: form.type.startsWith("application/json") && isUtf8 ? form.type : withCharset(form.type, writer.encoding),
    file: `${publicId}-rejected.${form.ending}`,
    // Without a byte order mark Excel takes UTF-8 for windows-1252.
    head: (form.hasCells || !isUtf8 ? writer.bom : "") + form.head,
    page,
    show: (record) => [form.row(record)],
    // Asked after the last page, because the batch may still run.
    tail: async () => form.tail((await batchOf(exchange)).unlisted),
    ...(!isUtf8 && { encode: writer.bytes }),
  });
}

/** The charset goes first, as in every other answer. */
const withCharset = (type: string, charset: string): string => {
  const [name, ...parameters] = type.split("; ");
  return [name, `charset=${charset}`, ...parameters].join("; ");
};

/** The cells of a workbook are written as today's dataset reads them from CSV. */
async function formOf(exchange: Exchange, { format, envelope, dataset: name }: BatchRow): Promise<RejectedForm> {
  if (format !== "xlsx") return rejectedForm(format, envelope);
  const { client } = callerOf(exchange);
  const { policy } = await actors.policy.ofDataset(exchange.ctx, { clientId: client.id, name });
  return rejectedForm(format, envelope, textsOfRows(envelope.header ?? [], policy.schema, policy.read));
}

/** The encoding that the batch came in, if all that is wrong can be said in it. A batch that still runs may yet meet what it cannot say. */
async function writerFor(exchange: Exchange, { state, envelope }: BatchRow, page: Page): Promise<TextWriter> {
  const writer = envelope.encoding === undefined ? null : writerOf(envelope.encoding);
  if (writer === null || !isFinal(state)) return utf8Writer;
  if (writer.bom !== "") return writer;
  const { exports } = exchange.req.$service;
  exports.requirePlace(callerOf(exchange).client.id);
  for (let after = 0; ; ) {
    const records = await exports.turns.read(() => page(after));
    const last = records.at(-1);
    if (!last) return writer;
    if (!records.every((record) => canWrite(writer, errorsText(record)))) return utf8Writer;
    after = last.seq;
  }
}
