import type { TakeDeliveries, TakenDelivery } from "../../services/webhook/webhook.domain.ts";
import { delivery, deliveryAttempt, outbox } from "../schema/tables.ts";
import type { DeliveryStore } from "../store.deliveries.ts";
import type { BatchStore } from "../store.ts";
import { auditParams, auditStep, auditValues } from "./audit.ts";
import { deliveryLists } from "./deliveries.lists.ts";
import { insert, remove, rowSet, select, take, update } from "./steps.ts";
import { type Params, shapes, type Units } from "./unit.ts";

/** A take reads this many due deliveries, longest due first. If these do not fill it, it reads as many clients. */
const LOOKED_AT = 1_000;

const TAKEN = rowSet("taken", delivery, ["id", "batchId", "publicId", "clientId", "event", "body", "tries", "claim"]);
const TOLD = rowSet("told", delivery, ["id", "attempts"]);

const REPLAYED = rowSet("replayed", delivery, ["id"]);
/** The SET text that makes a delivery due now and gives it all its tries again. */
const AGAIN = "state = 'pending', due_at = :now, tries = 0, claim = NULL";

export function deliveries(on: Units): DeliveryStore {
  const take = takingOn(on);
  const requests = on.unit({ ids: "ids" }, ({ isIn }) => [
    select<{ id: number; requestId: string | null }>(
      `SELECT b.id AS "id", b.request_id AS "requestId" FROM batch AS b WHERE ${isIn("b.id", ":ids")}`,
    ),
  ]);
  const takeDeliveries: DeliveryStore["takeDeliveries"] = async (wanted) => {
    const taken = await take(wanted);
    if (taken.length === 0) return [];
    // Request ids are only for the log. If they cannot be read, the deliveries that are taken go out without them.
    const found = await requests.rows({ ids: taken.map(({ batchId }) => batchId) }).catch(() => []);
    const of = new Map(found.map(({ id, requestId }) => [id, requestId]));
    return taken.map(({ batchId, ...delivery }) => ({ ...delivery, requestId: of.get(batchId) ?? null }));
  };

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

  const replay = shapes(({ hasAudit, isOfClient }: { hasAudit: boolean; isOfClient: boolean }) => {
    const params: Params = { publicId: "uuid", clientId: "bigint", ...(hasAudit ? auditParams : {}) };
    return on.unit(params, () => [
      update(delivery, {
        set: AGAIN,
        where: `public_id = :publicId${isOfClient ? " AND client_id = :clientId" : ""}`,
        into: hasAudit ? REPLAYED : undefined,
      }),
      ...(hasAudit ? [auditStep(REPLAYED.name)] : []),
    ]);
  });
  const replayAll = shapes((hasAudit: boolean) => {
    const params: Params = { ids: "ids", ...(hasAudit ? auditParams : {}) };
    return on.unit(params, ({ isIn }) => [
      update(delivery, {
        set: AGAIN,
        where: `state = 'failed' AND ${isIn("id", ":ids")}`,
        into: hasAudit ? REPLAYED : undefined,
      }),
      // One audit row for all replayed deliveries: that of the greatest id.
      ...(hasAudit ? [auditStep(REPLAYED.name, "replayed.id = (SELECT MAX(id) FROM replayed)")] : []),
    ]);
  });
  const voided = on.unit({}, () => [
    update(delivery, { set: "due_at = :now, claim = NULL", where: "claim IS NOT NULL" }),
  ]);
  return {
    takeDeliveries,
    recordAttempt: async ({ next, ...attempt }) => {
      const isGiven = next.state === "pending" && !next.isTry;
      const inMs = next.state === "pending" ? next.inMs : null;
      await record.changed({ ...attempt, state: next.state, inMs, given: isGiven ? 1 : 0 });
    },
    failDeliveries: (clientId, error) => fail.changed({ clientId, error }),
    replayDelivery: async ({ publicId, clientId = null }, audit) => {
      const shape = { hasAudit: audit !== undefined, isOfClient: clientId !== null };
      return (await replay(shape).changed({ publicId, clientId, ...auditValues(audit) })) > 0;
    },
    replayFailed: (ids, audit) => replayAll(audit !== undefined).changed({ ids, ...auditValues(audit) }),
    ...deliveryLists(on),
    voidClaims: async () => void (await voided.changed({})),
  };
}

type Taken = Omit<TakenDelivery, "requestId"> & { batchId: number };

const TAKING = { limit: "int", leaseMs: "bigint", busy: "ids", claim: "uuid" } as const;

/** The step that takes up to `:limit` deliveries among these ids. */
const taking = (among: string) =>
  take(delivery, {
    due: "due_at <= :now",
    among,
    order: "due_at, id",
    limit: ":limit",
    set: "due_at = :now + :leaseMs, tries = tries + 1, claim = :claim",
    into: TAKEN,
  });

/**
 * Takes one delivery of each client, longest due first. If the queues of busy clients fill the rows that are read, the next
 * clients are read instead, from where the last read ended. So a take costs the same however long one client's queue is.
 */
function takingOn(on: Units): (wanted: TakeDeliveries) => Promise<Taken[]> {
  const eldest = on.unit(TAKING, ({ first, isIn, skipLocked, untaken }) => [
    taking(`SELECT eldest.id FROM (
    SELECT waiting.id, ROW_NUMBER() OVER (PARTITION BY waiting.client_id ORDER BY waiting.due_at, waiting.id) AS place
    FROM (${first(
      LOOKED_AT,
      `id, client_id, due_at FROM ${skipLocked("delivery")} WHERE due_at <= :now ORDER BY due_at, id`,
    )}) AS waiting WHERE NOT ${isIn("waiting.client_id", ":busy")}${untaken("client_id")}) AS eldest WHERE eldest.place = 1`),
  ]);
  const due = on.unit({}, ({ first }) => [
    select<{ n: number }>(
      `SELECT COUNT(*) AS "n" FROM (${first(LOOKED_AT, "id FROM delivery WHERE due_at <= :now ORDER BY due_at, id")}) AS few`,
    ),
  ]);
  const clients = "client_id FROM client_queue WHERE client_id > :after ORDER BY client_id";
  const heads = on.unit({ ...TAKING, after: "bigint" }, ({ first, isIn, untaken }) => [
    taking(`SELECT heads.id FROM (
    SELECT (${first(
      1,
      "d.id FROM delivery AS d WHERE d.client_id = q.client_id AND d.due_at IS NOT NULL AND d.due_at <= :now ORDER BY d.due_at, d.id",
    )}) AS id
    FROM (${first(LOOKED_AT, clients)}) AS q
    WHERE NOT ${isIn("q.client_id", ":busy")}${untaken("client_id")}) AS heads WHERE heads.id IS NOT NULL`),
  ]);
  const walked = on.unit({ after: "bigint" }, ({ first }) => [
    select<{ last: number | null; n: number }>(
      `SELECT MAX(walked.client_id) AS "last", COUNT(*) AS "n" FROM (${first(LOOKED_AT, clients)}) AS walked`,
    ),
  ]);

  let after = 0;
  return async (wanted) => {
    const taken = (await eldest.rows(wanted)) as Taken[];
    if (taken.length === wanted.limit || ((await due.row({}))?.n ?? 0) < LOOKED_AT) return taken;
    const busy = [...wanted.busy, ...taken.map(({ clientId }) => clientId)];
    const limit = wanted.limit - taken.length;
    const more = (await heads.rows({ ...wanted, busy, limit, after })) as Taken[];
    // If the page is full, some of its clients may be left for the next take.
    if (more.length < limit) {
      const { last, n } = (await walked.row({ after })) ?? { last: null, n: 0 };
      after = n === LOOKED_AT && last !== null ? last : 0;
    }
    return [...taken, ...more];
  };
}

/** The step that inserts an attempt for each row of `told`. */
const attempted = (at: string, values: { status: string; error: string; ms: string }) =>
  insert(deliveryAttempt, {
    values: { delivery_id: "told.id", no: "told.attempts", at, ...values },
    from: "told",
  });

/** The outbox: events that wait to be published to RabbitMQ. */
export function outboxUnits(on: Units): Pick<BatchStore, "takeOutbox" | "deleteOutbox"> {
  // A row that was never taken is due `olderThanMs` after it was written. A row that was taken is due after `retryMs`.
  const taken = on.unit({ limit: "int", olderThanMs: "bigint", retryMs: "bigint" }, () => [
    take(outbox, {
      due: "due_at <= :now AND due_at <= :now - CASE WHEN attempts = 0 THEN :olderThanMs ELSE 0 END",
      order: "due_at, id",
      limit: ":limit",
      set: "due_at = :now + :retryMs, attempts = attempts + 1",
      into: rowSet("taken", outbox, ["id", "topic", "body", "attempts"]),
    }),
  ]);
  const gone = on.unit({ ids: "ids" }, ({ isIn }) => [remove(outbox, { where: isIn("id", ":ids") })]);
  return {
    takeOutbox: async (limit, olderThanMs, retryMs) =>
      (await taken.rows({ limit, olderThanMs, retryMs })).sort((a, b) => a.id - b.id),
    deleteOutbox: async (ids) => void (await gone.changed({ ids })),
  };
}
