/** The statement that commits a chunk of each of several batches: numbers come in as JSON, the records' texts in one text. */
import { PASS } from "../../../rows.ts";
import { batchColumns, liveColumns, movingOf } from "../rows.ts";
import { NOW } from "../sql.ts";
import { HANDED, heirsOf } from "./work.ts";

/** Between the texts of two batches. No JSON text has it: there it is written as an escape. */
export const BETWEEN = "\x1e";

/** What the statement takes of each commit (`n` is its place), error and event. */
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
} as const;
/** `m`: its place among its commit's. `delivery_id`: under which id it goes to the webhook. */
export const eventFields = { n: "int", m: "int", topic: "varchar", body: "text", delivery_id: "uuid" } as const;

/** What only some commits have; each is another statement, prepared when it is first needed. */
export interface Needs {
  ends: boolean;
  goesOn: boolean;
  keys: boolean;
  faults: boolean;
  events: boolean;
  deliveries: boolean;
}

const rowsOf = (parameter: string, as: string, fields: Record<string, string>) =>
  `json_to_recordset(${parameter}::json) AS ${as}(${Object.entries(fields)
    .map(([name, type]) => `"${name}" ${type}`)
    .join(", ")})`;

const GIVEN = `given AS MATERIALIZED (SELECT * FROM ${rowsOf("$1", "c", commitFields)})`;

/**
 * The rows of `batch_work` that are still ours, locked; of a batch that ends its own row is locked before, and that of
 * `batch_work` is gone. In the order of their ids, so that two statements do not wait for each other. The ids are given
 * once more as $2: then rows are looked up by their key, however many the planner thinks there are.
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

/** $3: the texts of all; $4: their keys. See `recordCtes` of work.ts on numbers. */
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

/** In the order of their hashes, as in keys.ts; of two batches of the group the earlier one gets a key that both have. */
const KEYED = [
  `taken AS (INSERT INTO record_key (client_id, key_hash, batch_id, chunk_no, ends_at)
    SELECT client_id, key, id, chunk, ${NOW} + key_kept FROM texts WHERE key IS NOT NULL ORDER BY client_id, key, n
    ON CONFLICT DO NOTHING RETURNING client_id, key_hash, batch_id)`,
  `keyed AS MATERIALIZED (SELECT t.id, t.seq, t.data, t.key IS NULL OR k.key_hash IS NOT NULL AS is_new
    FROM texts t LEFT JOIN taken k ON k.client_id = t.client_id AND k.key_hash = t.key AND k.batch_id = t.id)`,
  "stored AS (INSERT INTO record (batch_id, seq, data) SELECT id, seq, data FROM keyed WHERE is_new)",
  "missed AS MATERIALIZED (SELECT id, count(*) FILTER (WHERE NOT is_new) AS n FROM keyed GROUP BY id)",
];

const FAULTS = `faults AS (INSERT INTO record_error (batch_id, seq, n, line, field, code, message, raw)
    SELECT f.id, f.pass * ${PASS} + e.seq, e.n, e.line, e.field, e.code, e.message, e.raw
    FROM fence f JOIN ${rowsOf("$5", "e", faultFields)} ON e.of = f.n)`;

/** What a client's batches had of its places goes to the rest of their group, or is free. Rows that others want too are locked in the order of their ids. */
const places = ({ goesOn }: Needs) => [
  "purged AS (DELETE FROM batch_chunk c USING gone, given g WHERE c.batch_id = gone.id AND g.id = gone.id AND g.purge AND c.batch_id = ANY($2::bigint[]))",
  heirsOf("gone"),
  // A row is written once in a statement: what goes on gets the place with its counts.
  `${HANDED}${goesOn ? " AND w.batch_id NOT IN (SELECT id FROM stays)" : ""})`,
  `freed AS MATERIALIZED (SELECT client_id, sum(place) AS places FROM gone WHERE id NOT IN (SELECT after FROM heirs)
    GROUP BY client_id HAVING sum(place) > 0)`,
  `queues AS MATERIALIZED (SELECT q.client_id FROM client_queue q JOIN freed USING (client_id) ORDER BY q.client_id FOR NO KEY UPDATE OF q)`,
  `slots AS (UPDATE client_queue q SET running = greatest(q.running - freed.places, 0)
    FROM freed JOIN queues USING (client_id) WHERE q.client_id = freed.client_id)`,
];

const events = rowsOf("$6", "e", eventFields);
const OUTBOX = `outbox_rows AS (INSERT INTO outbox (topic, body, due_at, attempts)
    SELECT e.topic, e.body, ${NOW}, 0 FROM fence f JOIN ${events} ON e.n = f.n ORDER BY e.n, e.m RETURNING id)`;
/** As `deliveriesCte` of rows.ts. */
const DELIVERIES = `delivery_rows AS (INSERT INTO delivery (public_id, batch_id, client_id, event, body, state, due_at, attempts, created_at)
    SELECT e.delivery_id, f.id, f.client_id, e.topic, e.body, 'pending', ${NOW}, 0, ${NOW}
    FROM fence f JOIN ${events} ON e.n = f.n WHERE e.delivery_id IS NOT NULL
    ON CONFLICT (batch_id, event) DO UPDATE SET body = excluded.body, state = 'pending', due_at = excluded.due_at,
      tries = 0, claim = NULL WHERE delivery.event = 'batch.completed')`;

const moved = (of: string, keys: boolean) => {
  const missed = keys ? "coalesce(m.n, 0)" : "0";
  return `next_chunk = g.next_chunk, phase = g.phase, accepted = ${of}.accepted + g.accepted - ${missed},
      rejected = ${of}.rejected + g.rejected, duplicate = ${of}.duplicate + g.duplicate + ${missed},
      faults = ${of}.faults + g.faults, unlisted = ${of}.unlisted + g.unlisted, attempt = 1, version = ${of}.version + 1`;
};

function made({ ends, goesOn, keys }: Needs): string[] {
  const from = (name: string) =>
    `FROM ${name} f JOIN given g ON g.id = f.id${keys ? " LEFT JOIN missed m ON m.id = f.id" : ""}`;
  const ended = `ended AS (UPDATE batch b SET ${moved("f", keys)}, due_at = coalesce(g.due_at, ${NOW} + g.due_in), state = g.state,
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

/** $1 commits, $2 their ids, $3 texts, $4 keys, $5 errors, $6 events: each is named, also where it is not needed. */
export function textOf(needs: Needs): string {
  const ctes = [
    GIVEN,
    "unused AS (SELECT $4::text, $5::json, $6::json)",
    ...fence(needs),
    texts(needs),
    ...(needs.keys ? KEYED : [STORED]),
    ...(needs.faults ? [FAULTS] : []),
    ...(needs.ends ? places(needs) : []),
    ...(needs.events ? [OUTBOX] : []),
    ...(needs.deliveries ? [DELIVERIES] : []),
    ...made(needs),
  ];
  return `WITH ${ctes.join(",\n")}\n${answer(needs)}`;
}
