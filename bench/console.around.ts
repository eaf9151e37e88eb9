/** Fills the tables beside `batch`: records, attempts, moves, deliveries, the audit, versions of policies, figures. */
import { CLIENTS, DAY_MS, DAYS, ONE_HAS, type Piece, REMAINDER } from "./console.size.ts";

const RECORDS_EACH = 100;
const VERSIONS_EACH = 20;

const RECORDS = `INSERT INTO record (batch_id, seq, data)
  SELECT b, i, '{"id":' || i || ',"quantity":1,"customer":"' || md5(i::text) || '"}'
  FROM generate_series(${REMAINDER}, $1::int, ${ONE_HAS.records}) b, generate_series(1, ${RECORDS_EACH}) i`;
const ATTEMPTS = `INSERT INTO batch_attempt (batch_id, no, at, node, code, detail, attempt, chunk, to_state)
  SELECT b, i, 1, 'worker-1', 'handler-failed', 'The handler threw.', i, 0, 'ready'
  FROM generate_series(${REMAINDER}, $1::int, ${ONE_HAS.move}) b, generate_series(1, 3) i`;
const MOVES = `INSERT INTO batch_move (batch_id, n, at, from_state, to_state, kind, who, code, detail)
  SELECT b, i, 1, 'failed', 'ready', 'operator', 'ann', NULL, NULL
  FROM generate_series(${REMAINDER}, $1::int, ${ONE_HAS.move}) b, generate_series(1, 2) i`;

const DELIVERIES = `INSERT INTO delivery (id, public_id, batch_id, client_id, event, body, state, due_at, attempts, created_at, tries)
  SELECT id, public_id, id, client_id,
    CASE state WHEN 'failed' THEN 'batch.failed' ELSE 'batch.completed' END, '{"id":"' || public_id || '"}',
    CASE WHEN id % 500 = ${REMAINDER} THEN 'failed' ELSE 'delivered' END, NULL, 1, created_at + 50, 1
  FROM batch WHERE id % ${ONE_HAS.delivery} = ${REMAINDER}`;
const SENDINGS = `INSERT INTO delivery_attempt (delivery_id, no, at, status, error, ms)
  SELECT b, 1, 1, 200, NULL, 12 FROM generate_series(${REMAINDER}, $1::int, ${ONE_HAS.delivery}) b`;

const AUDIT = `INSERT INTO audit (public_id, at, who, role, address, request_id, action, subject_type, subject_id, subject_name, change, status)
  SELECT gen_random_uuid(), $2::bigint - ($1::int / 10 - n) * (${DAYS} * ${DAY_MS}::bigint) / ($1::int / 10), 'operator-' || n % 20, 'operator',
    '10.0.0.1', md5(n::text), CASE n % 5 WHEN 0 THEN 'client.policy' ELSE 'batch.retry' END, 'client',
    'subject-' || n % 5000, 'client-' || lpad((n % ${CLIENTS})::text, 4, '0'), '{}', 'done'
  FROM generate_series(1, $1::int / 10) n`;

const VERSIONS = `INSERT INTO policy (client_id, version, body, created_at)
    SELECT c, v, '{}', v FROM generate_series(1, ${CLIENTS}) c, generate_series(1, ${VERSIONS_EACH}) v`;
const DOCUMENTS = `INSERT INTO document_version (client_id, dataset, version, at, who, changed, body)
  SELECT c, '', v, v, 'ann', '[]', '{}' FROM generate_series(1, ${CLIENTS}) c, generate_series(1, ${VERSIONS_EACH}) v`;

const COUNTED = [
  ..."accepted rejected duplicate bytes batches_completed batches_completed_with_errors batches_failed".split(" "),
  ..."batches_rejected batches_cancelled batches_validated batches_undone requests_allowed requests_refused".split(" "),
  ..."deliveries_delivered deliveries_retried deliveries_failed claims claim_ms queue_age_ms".split(" "),
];
const ones = COUNTED.map(() => "1").join(", ");
/** Figures exist for all clients together (client 0) and for the hundred busiest clients, each by two nodes. */
const BY_CLIENT = 100;
const HOURS = `INSERT INTO stat_hour (client_id, at, ${COUNTED.join(", ")})
  SELECT c, $1::bigint - $1::bigint % 3600000 - h::bigint * 3600000, ${ones} FROM generate_series(48, ${DAYS} * 24) h, generate_series(0, ${BY_CLIENT}) c`;
const MINUTES = `INSERT INTO stat_minute (client_id, at, node, run, ${COUNTED.join(", ")})
  SELECT c, $1::bigint - $1::bigint % 60000 - m * 60000, 'node-' || k, '00000000-0000-7000-8000-000000000000', ${ones}
  FROM generate_series(1, 2880) m, generate_series(0, ${BY_CLIENT}) c, generate_series(1, 2) k`;

const ofBatches = (texts: string[], batches: number): Piece[] => texts.map((text) => ({ text, values: [batches] }));

export const around = {
  tables: [
    "record",
    "batch_attempt",
    "batch_move",
    "delivery",
    "delivery_attempt",
    "audit",
    "stat_minute",
    "stat_hour",
  ],
  /** The statements in their order. `DELIVERIES` reads rows that earlier statements have made. */
  pieces: (batches: number, now: number): Piece[] => [
    { text: DELIVERIES },
    ...ofBatches([RECORDS, ATTEMPTS, MOVES, SENDINGS], batches),
    { text: AUDIT, values: [batches, now] },
    { text: HOURS, values: [now] },
    { text: MINUTES, values: [now] },
    { text: VERSIONS },
    { text: DOCUMENTS },
  ],
};
