/**
 * What a node remembers of the error groups of the batches that it runs. A stored group that has enough examples only
 * needs its new count. That halves the cost, and the same groups occur in every chunk.
 */
import { LRUCache } from "lru-cache";
import type { ChunkCommit } from "../../../../services/batch/batch.writes.domain.ts";
import { ENOUGH_EXAMPLES, type GroupRow, groupRows, MAX_EXAMPLES, OTHER } from "../../../error-groups.ts";
import type { Values } from "../rows.ts";
import type { Sql } from "../sql.ts";
import { countedCte, groupsCte, rowsJson, WRITTEN_GROUPS } from "./groups.text.ts";

/** A group's name, and its stored examples. */
export type WrittenGroup = [name: string, examples: string | null];

/** The groups of a run with their stored examples. While the fence stays the same, groups are only added. */
interface Run {
  fence: number;
  groups: Map<string, string>;
}

/** How many runs are remembered. A run is found by the id of its batch. */
const MOST_RUNS = 32;
const runs = new WeakMap<Sql, LRUCache<number, Run>>();

function runsOf(sql: Sql) {
  const known = runs.get(sql) ?? new LRUCache({ max: MOST_RUNS });
  runs.set(sql, known);
  return known;
}

function groupsOf(sql: Sql, { id, fence }: ChunkCommit): Map<string, string> | undefined {
  const run = runsOf(sql).get(id);
  return run?.fence === fence ? run.groups : undefined;
}

/** Forgets the groups of a batch. A claim calls it, because a new run begins. */
export const forgetGroups = (sql: Sql, id: number): void => void runsOf(sql).delete(id);

/** Whether a group needs no more examples: it has as many as are shown, or all examples of the new row. */
function hasExamples(stored: string, { examples }: GroupRow): boolean {
  if (!examples || stored.length >= ENOUGH_EXAMPLES) return true;
  const known = new Set(stored.split("\n").filter((line) => line !== ""));
  return known.size >= MAX_EXAMPLES || examples.split("\n").every((line) => known.has(line));
}

/** The CTEs that write the groups of a commit, and the column of the answer that tells which groups were written. */
export function groupedParts(sql: Sql, commit: ChunkCommit, values: Values): { ctes: string[]; told: string } {
  const known = groupsOf(sql, commit);
  const counts: Record<string, number> = {};
  const rows: (GroupRow & { of: number })[] = [];
  for (const row of groupRows(commit)) {
    const stored = row.name === OTHER ? undefined : known?.get(row.name);
    if (stored !== undefined && hasExamples(stored, row)) counts[row.name] = row.n;
    else rows.push({ of: 0, ...row });
  }
  const ctes = [
    ...(Object.keys(counts).length > 0 ? [countedCte(values.add(JSON.stringify(counts), "jsonb"))] : []),
    ...(rows.length > 0 ? [groupsCte(values.add(rowsJson(rows), "json"), "0")] : []),
  ];
  return { ctes, told: rows.length > 0 && !commit.end ? `, ${WRITTEN_GROUPS}` : "" };
}

/** Remembers the groups that a commit has written. Call it only when the commit is known to be durable. */
export function learnGroups(sql: Sql, commit: ChunkCommit, written: WrittenGroup[] | null | undefined): void {
  if (commit.end) forgetGroups(sql, commit.id);
  if (!written) return;
  const groups = groupsOf(sql, commit) ?? new Map<string, string>();
  for (const [name, examples] of written) groups.set(name, examples ?? "");
  runsOf(sql).set(commit.id, { fence: commit.fence, groups });
}
