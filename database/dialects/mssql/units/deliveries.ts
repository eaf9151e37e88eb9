import type {
  Attempt,
  AttemptRecord,
  DeliveryQuery,
  DeliveryRow,
  TakeDeliveries,
  TakenDelivery,
} from "../../../deliveries.ts";
import { AT_NOW, deciding, idsIn, listOf, Params, unit } from "../rows.ts";
import { big, int, kinds, name, type Sql, text, uuid } from "../sql.ts";
import { PASSING_BY, taking } from "./taking.ts";

/** A client with a long queue is looked at so far and no further. */
const LOOKED_AT = 1_000;

const TAKE = taking({
  taken: `id BIGINT, public_id ${kinds.uuid.sql}, client_id BIGINT NOT NULL, event ${kinds.name.sql}, body ${kinds.text.sql},
  tries INT, claim ${kinds.uuid.sql}`,
  pick: `SELECT TOP (@open) eldest.id FROM (
  SELECT waiting.id, waiting.due_at, ROW_NUMBER() OVER (PARTITION BY waiting.client_id ORDER BY waiting.due_at, waiting.id) AS place
  FROM (SELECT TOP (${LOOKED_AT}) id, client_id, due_at FROM delivery ${PASSING_BY}
    WHERE due_at <= @now AND client_id NOT IN ${idsIn("@busy")}
      AND client_id NOT IN (SELECT had.client_id FROM @taken AS had) ORDER BY due_at, id) AS waiting) AS eldest
WHERE eldest.place = 1 ORDER BY eldest.due_at, eldest.id`,
  take: `UPDATE delivery SET due_at = @now + @lease, tries = tries + 1, claim = @claim
OUTPUT inserted.id, inserted.public_id, inserted.client_id, inserted.event, inserted.body, inserted.tries, inserted.claim
INTO @taken
WHERE id IN (SELECT picked.id FROM @due AS picked) AND due_at <= @now`,
  answer: `SELECT id AS "id", public_id AS "publicId", client_id AS "clientId", event AS "event", body AS "body",
  tries AS "tries", claim AS "claim" FROM @taken ORDER BY id`,
});

export function takeDeliveries(sql: Sql, { limit, leaseMs, busy, claim }: TakeDeliveries): Promise<TakenDelivery[]> {
  return sql.all<TakenDelivery>(TAKE, {
    limit: int(limit),
    lease: big(leaseMs),
    claim: uuid(claim),
    busy: listOf(busy),
  });
}

const ATTEMPT = "INSERT INTO delivery_attempt (delivery_id, no, at, status, error, ms)";

export async function recordAttempt(sql: Sql, { id, claim, status, error, ms, next }: AttemptRecord): Promise<void> {
  const params = new Params();
  const isOurs = `claim = ${params.add(uuid(claim), "claim")}`;
  const due = next.state === "pending" ? `@now + ${params.add(big(next.inMs), "wait")}` : "NULL";
  const isGiven = next.state === "pending" && !next.isTry;
  const tries = isGiven ? "CASE WHEN tries > 0 THEN tries - 1 ELSE 0 END" : "tries";
  const took = params.add(int(ms), "ms");
  const batch = unit({
    declared: ["@told TABLE (id BIGINT, attempts INT)"],
    steps: [
      deciding(`UPDATE delivery SET attempts = attempts + 1,
  state = CASE WHEN ${isOurs} THEN ${params.add(name(next.state), "state")} ELSE state END,
  due_at = CASE WHEN ${isOurs} THEN ${due} ELSE due_at END,
  tries = CASE WHEN ${isOurs} THEN ${tries} ELSE tries END,
  claim = CASE WHEN ${isOurs} THEN NULL ELSE claim END
OUTPUT inserted.id, inserted.attempts INTO @told
WHERE id = ${params.add(big(id), "id")}`),
      `${ATTEMPT} SELECT id, attempts, @now - ${took}, ${params.add(int(status), "status")}, ${params.add(text(error), "error")}, ${took} FROM @told`,
    ],
    answer: 'SELECT @held AS "held" WHERE @held = 1',
  });
  await sql.all(batch, params.all);
}

const FAIL = unit({
  declared: ["@failed TABLE (id BIGINT, attempts INT)"],
  steps: [
    `UPDATE delivery SET state = 'failed', due_at = NULL, claim = NULL, attempts = attempts + 1
OUTPUT inserted.id, inserted.attempts INTO @failed
WHERE due_at IS NOT NULL AND client_id = @client`,
    `${ATTEMPT} SELECT id, attempts, @now, NULL, @error, 0 FROM @failed`,
  ],
  answer: 'SELECT COUNT(*) AS "n" FROM @failed',
});

export async function failDeliveries(sql: Sql, clientId: number, error: string): Promise<number> {
  return (await sql.get<{ n: number }>(FAIL, { client: big(clientId), error: text(error) }))?.n ?? 0;
}

const REPLAY = `${AT_NOW}
DECLARE @held INT;
UPDATE delivery SET state = 'pending', due_at = @now, tries = 0, claim = NULL WHERE public_id = @publicId;
SET @held = @@ROWCOUNT;
SELECT @held AS "held" WHERE @held = 1;`;

export async function replayDelivery(sql: Sql, publicId: string): Promise<boolean> {
  return (await sql.get(REPLAY, { publicId: uuid(publicId) })) !== undefined;
}

type Listed = Omit<DeliveryRow, "attempts"> & { no: number | null } & Attempt;

export async function listDeliveries(
  sql: Sql,
  { batch, publicId, state, before, limit }: DeliveryQuery,
): Promise<DeliveryRow[]> {
  const params = new Params();
  const conditions: string[] = [];
  if (batch !== undefined)
    conditions.push(`d.batch_id = (SELECT id FROM batch WHERE public_id = ${params.add(uuid(batch), "batch")})`);
  if (publicId !== undefined) conditions.push(`d.public_id = ${params.add(uuid(publicId), "publicId")}`);
  if (state !== undefined) conditions.push(`d.state = ${params.add(name(state), "state")}`);
  if (before !== undefined) conditions.push(`d.id < ${params.add(big(before), "before")}`);
  const where = conditions.length > 0 ? `WHERE ${conditions.join(" AND ")} ` : "";
  const rows = await sql.all<Listed>(
    `SELECT listed.id AS "id", listed.public_id AS "publicId", listed.batch AS "batchId", listed.client_id AS "clientId",
  listed.event AS "event", listed.state AS "state", listed.due_at AS "dueAt",
  a.no AS "no", a.at AS "at", a.status AS "status", a.error AS "error", a.ms AS "ms"
FROM (SELECT TOP (${params.add(int(limit), "limit")}) d.id, d.public_id, b.public_id AS batch, d.client_id, d.event, d.state, d.due_at
  FROM delivery AS d JOIN batch AS b ON b.id = d.batch_id ${where}ORDER BY d.id DESC) AS listed
LEFT JOIN delivery_attempt AS a ON a.delivery_id = listed.id
ORDER BY listed.id DESC, a.no;`,
    params.all,
  );
  return withAttempts(rows);
}

/** A delivery has a row for each of its attempts, or one without. */
function withAttempts(rows: Listed[]): DeliveryRow[] {
  const found = new Map<number, DeliveryRow>();
  for (const { no, at, status, error, ms, ...delivery } of rows) {
    const known = found.get(delivery.id) ?? { ...delivery, attempts: [] };
    found.set(delivery.id, known);
    if (no !== null) known.attempts.push({ at, status, error, ms });
  }
  return [...found.values()];
}

export async function voidClaims(sql: Sql): Promise<void> {
  await sql.all(`${AT_NOW}\nUPDATE delivery SET due_at = @now, claim = NULL WHERE claim IS NOT NULL;`);
}
