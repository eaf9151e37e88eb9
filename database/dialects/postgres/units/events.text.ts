/** SQL that inserts the events and deliveries of several batches, which are sent as JSON. */
import type { OutboxDraft } from "../../../../services/outbox/outbox.domain.ts";
import { NOW } from "../sql.ts";

/** The JSON rows of a parameter, as a table with these fields. */
export const rowsOf = (parameter: string, as: string, fields: Record<string, string>) =>
  `json_to_recordset(${parameter}::json) AS ${as}(${Object.entries(fields)
    .map(([name, type]) => `"${name}" ${type}`)
    .join(", ")})`;

/**
 * The fields of an event in the JSON parameter. `n`: the position of the event's batch; `m`: the position of the event
 * in its batch. `delivery_id`: the id of the event's webhook delivery.
 */
const eventFields = { n: "int", m: "int", topic: "varchar", body: "text", delivery_id: "uuid" } as const;

/** The value of the JSON parameter: the events of each batch. */
export const eventRows = (batches: OutboxDraft[][]): string =>
  JSON.stringify(
    batches.flatMap((events, n) =>
      events.map(({ topic, body, delivery }, m) => ({ n, m, topic, body, delivery_id: delivery?.publicId })),
    ),
  );

/**
 * The conflict clause of deliveries. A batch has one delivery for each event. For `created` and `ready` the first
 * delivery stays. For the end of a batch a later delivery (after a redrive) replaces the earlier one.
 */
export const TOLD_ONCE = `ON CONFLICT (batch_id, event) DO UPDATE SET body = excluded.body, state = 'pending', due_at = excluded.due_at,
      tries = 0, claim = NULL WHERE delivery.event = 'batch.completed'`;

/** CTE `outbox_rows`: inserts the events of the batches in `source` (`n`, `id`, `client_id`), in their order. */
export const outboxOf = (
  source: string,
  parameter: string,
) => `outbox_rows AS (INSERT INTO outbox (topic, body, due_at, attempts)
    SELECT e.topic, e.body, ${NOW}, 0 FROM ${source} f JOIN ${rowsOf(parameter, "e", eventFields)} ON e.n = f.n ORDER BY e.n, e.m RETURNING id)`;

/** CTE `delivery_rows`: inserts the deliveries of the events that go to a webhook. */
export const deliveriesOf = (source: string, parameter: string) => `delivery_rows AS (INSERT INTO delivery
      (public_id, batch_id, client_id, event, body, state, due_at, attempts, created_at)
    SELECT e.delivery_id, f.id, f.client_id, e.topic, e.body, 'pending', ${NOW}, 0, ${NOW}
    FROM ${source} f JOIN ${rowsOf(parameter, "e", eventFields)} ON e.n = f.n WHERE e.delivery_id IS NOT NULL
    ${TOLD_ONCE})`;
