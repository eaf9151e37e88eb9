/** Adds the faults of a chunk to the error groups of its batch. */
import { MAX_GROUPS } from "../../../../formats/check/fault-groups.ts";
import type { ChunkCommit } from "../../../../services/batch/batch.writes.domain.ts";
import { ENOUGH_EXAMPLES, type GroupRow, groupRows, NOTHING, OTHER } from "../../../error-groups.ts";
import type { Sql } from "../sql.ts";

const ADD = `UPDATE error_group SET n = n + ?4, examples = CASE WHEN length(examples) < ${ENOUGH_EXAMPLES}
    THEN examples || char(10) || ?5 ELSE examples END
  WHERE batch_id = ?1 AND pass = ?2 AND name = ?3`;
const BEGIN = `INSERT INTO error_group (batch_id, pass, name, n, examples, field, code, message, first_record, first_line)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)`;
const ROOM = `SELECT CASE WHEN sum(name = '') > 0 THEN 0 ELSE ${MAX_GROUPS} - count(*) END AS room FROM error_group
  WHERE batch_id = ?1 AND pass = ?2`;

/**
 * Adds the faults to known error groups, begins new groups while there is room, and counts all other faults in the
 * group `other`. Once that group exists, no new group begins: its count would lack the faults that `other` already has.
 */
export function addGroups(sql: Sql, commit: ChunkCommit, pass: number): void {
  const { id } = commit;
  const isKnown = ({ name, n, examples }: GroupRow) => sql.run(ADD, id, pass, name, n, examples) === 1;
  const begin = ({ name, n, examples, field, code, message, first_record, first_line }: GroupRow) =>
    sql.run(BEGIN, id, pass, name, n, examples, field, code, message, first_record, first_line);
  const fresh = groupRows(commit).filter((row) => !isKnown(row));
  if (fresh.length === 0) return;
  const room = sql.get<{ room: number }>(ROOM, id, pass)?.room ?? 0;
  const isKept = ({ name, i }: GroupRow) => name !== OTHER && i < room;
  for (const row of fresh.filter(isKept)) begin(row);
  const n = fresh.filter((row) => !isKept(row)).reduce((sum, row) => sum + row.n, 0);
  if (n === 0) return;
  const other = { ...NOTHING, i: 0, name: OTHER, n };
  if (!isKnown(other)) begin(other);
}
