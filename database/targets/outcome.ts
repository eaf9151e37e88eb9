/** The result of writing a chunk's rows into a table, and the chunk's commit after it. Pure functions, the same for all databases. */
import { boundedReport, originAt } from "../../formats/check/error-report.ts";
import { boundedFault } from "../../formats/check/fault-bounds.ts";
import { noFaults, withFaults } from "../../formats/check/fault-groups.ts";
import type { RecordFault, RejectedRecord } from "../../formats/formats.ts";
import { foundIn } from "../../formats/read/sent.ts";
import { joined, linesOf } from "../../formats/text-lines.ts";
import type { RowCounts, TableCommit, TableVerdict, TableWritten } from "../../services/batch/batch.table.domain.ts";
import type { ChunkCommit } from "../../services/batch/batch.writes.domain.ts";
import { placesWithout } from "../rows.ts";
import type { TablePlan } from "./target.ts";

export type TableFaultCode =
  | "conflict"
  | "reference"
  | "constraint"
  | "required"
  | "maxLength"
  | "range"
  | "type"
  | "missing";

/** A row that the table refuses. It never holds the row's values. */
export interface RefusedRow {
  /** The row's place among the rows of the commit. */
  rank: number;
  code: TableFaultCode;
  /** The server's own code. */
  state: string;
  constraint: string | null;
  column: string | null;
  /** Whether this column alone is at fault. */
  isAlone: boolean;
}

/** A record that changes or deletes a row that does not exist. */
export const missingRow = (rank: number): RefusedRow => ({
  rank,
  code: "missing",
  state: "02000",
  constraint: null,
  column: null,
  isAlone: false,
});

export interface TableOutcome extends RowCounts {
  /** Ranks, ascending, of rows that the table already has, or has in a newer version. */
  passed: number[];
  /** Ascending by rank. */
  refused: RefusedRow[];
  isRowByRow: boolean;
}

/** The fault of a reference that was checked before the rows were written. */
export const UNKNOWN_REFERENCE = "refers to a row that is not there";

const sentences: Record<TableFaultCode, string> = {
  conflict: "conflicts with a row that is there",
  reference: "refers to a row that is not there, or is referred to",
  constraint: "breaks a rule of the table",
  required: "is required",
  maxLength: "is too long for its column",
  range: "is out of range for its column",
  type: "does not fit the type of its column",
  missing: "there is no such row",
};

/**
 * The fault that the partner gets for a refused row. Its value comes from the record at `index`, never from the server's texts.
 */
export function faultOf(refused: Told, of: Faulty, index: number): RecordFault {
  const { code, constraint, column, isAlone, message = sentences[code] } = refused;
  const { plan, origins, sent } = of;
  const own = constraint === null ? undefined : plan.messages[constraint];
  const path = pathOf(column, plan);
  const fault = boundedFault({ field: path?.join(".") ?? "", code, message, ...own });
  return path && isAlone ? { ...fault, ...foundIn(originAt(origins, index).raw, path, sent) } : fault;
}

type Told = Omit<RefusedRow, "rank" | "state"> & { message?: string };

/** The parts of a commit from which a row's fault is described to the partner. */
export type Faulty = Pick<TableCommit, "plan" | "origins" | "sent">;

/** The path of the field that fills the column. Null: none does. */
function pathOf(column: string | null, { columns }: TablePlan): string[] | null {
  const source = columns.find((planned) => planned.column.name === column)?.source;
  return source && "path" in source ? source.path : null;
}

/** What the commit needs, beside the table's result, to report refused records. */
export interface Judged extends Pick<TableCommit, "origins" | "faultsLeft"> {
  /** The unique keys of the record at this position of the chunk, separated by blanks. Null: the record has none. */
  keyAt(index: number): string | null;
}

export function verdictOf(commit: ChunkCommit, outcome: TableOutcome): TableVerdict {
  const { created, updated, deleted, passed, refused } = outcome;
  const places = passed.length + refused.length === 0 ? [] : textPlaces(commit);
  const table = commit.table as TableCommit;
  return {
    rows: { created, updated, deleted },
    passed: passed.map((rank) => places[rank] as number),
    refused: refused.map((one) => {
      const index = places[one.rank] as number;
      return { index, errors: [faultOf(one, table, index)] };
    }),
  };
}

export function judgedOf(commit: ChunkCommit): Judged {
  const { origins, faultsLeft, keys } = commit.table as TableCommit;
  let ranks: Map<number, number> | undefined;
  const rankOf = (index: number): number => {
    ranks ??= new Map(textPlaces(commit).map((place, rank) => [place, rank]));
    return ranks.get(index) as number;
  };
  return { origins, faultsLeft, keyAt: (index) => keys?.[rankOf(index)] ?? null };
}

/** The commit with the table's result for its rows. */
export const afterTable = (commit: ChunkCommit, outcome: TableOutcome): ChunkCommit =>
  afterVerdict(commit, verdictOf(commit, outcome), judgedOf(commit));

type Judgeable = Pick<
  ChunkCommit,
  "table" | "counts" | "errors" | "unlisted" | "grouped" | "passed" | "text" | "unique" | "records"
>;

/** The commit after the table's result: refused records are rejected, skipped ones are duplicates. */
export function afterVerdict<C extends Judgeable>(commit: C, verdict: TableVerdict, about: Judged): Omit<C, "table"> {
  const { table, ...rest } = commit;
  const counts = { ...commit.counts, rows: verdict.rows };
  if (verdict.passed.length + verdict.refused.length === 0) return { ...rest, counts };
  const places = textPlaces(commit);
  // Records that were rejected before SQL already have their faults.
  const isLeft = new Set(places);
  const refused = verdict.refused.filter(({ index }) => isLeft.has(index));
  const own: RejectedRecord[] = refused.map((one) => ({ ...one, ...originAt(about.origins, one.index) }));
  const rejected = [...commit.errors, ...own].sort((a, b) => a.index - b.index);
  const left = new Set([...verdict.passed, ...refused.map(({ index }) => index)]);
  return {
    ...rest,
    ...boundedReport(rejected, commit.unlisted, about.faultsLeft),
    grouped: withFaults(commit.grouped ?? noFaults, own),
    passed: verdict.passed,
    text: joined(linesOf(commit.text).filter((_line, rank) => !left.has(places[rank] as number))),
    unique: commit.unique && { ...commit.unique, freed: [...(commit.unique.freed ?? []), ...freedOf(refused, about)] },
    counts: {
      ...counts,
      accepted: counts.accepted - left.size,
      rejected: counts.rejected + refused.length,
      duplicate: counts.duplicate + verdict.passed.length,
    },
  };
}

const freedOf = (refused: TableVerdict["refused"], { keyAt }: Judged): string[] =>
  refused.flatMap(({ index }) => keyAt(index)?.split(" ") ?? []);

/** The place in the chunk of each text. */
function textPlaces(commit: Pick<ChunkCommit, "records" | "errors" | "unlisted" | "passed" | "unique">): number[] {
  const without = new Set(placesWithout(commit));
  return Array.from({ length: commit.records }, (_, place) => place).filter((place) => !without.has(place));
}

/** The counts of a table's result, for logs and metrics. */
export function toldOf({ passed, refused, isRowByRow }: TableOutcome, ms: number): TableWritten {
  const reasons = new Map<string, TableWritten["refused"][number]>();
  for (const { code, state, constraint, column } of refused) {
    const name = [code, state, constraint, column].join("\0");
    const known = reasons.get(name);
    if (known) known.rows++;
    else reasons.set(name, { code, state, constraint, column, rows: 1 });
  }
  return { passed: passed.length, refused: [...reasons.values()], isRowByRow, ms };
}
