/**
 * Lists deliveries. A filter runs one short walk along an index for each wanted pair of state and event, and then sorts
 * what the walks have found. So a page costs little, however many deliveries there are.
 */
import {
  type Attempt,
  type DeliveryQuery,
  type DeliveryRow,
  deliveryStates,
  webhookEvents,
} from "../../services/webhook/webhook.domain.ts";
import { deliveryAttempt } from "../schema/tables.ts";
import type { DeliveryStore } from "../store.deliveries.ts";
import { select, selectFrom } from "./steps.ts";
import { type Fragments, shapes, type Units } from "./unit.ts";

const LISTED = {
  batch: "uuid",
  publicId: "uuid",
  clientId: "bigint",
  state: "name",
  event: "name",
  from: "bigint",
  to: "bigint",
  beforeAt: "bigint",
  beforeId: "bigint",
  limit: "int",
} as const;

const CONDITIONS = {
  batch: "d.batch_id = (SELECT of_id.id FROM batch AS of_id WHERE of_id.public_id = :batch)",
  publicId: "d.public_id = :publicId",
  clientId: "d.client_id = :clientId",
  state: "d.state = :state",
  event: "d.event = :event",
  from: "d.created_at >= :from",
  to: "d.created_at <= :to",
  beforeAt: "d.created_at <= :beforeAt",
  beforeId: "(d.created_at < :beforeAt OR d.id < :beforeId)",
};
type Condition = keyof typeof CONDITIONS;
const names = Object.keys(CONDITIONS) as Condition[];

const COLUMNS = `d.id AS "id", d.public_id AS "publicId", b.public_id AS "batchId", d.client_id AS "clientId", d.event AS "event",
    d.state AS "state", d.due_at AS "dueAt", d.created_at AS "createdAt", d.attempts AS "made"`;
const NEWEST = "d.created_at DESC, d.id DESC";
const OLDEST = "d.created_at, d.id";

type Made = Omit<DeliveryRow, "attempts"> & { made: number };
type Lists = Pick<DeliveryStore, "listDeliveries" | "failedDeliveries" | "deliveryBody">;

export function deliveryLists(on: Units): Lists {
  const rowsOf = listed(on);
  const attempts = on.unit({ ids: "ids" }, ({ isIn }) => [
    selectFrom(
      deliveryAttempt,
      ["deliveryId", "no", "at", "status", "error", "ms"],
      "a",
      `FROM delivery_attempt AS a WHERE ${isIn("a.delivery_id", ":ids")} ORDER BY a.delivery_id, a.no`,
    ),
  ]);
  const failed = on.unit({ clientId: "bigint", from: "bigint", limit: "int" }, ({ first }) => {
    const walks = walksOf({ first }, ["clientId", "from"], { states: ["'failed'"], order: OLDEST });
    return [select<{ id: number }>(first(":limit", `d.id AS "id" FROM (${walks}) AS d ORDER BY ${OLDEST}`))];
  });
  const body = on.unit({ id: "bigint" }, () => [
    select<{ body: string }>('SELECT d.body AS "body" FROM delivery AS d WHERE d.id = :id'),
  ]);
  return {
    async listDeliveries(query) {
      const rows = await rowsOf(query);
      if (rows.length === 0) return [];
      const of = new Map(rows.map(({ made, ...row }) => [row.id, { row, made, attempts: [] as Attempt[] }]));
      for (const { deliveryId, no, ...attempt } of await attempts.rows({ ids: [...of.keys()] })) {
        const entry = of.get(deliveryId);
        // An attempt made after the first query belongs to a state that this list does not show.
        if (entry && no <= entry.made) entry.attempts.push(attempt);
      }
      return [...of.values()].map(({ row, attempts }) => ({ ...row, attempts }));
    },
    failedDeliveries: async ({ since, ...query }) => (await failed.rows({ ...query, from: since })).map(({ id }) => id),
    deliveryBody: async (id) => (await body.row({ id }))?.body ?? null,
  };
}

function listed(on: Units): (query: DeliveryQuery) => Promise<Made[]> {
  const which = shapes((asked: Condition[]) => {
    // A batch has few deliveries, and a public id has one, so these lists need no walks.
    const isShort = asked.includes("batch") || asked.includes("publicId");
    return on.unit(LISTED, ({ first }) => [
      select<Made>(
        first(
          ":limit",
          isShort
            ? `${COLUMNS} FROM delivery AS d JOIN batch AS b ON b.id = d.batch_id WHERE ${conditionsOf(asked)} ORDER BY ${NEWEST}`
            : `${COLUMNS} FROM (${first(":limit", `f.id AS id FROM (${walksOf({ first }, asked, { order: NEWEST })}) AS f ORDER BY f.created_at DESC, f.id DESC`)}) AS found
  JOIN delivery AS d ON d.id = found.id JOIN batch AS b ON b.id = d.batch_id ORDER BY ${NEWEST}`,
        ),
      ),
    ]);
  });
  return ({ before, ...query }) => {
    const given = { ...query, beforeAt: before?.createdAt, beforeId: before?.id };
    const values = Object.fromEntries(names.map((name) => [name, given[name] ?? null]));
    const asked = names.filter((name) => values[name] !== null);
    return which(asked).rows({ ...(values as Record<Condition, never>), limit: query.limit });
  };
}

const conditionsOf = (asked: Condition[]) => asked.map((name) => CONDITIONS[name]).join(" AND ");

interface Walks {
  states?: readonly string[];
  order: string;
}

/**
 * A SELECT of the ids and times of each walk's first rows. An index, with or without the client, has each walk's order.
 */
function walksOf(
  { first }: Pick<Fragments, "first">,
  asked: Condition[],
  { states = asked.includes("state") ? [":state"] : quoted(deliveryStates), order }: Walks,
): string {
  const events = asked.includes("event") ? [":event"] : quoted(webhookEvents);
  const rest = asked.filter((name) => name !== "state" && name !== "event");
  const also = rest.length === 0 ? "" : ` AND ${conditionsOf(rest)}`;
  const walks = states.flatMap((state) =>
    events.map((event) =>
      first(
        ":limit",
        `d.id AS id, d.created_at AS created_at FROM delivery AS d WHERE d.state = ${state} AND d.event = ${event}${also} ORDER BY ${order}`,
      ),
    ),
  );
  return walks.map((walk, i) => `SELECT w${i}.id, w${i}.created_at FROM (${walk}) AS w${i}`).join("\n    UNION ALL ");
}

const quoted = (values: readonly string[]) => values.map((value) => `'${value}'`);
