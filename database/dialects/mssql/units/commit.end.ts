/**
 * The steps of a commit that ends batches: they write each row of `batch`, and pass the place of its client on or free
 * it.
 */

import { movingColumns } from "../../../rows.ts";
import { inTurn } from "../rows.ts";
import { freeWork } from "./claim.ts";
import { OF_COMMIT } from "./commit.rows.ts";

const ENDS = "EXISTS (SELECT 1 FROM @mine AS m WHERE m.id = @id AND m.ends = 1)";

/**
 * Locks the row of `batch`, before the row of `batch_work`, in the last commit of a run. An UPDATE that changes nothing
 * locks a row without hints.
 */
export const HOLD = `UPDATE batch SET fence = batch.fence
OUTPUT inserted.id INTO @locked
${OF_COMMIT}
WHERE c.id = @id AND c.ends = 1 AND batch.id = @id AND batch.fence = c.fence AND batch.state = 'processing'`;

export const ENDING_DECLARED = [
  "@locked TABLE (id BIGINT NOT NULL PRIMARY KEY)",
  "@client BIGINT",
  "@group BIGINT",
  "@rest TABLE (id BIGINT NOT NULL PRIMARY KEY, group_id BIGINT NOT NULL)",
  "@handed TABLE (group_id BIGINT NOT NULL PRIMARY KEY)",
  "@freed TABLE (client_id BIGINT NOT NULL PRIMARY KEY, places INT NOT NULL)",
];

/**
 * The steps by which a batch that ends hands its group's place on to the next batch of the group (see moves.ts). If the
 * next batch ends too, the one after it gets the place. The group is first read without locks, because no batch can
 * join it.
 */
export const HAND_ON = [
  `INSERT INTO @rest (id, group_id)
SELECT DISTINCT w.batch_id, w.group_id FROM @mine AS m JOIN batch_work AS w ON w.group_id = m.group_id AND w.batch_id > m.id
WHERE m.ends = 1 AND m.place > 0 AND w.batch_id NOT IN (SELECT leaving.id FROM @mine AS leaving WHERE leaving.ends = 1)`,
  ...inTurn("@id", "@rest", "id", [
    "SET @group = (SELECT r.group_id FROM @rest AS r WHERE r.id = @id AND r.group_id NOT IN (SELECT h.group_id FROM @handed AS h))",
    `UPDATE batch_work SET place = 1
OUTPUT inserted.group_id INTO @handed
WHERE batch_id = @id AND group_id = @group`,
  ]),
];

/**
 * Copies the row of `batch_work` to `batch` and deletes it. That comes before the change of state: otherwise the change
 * of state would fire the trigger `batch_work_taken`.
 */
export const ENDED = [
  `UPDATE batch SET ${movingColumns.map((column) => `${column} = w.${column}`).join(", ")}
FROM batch_work AS w WHERE batch.id = @id AND w.batch_id = @id AND ${ENDS}`,
  `${freeWork("@id")} AND ${ENDS}`,
  `UPDATE batch SET due_at = COALESCE(c.due_at, @now + c.due_in), state = c.state, reason = c.reason, owner = NULL,
  finished_at = CASE WHEN c.has_ended = 1 THEN @now END, chunks = CASE WHEN c.purge = 1 THEN 0 ELSE batch.chunks END
${OF_COMMIT}
WHERE c.id = @id AND batch.id = @id AND c.ends = 1`,
];

/** Frees the places of batches that ended, unless another batch of the group has taken over the place. */
export const LEAVE = [
  `INSERT INTO @freed (client_id, places)
SELECT m.client_id, SUM(m.place) FROM @mine AS m
WHERE m.ends = 1 AND m.place > 0 AND NOT EXISTS (SELECT 1 FROM @handed AS h WHERE h.group_id = m.group_id)
GROUP BY m.client_id`,
  ...inTurn("@client", "@freed", "client_id", [
    `UPDATE client_queue SET running = CASE WHEN running > f.places THEN running - f.places ELSE 0 END
FROM @freed AS f WHERE f.client_id = @client AND client_queue.client_id = @client`,
  ]),
];
