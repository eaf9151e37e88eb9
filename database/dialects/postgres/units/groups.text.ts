/** SQL that adds the faults of chunks to the error groups of their batches. */
import { MAX_GROUPS } from "../../../../formats/check/fault-groups.ts";
import type { ChunkCommit } from "../../../../services/batch/batch.writes.domain.ts";
import { ENOUGH_EXAMPLES, type GroupRow, groupRows } from "../../../error-groups.ts";
import { rowsOf } from "./events.text.ts";

/** The fields of a group in the JSON parameter. `of`: the position of its commit. */
const groupFields = {
  of: "int",
  i: "int",
  name: "varchar",
  field: "text",
  code: "varchar",
  message: "text",
  examples: "text",
  n: "bigint",
  first_record: "bigint",
  first_line: "bigint",
} as const;

/** The value of the JSON parameter: the groups of all commits. Null: the commits have no groups. */
export function groupsJson(commits: ChunkCommit[]): string | null {
  const rows = commits.flatMap((commit, of) => groupRows(commit).map((row) => ({ of, ...row })));
  return rows.length === 0 ? null : rowsJson(rows);
}

export const rowsJson = (rows: (GroupRow & { of: number })[]): string => JSON.stringify(rows);

const OF_BATCH = "WHERE c.batch_id = f.id AND c.pass = f.pass";
/**
 * Whether a group is stored by its own name: it exists, or there is room for it. Other faults are counted in the group
 * with the empty name. Once that group exists, no new group begins: its count would lack earlier faults.
 */
const IS_KEPT = `e.name <> '' AND (k.name IS NOT NULL OR (e.i < ${MAX_GROUPS} - (SELECT count(*) FROM error_group c ${OF_BATCH})
          AND NOT EXISTS (SELECT 1 FROM error_group c ${OF_BATCH} AND c.name = '')))`;

/** CTE `grouped`: writes the groups. `of`: the expression for the position of a commit, from a row of `fence`. */
export function groupsCte(parameter: string, of: string): string {
  const kept = (column: string) => `min(CASE WHEN r.is_kept THEN r.${column} END)`;
  return `grouped AS (INSERT INTO error_group (batch_id, pass, name, field, code, message, examples, n, first_record, first_line)
    SELECT r.id, r.pass, CASE WHEN r.is_kept THEN r.name ELSE '' END, ${kept("field")}, ${kept("code")}, ${kept("message")},
      ${kept("examples")}, sum(r.n), ${kept("first_record")}, ${kept("first_line")}
    FROM (SELECT f.id, f.pass, e.*, ${IS_KEPT} AS is_kept
      FROM fence f JOIN ${rowsOf(parameter, "e", groupFields)} ON e.of = ${of}
        LEFT JOIN error_group k ON k.batch_id = f.id AND k.pass = f.pass AND k.name = e.name) r
    GROUP BY 1, 2, 3
    ON CONFLICT (batch_id, pass, name) DO UPDATE SET n = error_group.n + excluded.n,
      examples = CASE WHEN length(error_group.examples) < ${ENOUGH_EXAMPLES}
        THEN error_group.examples || E'\\n' || excluded.examples ELSE error_group.examples END
    RETURNING name, examples)`;
}
/** The column for `learnGroups`: the groups that `grouped` has written, each with its name and its examples. */
export const WRITTEN_GROUPS =
  "(SELECT json_agg(json_build_array(name, examples)) FROM grouped WHERE name <> '') AS groups";

/**
 * CTE `counted`: adds counts to stored groups. `parameter`: a JSON object of counts by name. The CTE reads all groups
 * of the batch, a few hundred at most. A join with the names would look up each name, which takes twice as long.
 */
export const countedCte = (parameter: string): string =>
  `counted AS (UPDATE error_group g SET n = g.n + (j.counts ->> g.name)::bigint FROM fence, (SELECT ${parameter} AS counts) j
    WHERE g.batch_id = fence.id AND g.pass = fence.pass AND j.counts ? g.name)`;
