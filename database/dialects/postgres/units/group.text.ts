/**
 * The statement that commits a chunk of each of several batches. Counts are sent as JSON, and all records as one text.
 */
import type { Needs } from "../../../commits.ts";
import { PASS, tableCounts } from "../../../rows.ts";
import { batchColumns, liveColumns, movingOf } from "../rows.ts";
import { NOW } from "../sql.ts";
import { deliveriesOf, outboxOf, rowsOf } from "./events.text.ts";
import { groupsCte } from "./groups.text.ts";
import { REPEATED, unlessTooOld } from "./keys.ts";
import { HANDED, heirsOf } from "./work.ts";

/**
 * Separates the texts of two batches. JSON text never contains this character, because JSON escapes control characters.
 */
export const BETWEEN = "\x1e";

/** The fields of a commit in the JSON parameter. `n`: the position of the commit. */
export const commitFields = {
  n: "int",
  id: "bigint",
  fence: "bigint",
  chunk: "int",
  first_record: "bigint",
  holes: "text",
  next_chunk: "int",
  phase: "varchar",
  accepted: "bigint",
  rejected: "bigint",
  duplicate: "bigint",
  faults: "bigint",
  unlisted: "bigint",
  lease: "bigint",
  key_kept: "bigint",
  ends: "bool",
  state: "varchar",
  reason: "text",
  due_in: "bigint",
  due_at: "bigint",
  has_ended: "bool",
  purge: "bool",
} as const;
export const faultFields = {
  of: "int",
  seq: "bigint",
  n: "int",
  line: "bigint",
  field: "text",
  code: "text",
  message: "text",
  raw: "text",
  source: "text",
  value: "text",
  corrects: "text",
} as const;
const GIVEN = `given AS MATERIALIZED (SELECT * FROM ${rowsOf("$1", "c", commitFields)})`;

/**
 * CTE `stays`: locks the rows of `batch_work` of batches that go on and still belong to this worker. CTEs `held` and
 * `gone`, for batches that end: lock the row of `batch`, then delete the row of `batch_work`. Rows are locked in the
 * order of the ids, so that two statements cannot deadlock. The ids are also sent as $2, so that the planner always
 * finds rows by their key.
 */
const STAYS = `stays AS MATERIALIZED (SELECT w.batch_id AS id, w.client_id, w.pass, w.place, w.group_id, ${movingOf("w")}
  FROM batch_work w JOIN given g ON g.id = w.batch_id
  WHERE w.batch_id = ANY($2::bigint[]) AND NOT g.ends AND w.fence = g.fence AND w.next_chunk = g.chunk
  ORDER BY w.batch_id FOR NO KEY UPDATE OF w)`;
const GONE = `held AS MATERIALIZED (SELECT b.id FROM batch b JOIN given g ON g.id = b.id
    WHERE b.id = ANY($2::bigint[]) AND g.ends AND b.fence = g.fence AND b.state = 'processing' ORDER BY b.id FOR NO KEY UPDATE OF b),
  gone AS (DELETE FROM batch_work w USING held h, given g
    WHERE w.batch_id = h.id AND g.id = h.id AND w.batch_id = ANY($2::bigint[]) AND w.fence = g.fence AND w.next_chunk = g.chunk
    RETURNING w.batch_id AS id, w.client_id, w.pass, w.place, w.group_id, ${movingOf("w")})`;

function fence({ ends, goesOn }: Needs): string[] {
  const from = [...(ends ? ["gone"] : []), ...(goesOn ? ["stays"] : [])].map((name) => `SELECT * FROM ${name}`);
  return [
    ...(goesOn ? [STAYS] : []),
    ...(ends ? [GONE] : []),
    `fence AS MATERIALIZED (SELECT f.*, g.n, g.chunk, g.first_record, g.holes, g.key_kept FROM (${from.join(" UNION ALL ")}) f JOIN given g ON g.id = f.id)`,
  ];
}

/**
 * CTE `texts`: splits $3 (the texts of all batches) and $4 (their keys) into rows. For the numbers of the records see
 * `recordCtes` of work.ts.
 */
function texts({ keys }: Needs): string {
  const functions = (one: string, other: string, by: string) =>
    `ROWS FROM (string_to_table(${one}, ${by})${keys ? `, string_to_table(${other}, ${by})` : ""}) WITH ORDINALITY`;
  const [all, each] = keys ? ["data, keys, n", "data, key, n"] : ["data, n", "data, n"];
  return `texts AS MATERIALIZED (SELECT f.id, f.client_id, f.n, f.chunk, f.key_kept, t.data,
      f.first_record + t.n - 1 + CASE WHEN f.holes IS NULL THEN 0 ELSE width_bucket(t.n::int - 1, f.holes::int[]) END AS seq
      ${keys ? ", decode(nullif(t.key, ''), 'hex') AS key" : ""}
    FROM fence f JOIN ${functions("$3::text", "$4::text", "E'\\x1e'")} AS b(${all}) ON b.n = f.n + 1
      CROSS JOIN LATERAL ${functions("b.data", "b.keys", "E'\\n'")} AS t(${each}))`;
}

const STORED = "stored AS (INSERT INTO record (batch_id, seq, data) SELECT id, seq, data FROM texts)";

/**
 * CTEs that insert unique keys in the order of their hashes, as in keys.ts. If two batches of the group have the same
 * key, the earlier batch gets it.
 */
const KEYED = [
  `taken AS (INSERT INTO record_key (client_id, key_hash, batch_id, chunk_no, ends_at)
    SELECT client_id, key, id, chunk, ${NOW} + key_kept FROM texts WHERE key IS NOT NULL ORDER BY client_id, key, n
    ON CONFLICT DO NOTHING RETURNING client_id, key_hash, batch_id)`,
  `keyed AS MATERIALIZED (SELECT t.id, t.client_id, t.key, t.seq, t.data, t.key IS NULL OR k.key_hash IS NOT NULL AS is_new
    FROM texts t LEFT JOIN taken k ON k.client_id = t.client_id AND k.key_hash = t.key AND k.batch_id = t.id)`,
  "stored AS (INSERT INTO record (batch_id, seq, data) SELECT id, seq, data FROM keyed WHERE is_new)",
  `repeats AS MATERIALIZED (SELECT coalesce(o.batch_id, k.batch_id) AS batch_id, x.id AS by_id, count(*) AS n
    FROM keyed x LEFT JOIN taken o ON o.client_id = x.client_id AND o.key_hash = x.key
      LEFT JOIN LATERAL (SELECT k.batch_id FROM record_key k WHERE k.client_id = x.client_id AND k.key_hash = x.key LIMIT 1) k ON true
    WHERE NOT x.is_new GROUP BY 1, 2)`,
  REPEATED,
  `missed AS MATERIALIZED (SELECT id, count(*) FILTER (WHERE NOT is_new)
    ${unlessTooOld("SELECT 0", "SELECT count(*) FROM repeats WHERE batch_id IS NULL")} AS n FROM keyed GROUP BY id)`,
];

const FAULTS = `faults AS (INSERT INTO record_error (batch_id, seq, n, line, field, code, message, raw, source, value, corrects)
    SELECT f.id, f.pass * ${PASS} + e.seq, e.n, e.line, e.field, e.code, e.message, e.raw, e.source, e.value, e.corrects
    FROM fence f JOIN ${rowsOf("$5", "e", faultFields)} ON e.of = f.n)`;

/**
 * CTEs that hand the places of batches that end on to the rest of their group, or free the places. Shared rows are
 * locked in the order of their ids.
 */
const places = ({ goesOn }: Needs) => [
  "purged AS (DELETE FROM batch_chunk c USING gone, given g WHERE c.batch_id = gone.id AND g.id = gone.id AND g.purge AND c.batch_id = ANY($2::bigint[]))",
  heirsOf("gone"),
  // A statement can write a row only once, so the CTE `w` gives a batch that goes on its place together with its
  // counts.
  `${HANDED}${goesOn ? " AND w.batch_id NOT IN (SELECT id FROM stays)" : ""})`,
  `freed AS MATERIALIZED (SELECT client_id, sum(place) AS places FROM gone WHERE id NOT IN (SELECT after FROM heirs)
    GROUP BY client_id HAVING sum(place) > 0)`,
  `queues AS MATERIALIZED (SELECT q.client_id FROM client_queue q JOIN freed USING (client_id) ORDER BY q.client_id FOR NO KEY UPDATE OF q)`,
  `slots AS (UPDATE client_queue q SET running = greatest(q.running - freed.places, 0)
    FROM freed JOIN queues USING (client_id) WHERE q.client_id = freed.client_id)`,
];

const moved = (of: string, keys: boolean) => {
  const missed = keys ? "coalesce(m.n, 0)" : "0";
  return `next_chunk = g.next_chunk, phase = g.phase, accepted = ${of}.accepted + g.accepted - ${missed},
      rejected = ${of}.rejected + g.rejected, duplicate = ${of}.duplicate + g.duplicate + ${missed},
      faults = ${of}.faults + g.faults, unlisted = ${of}.unlisted + g.unlisted, attempt = 1, version = ${of}.version + 1`;
};

function made({ ends, goesOn, keys }: Needs): string[] {
  const from = (name: string) =>
    `FROM ${name} f JOIN given g ON g.id = f.id${keys ? " LEFT JOIN missed m ON m.id = f.id" : ""}`;
  const rows = tableCounts.map((name) => `${name} = f.${name}`).join(", ");
  const ended = `ended AS (UPDATE batch b SET ${moved("f", keys)}, ${rows}, due_at = coalesce(g.due_at, ${NOW} + g.due_in), state = g.state,
      reason = g.reason, owner = NULL, finished_at = CASE WHEN g.has_ended THEN ${NOW} END,
      chunks = CASE WHEN g.purge THEN 0 ELSE b.chunks END
    ${from("gone")} WHERE b.id = f.id AND b.id = ANY($2::bigint[]) RETURNING ${batchColumns("b")})`;
  const on = `w AS (UPDATE batch_work w SET ${moved("f", keys)}, due_at = ${NOW} + g.lease${ends ? ", place = CASE WHEN w.batch_id IN (SELECT id FROM heirs) THEN 1 ELSE w.place END" : ""}
    ${from("stays")} WHERE w.batch_id = f.id AND w.batch_id = ANY($2::bigint[]) RETURNING w.*)`;
  return [...(ends ? [ended] : []), ...(goesOn ? [on] : [])];
}

function answer({ ends, goesOn, events: hasEvents }: Needs): string {
  const batches = [
    ...(ends ? ["SELECT * FROM ended"] : []),
    ...(goesOn ? [`SELECT ${liveColumns} FROM w JOIN batch ON batch.id = w.batch_id`] : []),
  ];
  const outbox = hasEvents ? "(SELECT coalesce(json_agg(id ORDER BY id), '[]') FROM outbox_rows)" : "'[]'::json";
  return `SELECT made.*, ${outbox} AS outbox FROM (${batches.join(" UNION ALL ")}) made`;
}

/**
 * Makes the statement. Parameters: $1 commits, $2 their ids, $3 texts, $4 keys, $5 errors, $6 events, $7 error groups.
 * PostgreSQL wants each parameter to occur, so the CTE `unused` names the optional ones.
 */
export function textOf(needs: Needs): string {
  const ctes = [
    GIVEN,
    "unused AS (SELECT $4::text, $5::json, $6::json, $7::json)",
    ...fence(needs),
    texts(needs),
    ...(needs.keys ? KEYED : [STORED]),
    ...(needs.faults ? [FAULTS] : []),
    ...(needs.grouped ? [groupsCte("$7", "f.n")] : []),
    ...(needs.ends ? places(needs) : []),
    ...(needs.events ? [outboxOf("fence", "$6")] : []),
    ...(needs.deliveries ? [deliveriesOf("fence", "$6")] : []),
    ...made(needs),
  ];
  return `WITH ${ctes.join(",\n")}\n${answer(needs)}`;
}
