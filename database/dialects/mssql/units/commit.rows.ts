/** The rows that a commit sends: table variables for counts and events, and staged tables for records, keys and errors. */
import { linesOf } from "../../../../formats/text-lines.ts";
import type { ChunkCommit } from "../../../../services/batch/batch.writes.domain.ts";
import { commitRow, eventsOf, faultRows, isCounted } from "../../../commits.ts";
import { groupRows } from "../../../error-groups.ts";
import { placesWithout, storable } from "../../../rows.ts";
import { kinds, type Staged } from "../sql.ts";
import type { Kind } from "../values.ts";

/** The columns of a commit's row in `#commits`. Booleans are 1 or 0. */
const commitColumns = {
  n: kinds.int,
  id: kinds.big,
  fence: kinds.big,
  chunk: kinds.int,
  next_chunk: kinds.int,
  phase: kinds.name,
  accepted: kinds.big,
  rejected: kinds.big,
  duplicate: kinds.big,
  faults: kinds.big,
  unlisted: kinds.big,
  lease: kinds.big,
  key_kept: kinds.big,
  ends: kinds.int,
  state: kinds.name,
  reason: kinds.text,
  due_at: kinds.big,
  due_in: kinds.big,
  has_ended: kinds.int,
  purge: kinds.int,
  /** How many rows of the company's table were created, updated and deleted. NULL: the batch goes into no table. */
  created: kinds.big,
  updated: kinds.big,
  deleted: kinds.big,
  /** How many texts have a unique key. */
  keyed: kinds.int,
};
const eventColumns = { n: kinds.int, id: kinds.big, topic: kinds.name, body: kinds.text, delivery_id: kinds.uuid };
const faultColumns = {
  id: kinds.big,
  seq: kinds.big,
  n: kinds.int,
  line: kinds.big,
  field: kinds.text,
  code: kinds.name,
  message: kinds.text,
  raw: kinds.text,
  source: kinds.text,
  value: kinds.text,
  corrects: kinds.name,
};
export const faultNames = Object.keys(faultColumns).slice(2);

const stored = (value: unknown): unknown => {
  if (typeof value === "boolean") return value ? 1 : 0;
  return typeof value === "string" ? storable(value) : value;
};

const tableOf = (name: string, columns: Record<string, Kind>, order: string[], rows: object[]): Staged => ({
  name,
  columns,
  order,
  rows: rows.map((row) => Object.keys(columns).map((column) => stored((row as Record<string, unknown>)[column]))),
});

const NO_ROWS = { created: null, updated: null, deleted: null };

export const commitsOf = (commits: ChunkCommit[]): Staged =>
  tableOf(
    "#commits",
    commitColumns,
    ["id"],
    commits.map((commit, n) => ({
      ...commitRow(commit, n),
      ...(commit.counts.rows ?? NO_ROWS),
      keyed: keysOf(commit).filter((key) => key !== "").length,
    })),
  );

/** The events of all commits. `n`: the position of an event among all events. */
export function eventRows(commits: ChunkCommit[]): Staged {
  const all = commits.flatMap((commit) => eventsOf(commit).map((event) => ({ id: commit.id, ...event })));
  const rows = all.map(({ delivery, ...event }, n) => ({ n, ...event, delivery_id: delivery?.publicId ?? null }));
  return tableOf("#events", eventColumns, ["n"], rows);
}

const keysOf = ({ unique, text }: ChunkCommit): string[] => (unique && text.length > 0 ? unique.keys.split("\n") : []);

/** The records with their numbers, and with their unique keys if the batch has keys. */
export function stagedTexts(commits: ChunkCommit[]): Staged[] {
  const columns = { id: kinds.big, seq: kinds.big, data: kinds.text };
  const [keyed, plain] = [commits.filter(isCounted), commits.filter((commit) => !isCounted(commit))];
  const tables: Staged[] = [
    {
      name: "#keyed",
      columns: { ...columns, key_hash: kinds.key },
      order: ["id", "seq"],
      rows: keyed.flatMap(textRows),
    },
    { name: "#records", columns, order: ["id", "seq"], rows: plain.flatMap(textRows) },
  ];
  return tables.filter(({ rows }) => rows.length > 0);
}

function textRows(commit: ChunkCommit): unknown[][] {
  if (commit.text.length === 0) return [];
  const keys = keysOf(commit);
  const without = new Set(placesWithout(commit));
  let place = 0;
  return linesOf(commit.text).map((data, i) => {
    while (without.has(place)) place++;
    const row: unknown[] = [commit.id, commit.firstRecord + place++, data];
    if (isCounted(commit)) row.push(keys[i] ? Buffer.from(keys[i], "hex") : null);
    return row;
  });
}

export function stagedFaults(commits: ChunkCommit[]): Staged[] {
  const rows = faultRows(commits).map(({ of, ...row }) => ({ ...row, id: commits[of]?.id }));
  return rows.length === 0 ? [] : [tableOf("#errors", faultColumns, ["id", "seq", "n"], rows)];
}

const groupColumns = {
  id: kinds.big,
  i: kinds.int,
  name: kinds.name,
  field: kinds.text,
  code: kinds.name,
  message: kinds.text,
  examples: kinds.text,
  n: kinds.big,
  first_record: kinds.big,
  first_line: kinds.big,
};

export function stagedGroups(commits: ChunkCommit[]): Staged[] {
  const rows = commits.flatMap((commit) => groupRows(commit).map((row) => ({ ...row, id: commit.id })));
  return rows.length === 0 ? [] : [tableOf("#grouped", groupColumns, ["id", "i"], rows)];
}

/** The unique keys that other batches hold: one for each record whose key was taken. */
export function stagedLost([commit]: ChunkCommit[]): Staged[] {
  const rows = (commit?.unique?.taken ?? []).map((key) => [Buffer.from(key, "hex")]);
  return rows.length === 0 ? [] : [{ name: "#lost", order: ["key_hash"], columns: { key_hash: kinds.key }, rows }];
}

/** The keys of refused records, whose reservations are deleted. */
export function stagedFreed([commit]: ChunkCommit[]): Staged[] {
  const freed = commit?.unique?.freed ?? [];
  const rows = [...new Set(freed)].map((key) => [Buffer.from(key, "hex")]);
  return rows.length === 0 ? [] : [{ name: "#spared", order: ["key_hash"], columns: { key_hash: kinds.key }, rows }];
}

/** A FROM clause for `#commits`. Each statement selects the row of the batch `@id`. */
export const OF_COMMIT = "FROM #commits AS c";
