/** Commits a chunk, or a chunk of each of several batches, in one transaction. Each batch is checked by its own fence. */

import type { ChunkCommit, Written } from "../../../../services/batch/batch.writes.domain.ts";
import { eventsOf, type Needs, needsOf } from "../../../commits.ts";
import { checkCount, PASS, tableCounts } from "../../../rows.ts";
import { isUnavailable } from "../../../unavailable.ts";
import { commitEach } from "../../retry.ts";
import { batchColumns, batchRow, inTurn, LATER, MADE, madeOf, type RawBatch, unit } from "../rows.ts";
import { big, SETTINGS, type Sql, type Value, type Values } from "../sql.ts";
import { withRows } from "../staging.ts";
import type { Together } from "../together.ts";
import { declarationOf } from "../values.ts";
import { ENDED, ENDING_DECLARED, HAND_ON, HOLD, LEAVE } from "./commit.end.ts";
import {
  commitsOf,
  eventRows,
  faultNames,
  OF_COMMIT,
  stagedFaults,
  stagedFreed,
  stagedGroups,
  stagedLost,
  stagedTexts,
} from "./commit.rows.ts";
import { FRESH, GROUPED } from "./groups.ts";
import { heldFirst, isRepeated, KEYED, REPEATS, reservedSteps, reservedValues, TAKEN } from "./keys.ts";

export async function commitChunk(sql: Sql, commit: ChunkCommit): Promise<Written | null> {
  checkCount(commit);
  return (await committed(sql, [commit]))[0] ?? null;
}

/** Whether a commit may be grouped. Batches with reserved keys, or with a table, are never in a group. */
const fitsGroup = ({ unique, table }: ChunkCommit): boolean => !unique?.freed && !table;

/**
 * Commits all chunks in one unit. An error undoes the whole unit. Then `alone` commits each chunk by itself, so that
 * one faulty commit does not fail the others.
 */
export async function commitChunks(
  sql: Sql,
  commits: ChunkCommit[],
  alone: (commit: ChunkCommit) => Promise<Written | null>,
): Promise<PromiseSettledResult<Written | null>[]> {
  if (commits.length < 2 || !commits.every(fitsGroup)) return commitEach(alone, commits);
  try {
    for (const commit of commits) checkCount(commit);
    return (await committed(sql, commits)).map((value) => ({ status: "fulfilled", value }));
  } catch (error) {
    if (isUnavailable(error)) throw error;
    return commitEach(alone, commits);
  }
}

/** A batch with the id of one of its events. A batch with several events has several rows. */
type RawCommitted = RawBatch & { event: number | null };

/**
 * Answers each batch after its commit. Null: fence, state or chunk of the batch did not match, and nothing of it was
 * written. If there are many rows, they are loaded before anything is locked.
 */
async function committed(sql: Sql, commits: ChunkCommit[]): Promise<(Written | null)[]> {
  const { needs, brought, params, staged } = sentOf(commits);
  const { text, values } = withRows(brought, textOf(commits, needs), params);
  const rows = await (staged.length > 0
    ? sql.staged<RawCommitted>(staged, text, values)
    : sql.all<RawCommitted>(text, values));
  return writtenOf(commits, rows);
}

/**
 * Commits a chunk as the end of an open transaction. Null: fence, state or chunk did not match, and the whole
 * transaction is undone.
 */
export async function commitTogether(unit: Together, commit: ChunkCommit): Promise<Written | null> {
  const { needs, brought, params, staged } = sentOf([commit]);
  await unit.load([...brought, ...staged]);
  const text = textOf([commit], needs, Object.entries(params).map(declaredNumber));
  const sets = await unit.runOwn(`${SETTINGS}\n${text}`);
  return writtenOf([commit], sets.at(-1) as RawCommitted[])[0] ?? null;
}

/** Declares a parameter as a variable with its value. All parameters are numbers, which need no quotes. */
const declaredNumber = ([name, { type, value }]: [string, Value]): string =>
  `@${name} ${declarationOf(type)} = ${value === null ? "NULL" : Number(value)}`;

/** What is sent to the server: tables with few rows, parameters, and tables that may have many rows. */
function sentOf(commits: ChunkCommit[]) {
  const needs = needsOf(commits);
  const brought = [commitsOf(commits), ...(needs.events ? [eventRows(commits)] : [])];
  // `step` is a BIGINT, because `pass` times PASS does not fit in an INT.
  const params: Values = Object.assign(needs.faults ? { step: big(PASS) } : {}, ...commits.map(reservedValues));
  const staged = [
    ...stagedTexts(commits),
    ...stagedFaults(commits),
    ...stagedGroups(commits),
    ...stagedFreed(commits),
    ...stagedLost(commits),
  ];
  return { needs, brought, params, staged };
}

function writtenOf(commits: ChunkCommit[], rows: RawCommitted[]): (Written | null)[] {
  const byId = Map.groupBy(rows, ({ id }) => id);
  return commits.map((commit) => {
    const [raw, ...more] = byId.get(commit.id) ?? [];
    if (!raw) return null;
    const ids = [raw, ...more].map(({ event }) => event);
    const outbox = eventsOf(commit).map((event, i) => ({ ...event, id: ids[i] as number, attempts: 0 }));
    return { batch: batchRow(raw), outbox };
  });
}

/** The table variable `@mine`: the batches whose rows of `batch_work` are locked and match the fence. */
const MINE = `@mine TABLE (id BIGINT NOT NULL PRIMARY KEY, client_id BIGINT NOT NULL, pass BIGINT NOT NULL, place INT NOT NULL,
  group_id BIGINT, n INT NOT NULL, chunk INT NOT NULL, ends INT NOT NULL, key_kept BIGINT)`;

/**
 * Makes the T-SQL of a commit. Lock order: batch → batch_work → keys → client_queue. `client_queue` comes last, because
 * all workers of the client need its row. If another worker takes a batch over while the commit waits for a lock, the
 * batch has no row in `@mine`, from which all writes read. Shared rows are found by their keys, one by one: one
 * statement for all might scan the whole table, and wait for other units' locks. Only the last commit of a run writes
 * the row of `batch`. `joining`: set if a transaction is open; declarations of variables that replace the parameters.
 */
function textOf(commits: ChunkCommit[], needs: Needs, joining?: string[]): string {
  const declared = [
    ...(joining ?? []),
    MADE,
    "@id BIGINT",
    MINE,
    ...(needs.keys ? ["@missed BIGINT", TAKEN] : []),
    ...(needs.keys || commits.some(({ unique }) => isRepeated(unique)) ? [REPEATS] : []),
    ...(needs.grouped ? [FRESH] : []),
    ...(needs.ends ? ENDING_DECLARED : []),
    ...(needs.events ? ["@outbox TABLE (id BIGINT NOT NULL PRIMARY KEY)"] : []),
  ];
  const steps = [
    ...commits.flatMap(heldFirst),
    ...inTurn("@id", "#commits", "id", [...(needs.ends ? [HOLD] : []), fenced(needs)]),
    LATER,
    ...(needs.ends ? HAND_ON : []),
    ...(needs.keys ? KEYED : []),
    ...(needs.plain ? [RECORDS] : []),
    ...(needs.faults ? [FAULTS] : []),
    ...(needs.grouped ? GROUPED : []),
    ...inTurn("@id", "@mine", "id", [
      ...(needs.keys ? [MISSED] : []),
      ...commits.flatMap(reservedSteps),
      advanced(needs),
      ...(needs.purges ? [PURGE] : []),
      ...(needs.ends ? ENDED : []),
      madeOf("@id"),
      ...(needs.deliveries ? DELIVERIES : []),
    ]),
    ...(needs.events ? [OUTBOX] : []),
    ...(needs.ends ? LEAVE : []),
  ];
  const keptIf = joining && "EXISTS (SELECT 1 FROM @mine)";
  return unit({ declared, steps, answer: needs.events ? ANSWER_WITH_EVENTS : ANSWER, keptIf });
}

const IS_MINE = "IN (SELECT m.id FROM @mine AS m)";

/** Locks the worker's row of `batch_work`, if the row has this fence and is at this chunk. */
const fenced = ({ ends }: Needs) => `UPDATE batch_work SET fence = batch_work.fence
OUTPUT inserted.batch_id, inserted.client_id, inserted.pass, inserted.place, inserted.group_id, c.n, c.chunk, c.ends, c.key_kept INTO @mine
${OF_COMMIT}
WHERE c.id = @id AND batch_work.batch_id = @id AND batch_work.fence = c.fence AND batch_work.next_chunk = c.chunk${
  ends ? "\n  AND (c.ends = 0 OR EXISTS (SELECT 1 FROM @locked AS l WHERE l.id = @id))" : ""
}`;

const RECORDS = `INSERT INTO record (batch_id, seq, data)
SELECT given.id, given.seq, given.data FROM #records AS given WHERE given.id ${IS_MINE} ORDER BY given.id, given.seq`;

/** Sets `@missed`: how many texts of the batch had a taken key. */
const MISSED = `SET @missed = (SELECT c.keyed ${OF_COMMIT} WHERE c.id = @id) - (SELECT COUNT(*) FROM @taken AS t WHERE t.batch_id = @id)`;

const FAULTS = `INSERT INTO record_error (batch_id, seq, ${faultNames.join(", ")})
SELECT given.id, m.pass * @step + given.seq, ${faultNames.map((name) => `given.${name}`).join(", ")}
FROM #errors AS given JOIN @mine AS m ON m.id = given.id ORDER BY given.id, given.seq, given.n`;

/** The counts of table rows. A group may mix batches that go into a table with others, whose counts stay NULL. */
const ROWS = tableCounts
  .map((name) => `${name} = COALESCE(batch_work.${name} + c.${name}, c.${name}, batch_work.${name}),`)
  .join(" ");

/** Moves the batch to its next chunk. `attempt` is 1, because this run is the first attempt at that chunk. */
function advanced({ keys, rows }: Needs): string {
  const [less, more] = keys ? [" - @missed", " + @missed"] : ["", ""];
  return `UPDATE batch_work SET next_chunk = c.next_chunk, phase = c.phase, accepted = batch_work.accepted + c.accepted${less},
  rejected = batch_work.rejected + c.rejected, duplicate = batch_work.duplicate + c.duplicate${more},
  faults = batch_work.faults + c.faults, unlisted = batch_work.unlisted + c.unlisted,
  ${rows ? `${ROWS}\n  ` : ""}attempt = 1, version = batch_work.version + 1, due_at = @now + c.lease
${OF_COMMIT}
WHERE c.id = @id AND batch_work.batch_id = @id`;
}

const PURGE = `DELETE FROM batch_chunk WHERE batch_id = @id AND EXISTS (SELECT 1 ${OF_COMMIT} WHERE c.id = @id AND c.purge = 1)`;

/** The steps that insert or replace webhook deliveries, by the rules of `deliveryStep` in units/outcome.ts. */
const DELIVERIES = [
  `UPDATE delivery SET body = e.body, state = 'pending', due_at = @now, tries = 0, claim = NULL
FROM #events AS e
WHERE e.id = @id AND e.delivery_id IS NOT NULL AND e.topic = 'batch.completed' AND delivery.batch_id = @id AND delivery.event = e.topic`,
  `INSERT INTO delivery (public_id, batch_id, client_id, event, body, state, due_at, attempts, created_at)
SELECT e.delivery_id, @id, m.client_id, e.topic, e.body, 'pending', @now, 0, @now FROM #events AS e JOIN @mine AS m ON m.id = e.id
WHERE e.id = @id AND e.delivery_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM delivery AS d WHERE d.batch_id = @id AND d.event = e.topic)`,
];

/** Inserts the events in order, so that their ids rise in the same order. */
const OUTBOX = `INSERT INTO outbox (topic, body, due_at, attempts)
OUTPUT inserted.id INTO @outbox
SELECT e.topic, e.body, @now, 0 FROM #events AS e WHERE e.id ${IS_MINE} ORDER BY e.n`;

const ANSWER = `SELECT ${batchColumns("made")} FROM @made AS made`;
/** The answer with the ids of the events: the n-th event has the n-th id. */
const ANSWER_WITH_EVENTS = `SELECT ${batchColumns("made")}, o.id AS "event" FROM @made AS made
LEFT JOIN (SELECT e.id, ROW_NUMBER() OVER (ORDER BY e.n) AS nth FROM #events AS e WHERE e.id ${IS_MINE}) AS told ON told.id = made.id
LEFT JOIN (SELECT written.id, ROW_NUMBER() OVER (ORDER BY written.id) AS nth FROM @outbox AS written) AS o ON o.nth = told.nth
ORDER BY o.id`;
