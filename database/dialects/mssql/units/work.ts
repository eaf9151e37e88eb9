/** What a worker does: claim, commit chunk by chunk, keep its leases. */
import { linesOf } from "../../../../formats/text-lines.ts";
import { checkCount, errorRows, movingColumns, PASS, placesWithout, workColumns } from "../../../rows.ts";
import { type ChunkCommit, type Claimed, storedFaults, type Written } from "../../../store.ts";
import {
  batchColumns,
  batchRow,
  chunkColumns,
  type Deciding,
  deciding,
  dueAt,
  hasEnded,
  INTO_MADE,
  jsonOrNull,
  LATER,
  MADE,
  madeOf,
  outboxSteps,
  Params,
  type RawBatch,
  type RawChunk,
  type RawWritten,
  storedChunk,
  unit,
  written,
  writtenUnit,
} from "../rows.ts";
import { big, int, kinds, name, type Sql, type Staged, text } from "../sql.ts";
import { LIFT, strideOf } from "./fairness.ts";
import { CLIENT_OF, endsAt, fenced, reservedSteps, stagedFreed, TAKEN, uniqueSteps } from "./keys.ts";

/** A client has one more free slot. */
export const freeSlot = (client: string) =>
  `UPDATE client_queue SET running = CASE WHEN running > 0 THEN running - 1 ELSE 0 END WHERE client_id = ${client}`;

/** What a row of `batch_work` begins with. */
export const giveWork = (id: string, until: string) =>
  `INSERT INTO batch_work (${workColumns.join(", ")})
SELECT ${workColumns.map((column) => ({ batch_id: "id", due_at: until, place: "1", group_id: "NULL" })[column as string] ?? column).join(", ")} FROM batch WHERE id = ${id}`;
export const freeWork = (id: string) => `DELETE FROM batch_work WHERE batch_id = ${id}`;

/**
 * Lock order batch → batch_work → client_queue. On stride scheduling and the lift of `pass`, see the SQLite twin. What
 * somebody's SQL has left behind in `batch_work` is no obstacle.
 */
const CLAIM = `${LIFT}
${unit({
  declared: [MADE, "@client BIGINT"],
  steps: [
    deciding("UPDATE batch SET fence = fence WHERE id = @id AND state = 'ready' AND due_at <= @now"),
    LATER,
    deciding(`UPDATE batch SET state = 'processing', owner = @owner, fence = fence + 1, due_at = NULL,
  attempt = attempt + 1, attempts_total = attempts_total + 1, started_at = COALESCE(started_at, @now), version = version + 1
WHERE id = @id AND state = 'ready'`),
    freeWork("@id"),
    giveWork("@id", "@now + @lease"),
    madeOf("@id"),
    "SELECT @client = client_id FROM @made",
    deciding(`UPDATE client_queue SET running = running + 1,
  pass = CASE WHEN pass < @lift THEN @lift ELSE pass END + ${strideOf("client_queue")},
  began = CASE WHEN pass < @lift THEN @lift ELSE pass END
WHERE client_id = @client AND running < cap`),
  ],
  answer: `SELECT ${batchColumns("made")}, c.batch_id AS "chunkOf", ${chunkColumns}
FROM @made AS made LEFT JOIN batch_chunk AS c ON c.batch_id = made.id AND c.no = made.next_chunk WHERE @held = 1`,
})}`;

type RawClaim = RawBatch & RawChunk & { chunkOf: number | null };

export async function claim(sql: Sql, id: number, owner: string, leaseMs: number): Promise<Claimed | null> {
  const raw = await sql.get<RawClaim>(CLAIM, { id: big(id), owner: name(owner), lease: big(leaseMs) });
  return raw ? { batch: batchRow(raw), chunk: raw.chunkOf === null ? null : storedChunk(raw) } : null;
}

/**
 * Rows that are many are loaded before anything is locked. The batch's lock comes first, so a takeover that commits while
 * this waits leaves it without a row; the client's slot comes last, for all the client's workers want its row. Only the last
 * commit of a run writes the row of `batch`.
 */
export async function commitChunk(sql: Sql, commit: ChunkCommit): Promise<Written | null> {
  checkCount(commit);
  const params = new Params();
  const events = commit.end?.events ?? [];
  const staged = [...stagedRecords(commit), ...stagedErrors(commit), ...stagedFreed(commit)];
  const [id, chunk] = [params.add(big(commit.id), "id"), params.add(int(commit.chunk), "chunk")];
  const steps: (string | Deciding)[] = [
    ...(commit.end ? [ending(id, params.add(big(commit.fence), "fence"))] : []),
    fenced(id, params.add(big(commit.fence), "fence"), chunk),
    LATER,
    CLIENT_OF(id),
    ...recordSteps(commit, { id, chunk }, params),
    ...reservedSteps(commit, id, chunk, params),
    ...errorSteps(commit, id, params),
    ...(commit.end?.purge ? [`DELETE FROM batch_chunk WHERE batch_id = ${id}`] : []),
    `UPDATE batch_work SET ${advanced(commit, params).join(", ")}\nWHERE batch_id = ${id}`,
    ...(commit.end ? ended(commit.end, id, params) : [madeOf(id)]),
    ...outboxSteps(events, params),
    ...(commit.end ? [freeSlot("@client")] : []),
  ];
  const declared = [
    "@client BIGINT",
    ...(commit.errors.length > 0 ? ["@passes BIGINT"] : []),
    ...(isCounted(commit) ? ["@missed BIGINT", TAKEN] : []),
  ];
  const batch = writtenUnit(events, { declared, steps });
  const rows =
    staged.length > 0
      ? await sql.staged<RawWritten>(staged, batch, params.all)
      : await sql.all<RawWritten>(batch, params.all);
  return written(rows[0], events);
}

/** Whether some of its texts may turn out to be duplicates. */
const isCounted = ({ unique, text }: ChunkCommit): boolean => unique !== undefined && text.length > 0;

/** The texts with their numbers, and their keys where they have some. */
function stagedRecords(commit: ChunkCommit): Staged[] {
  const { text, firstRecord, unique } = commit;
  if (text.length === 0) return [];
  const keys = unique?.keys.split("\n");
  const without = new Set(placesWithout(commit));
  let place = 0;
  const rows = linesOf(text).map((data, i) => {
    while (without.has(place)) place++;
    const row: unknown[] = [firstRecord + place++, data];
    if (keys) row.push(keys[i] ? Buffer.from(keys[i], "hex") : null);
    return row;
  });
  const columns = { seq: kinds.big, data: kinds.text };
  // Each name stands for one list of columns.
  return keys
    ? [{ name: "#keyed", columns: { ...columns, key_hash: kinds.key }, order: ["seq"], rows }]
    : [{ name: "#records", columns, order: ["seq"], rows }];
}

function recordSteps(commit: ChunkCommit, { id, chunk }: { id: string; chunk: string }, params: Params): string[] {
  if (commit.text.length === 0) return [];
  if (!commit.unique)
    return [
      `INSERT INTO record (batch_id, seq, data)
SELECT ${id}, given.seq, given.data FROM #records AS given ORDER BY given.seq`,
    ];
  const texts = commit.records - placesWithout(commit).length;
  return [
    ...uniqueSteps(id, chunk, endsAt(commit.unique, params)),
    `SET @missed = ${params.add(big(texts), "texts")} - @@ROWCOUNT`,
  ];
}

const errorColumns = {
  seq: kinds.big,
  n: kinds.int,
  line: kinds.big,
  field: kinds.text,
  code: kinds.name,
  message: kinds.text,
  raw: kinds.text,
};

function stagedErrors({ errors, firstRecord }: ChunkCommit): Staged[] {
  if (errors.length === 0) return [];
  const names = Object.keys(errorColumns) as (keyof typeof errorColumns)[];
  const rows = errors
    .flatMap((rejected) => errorRows(firstRecord, rejected))
    .map((row) => names.map((name) => row[name]));
  return [{ name: "#errors", columns: errorColumns, order: ["seq", "n"], rows }];
}

function errorSteps({ errors }: ChunkCommit, id: string, params: Params): string[] {
  if (errors.length === 0) return [];
  const [seq, ...names] = Object.keys(errorColumns);
  // What stands before the record's number in `seq`. As BIGINT, for it is multiplied.
  const step = params.add(big(PASS), "step");
  return [
    `SELECT @passes = pass FROM batch WHERE id = ${id}`,
    `INSERT INTO record_error (batch_id, ${[seq, ...names].join(", ")})
SELECT ${id}, @passes * ${step} + given.${seq}, ${names.map((name) => `given.${name}`).join(", ")} FROM #errors AS given ORDER BY given.seq, given.n`,
  ];
}

function advanced(commit: ChunkCommit, params: Params): string[] {
  const { leaseMs, counts, next, end } = commit;
  const [less, more] = isCounted(commit) ? [" - @missed", " + @missed"] : ["", ""];
  return [
    `next_chunk = ${params.add(int(next.chunk), "nextChunk")}`,
    `phase = ${params.add(name(next.phase), "phase")}`,
    `accepted = accepted + ${params.add(big(counts.accepted), "accepted")}${less}`,
    `rejected = rejected + ${params.add(big(counts.rejected), "rejected")}`,
    `duplicate = duplicate + ${params.add(big(counts.duplicate), "duplicate")}${more}`,
    `faults = faults + ${params.add(big(storedFaults(commit)), "faults")}`,
    `unlisted = unlisted + ${params.add(big(commit.unlisted.length), "unlisted")}`,
    // This run is the first attempt at the chunk that follows.
    "attempt = 1",
    "version = version + 1",
    ...(end ? [] : [`due_at = @now + ${params.add(big(leaseMs), "lease")}`]),
  ];
}

/** The batch's row is locked before that of `batch_work`, where this commit is the last one of its run. */
const ending = (id: string, fence: string) =>
  deciding(`UPDATE batch SET fence = fence WHERE id = ${id} AND fence = ${fence} AND state = 'processing'`);

/** The batch stands where its row of `batch_work` did, which goes; all that before its state is another one (taken.ts). */
export const standing = (id: string): string[] => [
  `UPDATE batch SET ${movingColumns.map((column) => `${column} = w.${column}`).join(", ")}
FROM batch_work AS w WHERE batch.id = ${id} AND w.batch_id = ${id}`,
  freeWork(id),
];

function ended(end: NonNullable<ChunkCommit["end"]>, id: string, params: Params): string[] {
  const sets = [
    `due_at = ${dueAt(end.due, params)}`,
    `state = ${params.add(name(end.state), "state")}`,
    `reason = ${params.add(text(jsonOrNull(end.reason)), "reason")}`,
    "owner = NULL",
    `finished_at = ${hasEnded(end.state) ? "@now" : "NULL"}`,
    ...(end.purge ? ["chunks = 0"] : []),
  ];
  return [...standing(id), `UPDATE batch SET ${sets.join(", ")}\n${INTO_MADE}\nWHERE id = ${id}`];
}
