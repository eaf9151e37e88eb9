/** The rows of `error_group` that a commit adds, and the summary that is read from them. The same for all dialects. */
import { createHash } from "node:crypto";
import { type FaultGroup, SHOWN_GROUPS } from "../formats/check/fault-groups.ts";
import type { ErrorSummary } from "../services/batch/batch.reads.domain.ts";
import type { ChunkCommit } from "../services/batch/batch.writes.domain.ts";
import { storable } from "./rows.ts";

/** The name of the row that counts faults without a group of their own. */
export const OTHER = "";
/** A group with more characters of examples gets no further ones. Five values of usual length fit. */
export const ENOUGH_EXAMPLES = 400;
export const MAX_EXAMPLES = 5;

/** The values of the row that counts all other faults, which has no texts and places. */
export const NOTHING = {
  field: null,
  code: null,
  message: null,
  examples: null,
  first_record: null,
  first_line: null,
};

const nameOf = (field: string, code: string): string =>
  createHash("sha256")
    .update(JSON.stringify([field, code]))
    .digest("hex")
    .slice(0, 40);

/** A row for each group of the commit, and one for all other faults. Examples are JSON, so none has a line break. */
export function groupRows({ grouped, firstRecord }: Pick<ChunkCommit, "grouped" | "firstRecord">) {
  const { groups, other } = grouped ?? { groups: [], other: 0 };
  const rows = groups.map(({ firstRecord: place, firstLine, count, values, ...texts }, i) => {
    const [field, code, message] = [storable(texts.field), storable(texts.code), storable(texts.message)];
    const examples = values.map((value) => JSON.stringify(storable(value))).join("\n");
    const first = { first_record: firstRecord + place, first_line: firstLine };
    return { i, name: nameOf(field, code), field, code, message, examples, n: count, ...first };
  });
  return other === 0 ? rows : [...rows, { i: rows.length, name: OTHER, ...NOTHING, n: other }];
}

export type GroupRow = ReturnType<typeof groupRows>[number];

/** A group of a batch, with the batch's totals. `code` null: the row of all other faults, or the batch has no group. */
export interface RawSummary {
  field: string | null;
  code: string | null;
  message: string | null;
  examples: string | null;
  n: number | null;
  firstRecord: number | null;
  firstLine: number | null;
  /** All faults of the batch, with or without a group. */
  total: number | null;
  rejected: number;
  /** The number of faults in the error report, plus the number of rejected records that the report does not list. */
  reported: number;
}

/** Summarizes the rows. They come with the largest group first. */
export function summaryOf(rows: RawSummary[]): ErrorSummary {
  const [first] = rows;
  if (!first) return { total: 0, records: 0, groups: [], other: { count: 0 } };
  const groups = rows.filter(({ code }) => code !== null).map(groupOf);
  // Some faults are only in the counts: those from before the database had groups, and those that the company's own
  // table found after its batch was taken from its worker.
  const total = Math.max(first.total ?? 0, first.reported);
  const shown = groups.reduce((sum, { count }) => sum + count, 0);
  return { total, records: first.rejected, groups, other: { count: total - shown } };
}

export const SUMMARY_ROWS = SHOWN_GROUPS;

function groupOf({ field, code, message, examples, n, firstRecord, firstLine }: RawSummary): FaultGroup {
  const found = new Set((examples ?? "").split("\n").filter((line) => line !== ""));
  return {
    field: field ?? "",
    code: code ?? "",
    count: n ?? 0,
    firstRecord: firstRecord ?? 0,
    firstLine,
    message: message ?? "",
    values: [...found].slice(0, MAX_EXAMPLES).map((line) => JSON.parse(line)),
  };
}
