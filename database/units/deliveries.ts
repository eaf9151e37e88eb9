import type { Attempt, DeliveryQuery, DeliveryRow, DeliveryStore } from "../deliveries.ts";
import { delivery, deliveryAttempt } from "../schema/tables.ts";
import { insert, rowSet, select, selectFrom, take, update } from "./steps.ts";
import { shapes, type Units } from "./unit.ts";

/** A client with a long queue is looked at so far and no further. */
const LOOKED_AT = 1_000;

const TAKEN = rowSet("taken", delivery, ["id", "publicId", "clientId", "event", "body", "tries", "claim"]);
const TOLD = rowSet("told", delivery, ["id", "attempts"]);

export function deliveries(on: Units): DeliveryStore {
  const taken = on.unit(
    { limit: "int", leaseMs: "bigint", busy: "ids", claim: "uuid" },
    ({ first, isIn, passingBy, untaken }) => [
      take(delivery, {
        due: "due_at <= :now",
        among: `SELECT eldest.id FROM (
    SELECT waiting.id, ROW_NUMBER() OVER (PARTITION BY waiting.client_id ORDER BY waiting.due_at, waiting.id) AS place
    FROM (${first(
      LOOKED_AT,
      `id, client_id, due_at FROM ${passingBy("delivery")}
      WHERE due_at <= :now AND NOT ${isIn("client_id", ":busy")}${untaken("client_id")} ORDER BY due_at, id`,
    )}) AS waiting) AS eldest WHERE eldest.place = 1`,
        order: "due_at, id",
        limit: ":limit",
        set: "due_at = :now + :leaseMs, tries = tries + 1, claim = :claim",
        into: TAKEN,
      }),
    ],
  );

  const record = on.unit(
    {
      id: "bigint",
      claim: "uuid",
      state: "name",
      inMs: "bigint",
      given: "int",
      ms: "int",
      status: "int",
      error: "text",
    },
    ({ greatest }) => [
      update(delivery, {
        set: `attempts = attempts + 1,
    state = CASE WHEN claim = :claim THEN :state ELSE state END,
    due_at = CASE WHEN claim = :claim THEN :now + :inMs ELSE due_at END,
    tries = CASE WHEN claim = :claim THEN ${greatest("tries - :given", "0")} ELSE tries END,
    claim = CASE WHEN claim = :claim THEN NULL ELSE claim END`,
        where: "id = :id",
        into: TOLD,
      }),
      attempted(":now - :ms", { status: ":status", error: ":error", ms: ":ms" }),
    ],
  );

  const fail = on.unit({ clientId: "bigint", error: "text" }, () => [
    update(delivery, {
      set: "state = 'failed', due_at = NULL, claim = NULL, attempts = attempts + 1",
      where: "due_at IS NOT NULL AND client_id = :clientId",
      into: TOLD,
    }),
    attempted(":now", { status: "NULL", error: ":error", ms: "0" }),
  ]);

  const replay = on.unit({ publicId: "uuid" }, () => [
    update(delivery, {
      set: "state = 'pending', due_at = :now, tries = 0, claim = NULL",
      where: "public_id = :publicId",
    }),
  ]);
  const voided = on.unit({}, () => [
    update(delivery, { set: "due_at = :now, claim = NULL", where: "claim IS NOT NULL" }),
  ]);
  return {
    takeDeliveries: (wanted) => taken.rows(wanted) as ReturnType<DeliveryStore["takeDeliveries"]>,
    recordAttempt: async ({ next, ...attempt }) => {
      const isGiven = next.state === "pending" && !next.isTry;
      const inMs = next.state === "pending" ? next.inMs : null;
      await record.changed({ ...attempt, state: next.state, inMs, given: isGiven ? 1 : 0 });
    },
    failDeliveries: (clientId, error) => fail.changed({ clientId, error }),
    replayDelivery: async (publicId) => (await replay.changed({ publicId })) > 0,
    listDeliveries: listed(on),
    voidClaims: async () => void (await voided.changed({})),
  };
}

/** Writes down an attempt at each of `told`. */
const attempted = (at: string, values: { status: string; error: string; ms: string }) =>
  insert(deliveryAttempt, {
    values: { delivery_id: "told.id", no: "told.attempts", at, ...values },
    from: "told",
  });

const LISTED = {
  batch: "uuid",
  publicId: "uuid",
  state: "name",
  before: "bigint",
  limit: "int",
} as const;
const CONDITIONS = {
  batch: "d.batch_id = (SELECT of_id.id FROM batch AS of_id WHERE of_id.public_id = :batch)",
  publicId: "d.public_id = :publicId",
  state: "d.state = :state",
  before: "d.id < :before",
};
type Condition = keyof typeof CONDITIONS;

function listed(on: Units): DeliveryStore["listDeliveries"] {
  const which = shapes((asked: Condition[]) =>
    on.unit(LISTED, ({ first }) => [
      select<Omit<DeliveryRow, "attempts">>(
        first(
          ":limit",
          `d.id AS "id", d.public_id AS "publicId", b.public_id AS "batchId", d.client_id AS "clientId", d.event AS "event",
    d.state AS "state", d.due_at AS "dueAt" FROM delivery AS d JOIN batch AS b ON b.id = d.batch_id
  ${asked.length === 0 ? "" : `WHERE ${asked.map((name) => CONDITIONS[name]).join(" AND ")} `}ORDER BY d.id DESC`,
        ),
      ),
    ]),
  );
  const attempts = on.unit({ ids: "ids" }, ({ isIn }) => [
    selectFrom(
      deliveryAttempt,
      ["deliveryId", "at", "status", "error", "ms"],
      "a",
      `FROM delivery_attempt AS a WHERE ${isIn("a.delivery_id", ":ids")} ORDER BY a.delivery_id, a.no`,
    ),
  ]);
  return async (query: DeliveryQuery) => {
    const asked = (Object.keys(CONDITIONS) as Condition[]).filter((name) => query[name] !== undefined);
    const all = { batch: null, publicId: null, state: null, before: null, ...query };
    const rows = await which(asked).rows(all);
    if (rows.length === 0) return [];
    const made = new Map<number, Attempt[]>(rows.map(({ id }) => [id, []]));
    for (const { deliveryId, ...attempt } of await attempts.rows({ ids: [...made.keys()] }))
      made.get(deliveryId)?.push(attempt);
    return rows.map((row) => ({ ...row, attempts: made.get(row.id) ?? [] }));
  };
}
