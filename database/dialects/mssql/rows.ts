/** Between rows and the types of the seam, and the parts of batches that several units share. */
import { rowColumns } from "../../batch.ts";
import { batchList, LIVE, liveColumn, type RawBatch as Parsed, batchRow as parsed } from "../../rows.ts";
import { batchChunk } from "../../schema/tables.ts";
import type { BatchRow, Due, NewBatch, OutboxDraft, StoredChunk, Written } from "../../store.ts";
import { listOf } from "../../units/steps.ts";
import { typeOf } from "./ddl.ts";
import { big, bytes, int, NOW, name, text, uuid, type Value, type Values } from "./sql.ts";

export { hasEnded, jsonOrNull } from "../../rows.ts";

/** A batch as SELECT list, of the table or alias `of`. */
export const batchColumns = (of = "batch") => batchList((column) => `${of}.${column}`);

const list = (read: (column: string) => string) => rowColumns.map(({ column }) => read(column)).join(", ");

/** Table variable `@made`: the batch as this unit left it, to be selected once nothing is locked any more. */
export const MADE = `@made TABLE (${rowColumns.map(({ column, kind }) => `${column} ${typeOf(kind)}`).join(", ")})`;
export const INTO_MADE = `OUTPUT ${list((column) => `inserted.${column}`)} INTO @made`;

/** Into `@made` a batch that its worker goes on with. */
export const madeOf = (id: string) =>
  `INSERT INTO @made SELECT ${list(liveColumn)} FROM ${LIVE} WHERE batch.id = ${id}`;

/** A batch as it comes from the driver. */
export type RawBatch = Omit<Parsed, "contentHash"> & { contentHash: Buffer | null };

/** Also from a row with other columns beside the batch's. */
export function batchRow(row: RawBatch): BatchRow {
  const raw = Object.fromEntries(
    rowColumns.map(({ name }) => [name, row[name as keyof RawBatch]]),
  ) as unknown as RawBatch;
  return parsed({ ...raw, contentHash: raw.contentHash?.toString("hex") ?? null });
}

/** The parameters of a batch, numbered where they have no name. Two of one name have to be one value. */
export class Params {
  readonly all: Values = {};
  #count = 0;
  add(value: Value, named?: string): string {
    const key = named ?? `p${++this.#count}`;
    const known = this.all[key];
    if (known && String(known.value) !== String(value.value)) throw new Error(`@${key} has two values.`);
    this.all[key] = value;
    return `@${key}`;
  }
}

/** Every batch that asks for the time has one time. */
export const AT_NOW = `DECLARE @now BIGINT = ${NOW};`;

/** A step after one that may have waited for a lock: a lease that begins is to last from here on. */
export const LATER = `SET @now = ${NOW}`;

/** A statement on whose one row a unit depends. */
export interface Deciding {
  decides: string;
}

/** Where `statement` changes no row, nothing of its unit is written. */
export const deciding = (statement: string): Deciding => ({ decides: `${statement};\nSET @held = @@ROWCOUNT;` });

export interface Unit {
  /** Variables and table variables, without DECLARE. */
  declared?: string[];
  /** Statements without their last semicolon, in the order of locks: batch, client_queue, keys, the rest. */
  steps: (string | Deciding)[];
  /** A SELECT of what was put by. Where something is decided it has to ask for `@held = 1`: a ROLLBACK leaves variables as they are. */
  answer: string;
}

/** One transaction in one batch: no row is locked while the client thinks, not even while it reads the answer. */
export function unit({ declared = [], steps, answer }: Unit): string {
  const isDecided = steps.some((step) => typeof step !== "string");
  const text = [
    ...(isDecided ? ["@held INT", ...declared] : declared).map((variable) => `DECLARE ${variable};`),
    "BEGIN TRAN;",
    ...depending(steps),
    isDecided ? "IF @held = 1\n  COMMIT;\nELSE\n  ROLLBACK;" : "COMMIT;",
    `${answer};`,
  ].join("\n");
  return text.includes("@now") ? `${AT_NOW}\n${text}` : text;
}

/** The statements of `steps`: those that follow one that decides are carried out where that changed its row. */
function depending(steps: Unit["steps"]): string[] {
  const at = steps.findIndex((step) => typeof step !== "string");
  const [first, rest] = [steps.slice(0, at + 1 || undefined), at === -1 ? [] : steps.slice(at + 1)];
  const statements = first.map((step) => (typeof step === "string" ? `${step};` : step.decides));
  return rest.length === 0 ? statements : [...statements, "IF @held = 1\nBEGIN", ...depending(rest), "END;"];
}

/** A parameter that holds a list of ids, and those ids as a subquery: as many as there are, in one text. */
export const idList = (ids: number[]): Value => text(JSON.stringify(ids));
export const idsIn = (list: string) => `(SELECT CAST(listed.value AS BIGINT) FROM OPENJSON(${list}) AS listed)`;

/** A batch with the ids of the outbox rows that its unit wrote. */
export type RawWritten = RawBatch & { [event: `event${number}`]: number };

export function written(raw: RawWritten | undefined, events: OutboxDraft[]): Written | null {
  if (!raw) return null;
  return {
    batch: batchRow(raw),
    outbox: events.map((event, i) => ({ ...event, id: raw[`event${i + 1}`] as number, attempts: 0 })),
  };
}

/** What every unit that ends with a changed batch declares and answers. */
export const writtenUnit = (events: OutboxDraft[], { declared = [], steps }: Omit<Unit, "answer">): string =>
  unit({
    declared: [MADE, ...declared, ...events.map((_event, i) => `@event${i + 1} BIGINT`)],
    steps,
    answer: `SELECT ${[batchColumns("made"), ...events.map((_event, i) => `@event${i + 1} AS event${i + 1}`)].join(", ")}
FROM @made AS made WHERE @held = 1`,
  });

/** Batch and client of `@made`, by name. */
export const IDS = ["@id BIGINT", "@client BIGINT"];
export const IDS_OF_MADE = "SELECT @id = id, @client = client_id FROM @made";

/** `due` as an expression: so long from now, at a time, or NULL. */
export function dueAt(due: Due, params: Params): string {
  if (due === null) return "NULL";
  return "at" in due ? params.add(big(due.at), "due") : `@now + ${params.add(big(due.inMs), "wait")}`;
}

/** The events of the batch `@id` of `@client`, in their order, each with its delivery, where it is for a webhook. */
export function outboxSteps(events: OutboxDraft[], params: Params): string[] {
  return events.flatMap((event, i) => {
    const [topic, body] = [
      params.add(name(event.topic), `topic${i + 1}`),
      params.add(text(event.body), `body${i + 1}`),
    ];
    return [
      ...deliverySteps(event, { topic, body }, params),
      `INSERT INTO outbox (topic, body, due_at, attempts) VALUES (${topic}, ${body}, @now, 0)`,
      `SET @event${i + 1} = SCOPE_IDENTITY()`,
    ];
  });
}

/**
 * A batch has one delivery an event. The first word that it is created or ready is enough; of its end a later one counts
 * (it was driven again), and takes the place of the former. Its row is locked, so nobody else writes one of it meanwhile.
 */
function deliverySteps(event: OutboxDraft, of: { topic: string; body: string }, params: Params): string[] {
  if (!event.delivery) return [];
  const isIt = `batch_id = @id AND event = ${of.topic}`;
  const again = `UPDATE delivery SET body = ${of.body}, state = 'pending', due_at = @now, tries = 0, claim = NULL WHERE ${isIt}`;
  return [
    ...(event.topic === "batch.completed" ? [again] : []),
    `INSERT INTO delivery (public_id, batch_id, client_id, event, body, state, due_at, attempts, created_at)
SELECT ${params.add(uuid(event.delivery.publicId))}, @id, @client, ${of.topic}, ${of.body}, 'pending', @now, 0, @now
WHERE NOT EXISTS (SELECT 1 FROM delivery WHERE ${isIt})`,
  ];
}

/** The chunks of the batch `id`. */
export function chunkSteps(chunks: StoredChunk[], id: string, params: Params): string[] {
  return chunks.map(({ no, firstRecord, firstLine, records, codec, oversized, body }) => {
    const values = [
      int(no),
      big(firstRecord),
      big(firstLine),
      int(records),
      name(codec),
      text(oversized.length === 0 ? null : JSON.stringify(oversized)),
      bytes(Buffer.from(body.buffer, body.byteOffset, body.byteLength)),
    ];
    return `INSERT INTO batch_chunk (batch_id, no, first_record, first_line, records, codec, oversized, body)
VALUES (${[id, ...values.map((value) => params.add(value))].join(", ")})`;
  });
}

/** A chunk as SELECT list of the alias `c`, with no name that a batch has too. */
export const chunkColumns = `${listOf(batchChunk, ["no", "firstRecord", "firstLine", "codec", "oversized", "body"], "c")}, c.records AS "inChunk"`;

export interface RawChunk extends Omit<StoredChunk, "oversized" | "records"> {
  oversized: string | null;
  inChunk: number;
}

/** Also from a row with other columns beside the chunk's. */
export function storedChunk({ no, firstRecord, firstLine, inChunk, codec, oversized, body }: RawChunk): StoredChunk {
  return {
    no,
    firstRecord,
    firstLine,
    records: inChunk,
    codec,
    oversized: oversized === null ? [] : JSON.parse(oversized),
    body,
  };
}

/** The columns of a batch that its upload brings, and their parameters in the same order. */
export const IDENTITY = "public_id, client_id, policy_version, format, request_id";
export function identity(batch: NewBatch, params: Params): string {
  const values = {
    publicId: uuid(batch.publicId),
    clientId: big(batch.clientId),
    policyVersion: int(batch.policyVersion),
    format: name(batch.format),
    requestId: name(batch.requestId),
  };
  return Object.entries(values)
    .map(([key, value]) => params.add(value, key))
    .join(", ");
}
