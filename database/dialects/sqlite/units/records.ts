/** Inserts the records and errors of a chunk, many rows with one statement. */
import type { RecordFault, RejectedRecord } from "../../../../formats/formats.ts";
import { countLines, lineBlocks } from "../../../../formats/text-lines.ts";
import type { ChunkCommit } from "../../../../services/batch/batch.writes.domain.ts";
import { isCounted } from "../../../commits.ts";
import { placesWithout } from "../../../rows.ts";
import type { Sql } from "../sql.ts";
import { takeKeys } from "./keys.ts";

/**
 * How many records one statement inserts. Calling a statement costs as much as several rows: one row at a time gives
 * 1.2 M rows/s, fifty give 2.1 M.
 */
const ROWS_AT_ONCE = 50;
const INSERT = "INSERT INTO record (batch_id, seq, data) VALUES";
const insertOne = `${INSERT} (?1, ?2, ?3)`;
const insertMany = `${INSERT} ${Array.from({ length: ROWS_AT_ONCE }, (_, i) => `(?1, ?2 + ${i}, ?${i + 3})`).join(", ")}`;

/**
 * Inserts the records of a chunk (the hot path). They are inserted in key order, in runs between positions without a
 * text. Answers how many unique keys were taken.
 */
export function insertRecords(sql: Sql, commit: ChunkCommit, clientId: number): number {
  const { id, firstRecord, records, text, unique } = commit;
  if (text.length === 0) return 0;
  const given = countLines(text);
  const holes = placesWithout(commit);
  if (given + holes.length !== records)
    throw new Error(`A chunk of ${records} records came with ${given} texts and ${holes.length} places without.`);
  const missed = isCounted(commit) && unique ? takeKeys(sql, commit, clientId, unique.keys.split("\n")) : none;
  const all = missed.size === 0 ? holes : withMissed(holes, missed, records);
  let rank = 0;
  let place = 0;
  let hole = 0;
  for (const block of lineBlocks(text)) {
    let lines = block.split("\n");
    if (missed.size > 0) lines = lines.filter(() => !missed.has(rank++));
    for (let from = 0; from < lines.length; ) {
      for (; all[hole] === place; hole++) place++;
      const to = Math.min(lines.length, from + (all[hole] ?? records) - place);
      insertRun(sql, id, firstRecord + place, lines.slice(from, to));
      place += to - from;
      from = to;
    }
  }
  return missed.size;
}

const none: ReadonlySet<number> = new Set();

/**
 * All positions without a stored text: `holes`, and the positions of the texts whose key was taken. `missed` has the
 * ranks of these texts.
 */
function withMissed(holes: number[], missed: ReadonlySet<number>, records: number): number[] {
  const without = new Set(holes);
  let rank = 0;
  for (let place = 0; place < records; place++) {
    if (without.has(place)) continue;
    if (missed.has(rank++)) without.add(place);
  }
  return [...without].sort((a, b) => a - b);
}

function insertRun(sql: Sql, id: number, first: number, lines: string[]): void {
  const many = sql.statement(insertMany);
  const one = sql.statement(insertOne);
  let at = 0;
  for (; at + ROWS_AT_ONCE <= lines.length; at += ROWS_AT_ONCE)
    many.run(id, first + at, ...lines.slice(at, at + ROWS_AT_ONCE));
  for (; at < lines.length; at++) one.run(id, first + at, lines[at] as string);
}

/**
 * How many error rows one statement inserts. SQLite searches the position only of the first row, and the others follow
 * it. A search is expensive between records of 1 MiB, because SQLite reads the whole text of each row that it compares.
 */
const FAULTS_AT_ONCE = 20;
const FAULT = "(?1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
const insertFaults = (rows: number) =>
  `INSERT INTO record_error (batch_id, seq, n, line, field, code, message, raw, source, value, corrects) VALUES ${Array(rows).fill(FAULT).join(", ")}`;
const oneFault = insertFaults(1);
const manyFaults = insertFaults(FAULTS_AT_ONCE);

type FaultRow = (string | number | null)[];

export function insertErrors(sql: Sql, { id, errors, rejectedMarks }: ChunkCommit, first: number): void {
  const many = sql.statement(manyFaults);
  const one = sql.statement(oneFault);
  let rows: FaultRow[] = [];
  for (const record of errors) {
    rows.push(...faultRows(first + record.index, record, rejectedMarks?.[record.index] ?? null));
    let at = 0;
    for (; at + FAULTS_AT_ONCE <= rows.length; at += FAULTS_AT_ONCE)
      many.run(id, ...rows.slice(at, at + FAULTS_AT_ONCE).flat());
    rows = rows.slice(at);
  }
  for (const row of rows) one.run(id, ...row);
}

function faultRows(seq: number, { line, raw, errors }: RejectedRecord, mark: string | null): FaultRow[] {
  const [fault, ...others] = errors;
  const first = fault === undefined ? [null, null, null, raw, null, null] : faultCells(fault, raw);
  const rest = others.map((other, i) => [seq, i + 1, null, ...faultCells(other, null), null]);
  return [[seq, 0, line, ...first, mark], ...rest];
}

const faultCells = ({ field, code, message, column, value }: RecordFault, raw: string | null): FaultRow => [
  field,
  code,
  message,
  raw,
  column ?? null,
  value ?? null,
];
