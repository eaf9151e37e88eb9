/** Converts rows of SQL Server to the types of the store and back. Also has the T-SQL that several units share. */

import type { BatchRow, StoredChunk } from "../../../services/batch/batch.domain.ts";
import {
  batchList,
  batchOf,
  LIVE,
  liveColumn,
  type RawBatch as Parsed,
  batchRow as parsed,
  rowColumns,
} from "../../rows.ts";
import { batchChunk } from "../../schema/tables.ts";
import { listOf } from "../../units/steps.ts";
import { typeOf } from "./ddl.ts";
import { NOW, text, type Value } from "./sql.ts";

export { hasEnded, jsonOrNull } from "../../rows.ts";

/** The columns of a batch, as a SELECT list. `of`: the table or alias. */
export const batchColumns = (of = "batch") => batchList((column) => `${of}.${column}`);

const list = (read: (column: string) => string) => rowColumns.map(({ column }) => read(column)).join(", ");

/**
 * The table variable `@made`: the batches as the unit has left them. They are selected after the COMMIT, when nothing
 * is locked.
 */
export const MADE = `@made TABLE (${rowColumns.map(({ column, kind }) => `${column} ${typeOf(kind)}`).join(", ")})`;

/** Copies a batch into `@made`, with its current moving columns. */
export const madeOf = (id: string) =>
  `INSERT INTO @made SELECT ${list(liveColumn)} FROM ${LIVE} WHERE batch.id = ${id}`;

/** A batch as it comes from the driver. */
export type RawBatch = Omit<Parsed, "contentHash"> & { contentHash: Buffer | null };

/** Reads the batch from a row. The row may have other columns too. */
export function batchRow(row: RawBatch): BatchRow {
  const raw = batchOf(row);
  return parsed({ ...raw, contentHash: raw.contentHash?.toString("hex") ?? null });
}

/** Reads the clock once, so that all statements of the unit use the same time. */
export const AT_NOW = `DECLARE @now BIGINT = ${NOW};`;

/** Reads the clock again after a step that may have waited for a lock: a lease begins after the wait. */
export const LATER = `SET @now = ${NOW}`;

/** A statement that must change one row; otherwise the unit writes nothing. */
export interface Deciding {
  decides: string;
}

/** Makes `statement` decide: if it changes no row, the unit writes nothing. */
export const deciding = (statement: string): Deciding => ({ decides: `${statement};\nSET @held = @@ROWCOUNT;` });

export interface Unit {
  /** Variables and table variables, without DECLARE. */
  declared?: string[];
  /**
   * The statements, without their last semicolon, in the order of locks: batch, batch_work, client_queue, keys, the
   * rest.
   */
  steps: (string | Deciding)[];
  /**
   * A SELECT from the table variables. If a step decides, the SELECT must check `@held = 1`, because a ROLLBACK does
   * not undo variables.
   */
  answer: string;
  /**
   * Set if the unit continues an open transaction. If this condition does not hold, the whole transaction is undone.
   */
  keptIf?: string;
}

/**
 * Makes the T-SQL of a unit: one transaction in one batch. No row stays locked during a round trip, nor while the
 * answer is read.
 */
export function unit({ declared = [], steps, answer, keptIf }: Unit): string {
  const isDecided = steps.some((step) => typeof step !== "string");
  const text = [
    ...(isDecided ? ["@held INT", ...declared] : declared).map((variable) => `DECLARE ${variable};`),
    ...(keptIf ? [] : ["BEGIN TRAN;"]),
    ...depending(steps),
    ending(keptIf ?? (isDecided ? "@held = 1" : null)),
    `${answer};`,
  ].join("\n");
  return text.includes("@now") ? `${AT_NOW}\n${text}` : text;
}

const ending = (condition: string | null) =>
  condition === null ? "COMMIT;" : `IF ${condition}\n  COMMIT;\nELSE\n  ROLLBACK;`;

/**
 * The statements of `steps`. Those after a deciding statement run only if the deciding statement has changed its row.
 */
function depending(steps: Unit["steps"]): string[] {
  const at = steps.findIndex((step) => typeof step !== "string");
  const [first, rest] = [steps.slice(0, at + 1 || undefined), at === -1 ? [] : steps.slice(at + 1)];
  const statements = first.map((step) => (typeof step === "string" ? `${step};` : step.decides));
  return rest.length === 0 ? statements : [...statements, "IF @held = 1\nBEGIN", ...depending(rest), "END;"];
}

/**
 * Runs `steps` for each value in a column of a table variable, in rising order, so that shared rows are locked one by one in that
 * order. The unit must declare `variable`, which is NULL afterwards.
 */
export function inTurn(variable: string, table: string, column: string, steps: string[]): string[] {
  const least = `SELECT MIN(one.${column}) FROM ${table} AS one`;
  return [
    `SET ${variable} = (${least})`,
    `WHILE ${variable} IS NOT NULL
BEGIN
${steps.join(";\n")};
SET ${variable} = (${least} WHERE one.${column} > ${variable});
END`,
  ];
}

/**
 * `idList` is a list of ids as one parameter, `idsIn` the subquery that reads the ids. So the text is the same for any
 * number of ids.
 */
export const idList = (ids: number[]): Value => text(JSON.stringify(ids));
export const idsIn = (list: string) => `(SELECT CAST(listed.value AS BIGINT) FROM OPENJSON(${list}) AS listed)`;

/** The SELECT list of a chunk with the alias `c`. None of its names is also a column of a batch. */
export const chunkColumns = `${listOf(batchChunk, ["no", "firstRecord", "firstLine", "codec", "oversized", "body"], "c")}, c.records AS "inChunk"`;

export interface RawChunk extends Omit<StoredChunk, "oversized" | "records"> {
  oversized: string | null;
  inChunk: number;
}

/** Reads the chunk from a row. The row may have other columns too. */
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
