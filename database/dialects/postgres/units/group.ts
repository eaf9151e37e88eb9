/**
 * Groups of small batches. One statement claims a group, and one statement commits a chunk of each batch, with one plan
 * and one fsync.
 */

import { type Claimed, RECORDS_A_TURN } from "../../../../services/batch/batch.domain.ts";
import type { ChunkCommit, Written } from "../../../../services/batch/batch.writes.domain.ts";
import type { OutboxDraft } from "../../../../services/outbox/outbox.domain.ts";
import { commitRow, eventsOf, faultRows, isCounted, type Needs, needsOf } from "../../../commits.ts";
import { checkCount, placesWithout, workColumns } from "../../../rows.ts";
import { isUnavailable } from "../../../unavailable.ts";
import { commitEach } from "../../retry.ts";
import { batchRow, chunkColumns, claimedColumns, madeMoving, type RawBatch } from "../rows.ts";
import { NOW, type Sql } from "../sql.ts";
import { eventRows } from "./events.text.ts";
import { LIFT } from "./fairness.ts";
import { BETWEEN, type commitFields, textOf } from "./group.text.ts";
import { groupsJson } from "./groups.text.ts";
import { forgetGroups } from "./groups.ts";
import { claimed, commitChunk, isTooOld, type RawClaim, renewed } from "./work.ts";

const BETWEEN_BYTES = Buffer.from(BETWEEN);

type Row<Fields> = { [Name in keyof Fields]?: unknown };

const groupRow = (commit: ChunkCommit, n: number): Row<typeof commitFields> => {
  const holes = placesWithout(commit).map((place, rank) => place - rank);
  return {
    ...commitRow(commit, n),
    first_record: commit.firstRecord,
    holes: holes.length === 0 ? null : `{${holes.join()}}`,
  };
};

const texts = new Map<string, string>();

/** The statement for these needs. It is made once. */
function textFor(needs: Needs): string {
  const name = Object.values(needs).join();
  const text = texts.get(name) ?? textOf(needs);
  texts.set(name, text);
  return text;
}

const LEASE = `${NOW} + $3::bigint`;

/**
 * Claims several batches, like CLAIM of work.ts. Shared rows are locked in the order of their ids. Only batches that no
 * worker has had before (fence 0) are claimed. So no two groups have the same first batch, and the id of the first
 * batch can be the id of the group.
 */
export const CLAIM_GROUP = `WITH cand AS MATERIALIZED (SELECT id, client_id, pass, records FROM batch
    WHERE id = ANY($1::bigint[]) AND state = 'ready' AND fence = 0 AND due_at <= ${NOW} ORDER BY id FOR NO KEY UPDATE SKIP LOCKED),
  turns AS MATERIALIZED (SELECT client_id, sum(records) / ${RECORDS_A_TURN}.0 AS n FROM cand GROUP BY client_id),
  queues AS MATERIALIZED (SELECT q.client_id FROM client_queue q JOIN turns USING (client_id) ORDER BY q.client_id FOR NO KEY UPDATE OF q),
  slot AS (UPDATE client_queue q SET running = q.running + 1,
      pass = greatest(q.pass, lift.pass) + turns.n * 1000.0 / q.weight, began = greatest(q.pass, lift.pass)
    FROM turns JOIN queues USING (client_id), (SELECT ${LIFT} AS pass) lift
    WHERE q.client_id = turns.client_id AND q.running < q.cap AND q.paused_at IS NULL RETURNING q.client_id),
  made AS (UPDATE batch b SET state = 'processing', owner = $2, fence = b.fence + 1, due_at = NULL,
      attempt = b.attempt + 1, attempts_total = b.attempts_total + 1,
      started_at = coalesce(b.started_at, ${NOW}), version = b.version + 1
    FROM cand JOIN slot USING (client_id) WHERE b.id = cand.id AND b.id = ANY($1::bigint[]) RETURNING ${claimedColumns(LEASE)}),
  work AS (INSERT INTO batch_work (${workColumns.join(", ")})
    SELECT made.id, made."clientId", made.owner, made.fence, made."dueAt", cand.pass,
      CASE made.id WHEN min(made.id) OVER of_client THEN 1 ELSE 0 END, min(made.id) OVER of_client,
      ${madeMoving} FROM made JOIN cand ON cand.id = made.id WINDOW of_client AS (PARTITION BY made."clientId")
    ON CONFLICT (batch_id) DO UPDATE SET ${renewed})
  SELECT to_json(made) AS batch, c.batch_id AS "chunkOf", ${chunkColumns}
  FROM made LEFT JOIN batch_chunk c ON c.batch_id = made.id AND c.batch_id = ANY($1::bigint[]) AND c.no = made."nextChunk"
  ORDER BY made.id`;

export async function claimGroup(sql: Sql, ids: number[], owner: string, leaseMs: number): Promise<Claimed[]> {
  for (const id of ids) forgetGroups(sql, id);
  return (await sql.all<RawClaim>(CLAIM_GROUP, ids, owner, leaseMs)).map(claimed);
}

/**
 * Whether a commit can share a statement with other commits. Batches with reserved keys, or with a table, are never in
 * a group.
 */
const fitsGroup = ({ unique, table, counts, text }: ChunkCommit): boolean =>
  !unique?.freed && !table && !counts.rows && !text.includes(BETWEEN_BYTES[0] as number);

/**
 * Commits all chunks in one statement. If the statement fails, each chunk is committed by itself, so that one faulty
 * commit does not fail the others.
 */
export async function commitChunks(sql: Sql, commits: ChunkCommit[]): Promise<PromiseSettledResult<Written | null>[]> {
  const alone = (commit: ChunkCommit) => commitChunk(sql, commit);
  if (commits.length < 2 || !commits.every(fitsGroup)) return commitEach(alone, commits);
  try {
    for (const commit of commits) checkCount(commit);
    return (await commitGroup(sql, commits)).map((value) => ({ status: "fulfilled", value }));
  } catch (error) {
    if (isUnavailable(error)) throw error;
    if (!isTooOld(error)) sql.warnUngrouped(error);
    return commitEach(alone, commits);
  }
}

/**
 * Answers each batch after its commit. Null: fence, state or chunk of the batch did not match, and nothing of it was
 * written.
 */
async function commitGroup(sql: Sql, commits: ChunkCommit[]): Promise<(Written | null)[]> {
  const rows = await sql.all<RawBatch & { outbox: number[] }>(
    textFor(needsOf(commits)),
    JSON.stringify(commits.map(groupRow)),
    commits.map(({ id }) => id),
    Buffer.concat(commits.flatMap(({ text }, n) => (n === 0 ? [text] : [BETWEEN_BYTES, text]))),
    commits.map((commit) => (isCounted(commit) ? commit.unique?.keys : "")).join(BETWEEN),
    JSON.stringify(faultRows(commits)),
    eventRows(commits.map(eventsOf)),
    groupsJson(commits) ?? "[]",
  );
  const outbox = (rows[0]?.outbox ?? []).values();
  const batches = new Map(rows.map(({ outbox: _, ...raw }) => [raw.id, raw]));
  return commits.map((commit) => {
    const raw = batches.get(commit.id);
    return raw ? { batch: batchRow(raw), outbox: idsFor(eventsOf(commit), outbox) } : null;
  });
}

const idsFor = (events: OutboxDraft[], ids: Iterator<number>) =>
  events.map((event) => ({ ...event, id: ids.next().value as number, attempts: 0 }));
