/** The claims of a worker: one batch, or a group of small batches. */

import { type Claimed, RECORDS_A_TURN } from "../../../../services/batch/batch.domain.ts";
import { workColumns } from "../../../rows.ts";
import { SKIP_LOCKED } from "../render.ts";
import {
  batchColumns,
  batchRow,
  chunkColumns,
  deciding,
  idList,
  inTurn,
  LATER,
  MADE,
  madeOf,
  type RawBatch,
  type RawChunk,
  storedChunk,
  unit,
} from "../rows.ts";
import { big, name, type Sql } from "../sql.ts";
import { LIFT, strideOf } from "./fairness.ts";

export const freeWork = (id: string) => `DELETE FROM batch_work WHERE batch_id = ${id}`;

/** Gives the batch `@id` to the worker. */
const TAKE = `UPDATE batch SET state = 'processing', owner = @owner, fence = fence + 1, due_at = NULL,
  attempt = attempt + 1, attempts_total = attempts_total + 1, started_at = COALESCE(started_at, @now), version = version + 1
WHERE id = @id AND state = 'ready'`;

/** Inserts the batch's row of `batch_work`. A row that an operator's SQL has left over is deleted before. */
function giveWork(place: string, groupId: string): string {
  const own: Record<string, string> = { batch_id: "id", due_at: "@now + @lease", place, group_id: groupId };
  return `INSERT INTO batch_work (${workColumns.join(", ")})
SELECT ${workColumns.map((column) => own[column] ?? column).join(", ")} FROM batch WHERE id = @id`;
}

/** Takes a place of the client. For stride scheduling and the lift of `pass` see `takeSlot` of sqlite/units/work.ts. */
const takePlace = (stride: string) => `running = running + 1,
  pass = CASE WHEN pass < @lift THEN @lift ELSE pass END + ${stride},
  began = CASE WHEN pass < @lift THEN @lift ELSE pass END`;

const CHUNKS = `SELECT ${batchColumns("made")}, c.batch_id AS "chunkOf", ${chunkColumns}
FROM @made AS made LEFT JOIN batch_chunk AS c ON c.batch_id = made.id AND c.no = made.next_chunk`;

/** Claims a batch. Lock order: batch → batch_work → client_queue. */
const CLAIM = `${LIFT}
${unit({
  declared: [MADE, "@client BIGINT"],
  steps: [
    deciding("UPDATE batch SET fence = fence WHERE id = @id AND state = 'ready' AND due_at <= @now"),
    LATER,
    deciding(TAKE),
    freeWork("@id"),
    giveWork("1", "NULL"),
    madeOf("@id"),
    "SELECT @client = client_id FROM @made",
    deciding(
      `UPDATE client_queue SET ${takePlace(strideOf("client_queue"))}\nWHERE client_id = @client AND running < cap AND paused_at IS NULL`,
    ),
  ],
  answer: `${CHUNKS} WHERE @held = 1`,
})}`;

/**
 * Claims a group. The batches of one client together take one of its places. Only batches that no worker has had before
 * (fence 0) are claimed. So no two groups have the same first batch, and the id of the first batch can be the id of the
 * group. Rows are locked one by one in the order of their ids, each found by its key: one statement for all might scan
 * the whole table, and wait for other units' locks.
 */
const CLAIM_GROUP = `${LIFT}
${unit({
  declared: [
    MADE,
    "@id BIGINT",
    "@client BIGINT",
    "@group BIGINT",
    "@asked TABLE (id BIGINT NOT NULL PRIMARY KEY)",
    "@ready TABLE (id BIGINT NOT NULL PRIMARY KEY, client_id BIGINT NOT NULL, records BIGINT NOT NULL)",
    "@turns TABLE (client_id BIGINT NOT NULL PRIMARY KEY, group_id BIGINT NOT NULL, records BIGINT NOT NULL)",
    "@placed TABLE (client_id BIGINT NOT NULL PRIMARY KEY)",
  ],
  steps: [
    "INSERT INTO @asked (id) SELECT DISTINCT CAST(listed.value AS BIGINT) FROM OPENJSON(@ids) AS listed",
    ...inTurn("@id", "@asked", "id", [
      `UPDATE batch ${SKIP_LOCKED} SET fence = fence
OUTPUT inserted.id, inserted.client_id, inserted.records INTO @ready
WHERE id = @id AND state = 'ready' AND fence = 0 AND due_at <= @now`,
    ]),
    ...inTurn("@id", "@ready", "id", [freeWork("@id")]),
    `INSERT INTO @turns (client_id, group_id, records)
SELECT r.client_id, MIN(r.id), SUM(r.records) FROM @ready AS r GROUP BY r.client_id`,
    ...inTurn("@client", "@turns", "client_id", [
      `UPDATE client_queue SET ${takePlace(`t.records * ${strideOf("client_queue")} / ${RECORDS_A_TURN}`)}
OUTPUT inserted.client_id INTO @placed
FROM @turns AS t
WHERE t.client_id = @client AND client_queue.client_id = @client AND client_queue.running < client_queue.cap AND client_queue.paused_at IS NULL`,
    ]),
    "DELETE FROM @ready WHERE client_id NOT IN (SELECT p.client_id FROM @placed AS p)",
    LATER,
    ...inTurn("@id", "@ready", "id", [
      TAKE,
      "SET @group = (SELECT t.group_id FROM @turns AS t JOIN @ready AS r ON r.client_id = t.client_id WHERE r.id = @id)",
      giveWork("CASE WHEN id = @group THEN 1 ELSE 0 END", "@group"),
      madeOf("@id"),
    ]),
  ],
  answer: `${CHUNKS} ORDER BY made.id`,
})}`;

type RawClaim = RawBatch & RawChunk & { chunkOf: number | null };

const claimed = (raw: RawClaim): Claimed => ({
  batch: batchRow(raw),
  chunk: raw.chunkOf === null ? null : storedChunk(raw),
});

export async function claim(sql: Sql, id: number, owner: string, leaseMs: number): Promise<Claimed | null> {
  const raw = await sql.get<RawClaim>(CLAIM, { id: big(id), owner: name(owner), lease: big(leaseMs) });
  return raw ? claimed(raw) : null;
}

export async function claimGroup(sql: Sql, ids: number[], owner: string, leaseMs: number): Promise<Claimed[]> {
  const values = { ids: idList(ids), owner: name(owner), lease: big(leaseMs) };
  return (await sql.all<RawClaim>(CLAIM_GROUP, values)).map(claimed);
}
