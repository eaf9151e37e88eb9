/** Deleting in pieces: a batch of millions of rows must not hold up the others' commits for seconds. */
import { removable } from "../../../rows.ts";
import type { Due, Removal } from "../../../store.ts";
import { dueAt } from "../rows.ts";
import type { Sql } from "../sql.ts";

const pieces = [
  { table: "batch_chunk", key: "no" },
  { table: "record_error", key: "seq, n" },
  { table: "record", key: "seq" },
] as const;

const isRemovable = (sql: Sql, id: number): boolean =>
  sql.get(`SELECT 1 FROM batch WHERE id = ?1 AND ${removable("batch", "?2")}`, id, sql.now()) !== undefined;

function deletePiece(sql: Sql, { table, key }: (typeof pieces)[number], id: number, limit: number): number {
  return sql.run(
    `DELETE FROM ${table} WHERE batch_id = ?1
       AND (${key}) IN (SELECT ${key} FROM ${table} WHERE batch_id = ?1 ORDER BY ${key} LIMIT ?2)`,
    id,
    limit,
  );
}

export function purgeChunks(sql: Sql, id: number, limit: number, due: Due): Removal {
  if (!isRemovable(sql, id)) return "done";
  deletePiece(sql, pieces[0], id, limit);
  if (sql.get("SELECT 1 FROM batch_chunk WHERE batch_id = ?1 LIMIT 1", id)) return "more";
  sql.run("UPDATE batch SET chunks = 0, due_at = ?2 WHERE id = ?1 AND chunks > 0", id, dueAt(due, sql.now()));
  return "done";
}

export function deleteBatch(sql: Sql, id: number, limit: number): Removal {
  if (!isRemovable(sql, id)) return "done";
  let left = limit;
  for (const piece of pieces) {
    left -= deletePiece(sql, piece, id, left);
    if (left <= 0) return "more";
  }
  sql.run(
    `DELETE FROM content_key WHERE batch_id = ?1
       AND (client_id, hash) IN (SELECT client_id, content_hash FROM batch WHERE id = ?1)`,
    id,
  );
  sql.run("DELETE FROM delivery_attempt WHERE delivery_id IN (SELECT id FROM delivery WHERE batch_id = ?1)", id);
  sql.run("DELETE FROM delivery WHERE batch_id = ?1", id);
  sql.run("DELETE FROM batch_attempt WHERE batch_id = ?1", id);
  sql.run("DELETE FROM batch_work WHERE batch_id = ?1", id);
  sql.run("DELETE FROM batch WHERE id = ?1", id);
  return "done";
}
