/** Lanes. A client's batches in a lane are processed one after another, in the order of their places. */
import { type BatchState, finalStates, type StalledLane } from "../../services/batch/batch.domain.ts";
import { batch, orderLane, orderPlace } from "../schema/tables.ts";
import type { OrderStore } from "../store.uploads.ts";
import { auditParams, auditStep, auditValues } from "./audit.ts";
import { toldParams, toldSteps, toldValues } from "./batch-history.ts";
import { MADE, written, writtenAnswer } from "./outcome.ts";
import { insert, remove, rowSet, type Step, select, update, upsert } from "./steps.ts";
import { type Fragments, type Params, shapes, type Units } from "./unit.ts";

const LANE = { clientId: "bigint", lane: "name" } as const;

/** States in which a batch has left its lane. A failed batch keeps its place, because it may be redriven. */
const over: BatchState[] = finalStates.filter((state) => state !== "failed");
const isOver = (of: string) => `${of}.state IN (${over.map((state) => `'${state}'`).join(", ")})`;

/** The id of the first batch of a lane that has not ended, as a subquery. */
const frontOf = ({ first }: Fragments, client: string, lane: string) =>
  `(${first(
    1,
    `o.batch_id FROM order_place AS o JOIN batch AS b ON b.id = o.batch_id
    WHERE o.client_id = ${client} AND o.lane = ${lane} AND NOT (${isOver("b")}) ORDER BY o.place`,
  )})`;

const GIVEN = rowSet("entry", orderLane, ["places"]);

/**
 * Gives out the next place of `:lane`, and locks the lane's row, before any other row, until the unit ends. So two
 * units never get the same place. `where`: a condition on the lane's row. A lane without a row always gives its first
 * place.
 */
export const givePlace = (where?: string): Step =>
  upsert(orderLane, {
    key: ["client_id", "lane"],
    values: { client_id: ":clientId", lane: ":lane", places: "1" },
    update: ["places"],
    adds: true,
    where,
    into: GIVEN,
  });

/** Stores the place that `givePlace` gave out for the batch in `made`. */
export const takePlace: Step = insert(orderPlace, {
  values: { client_id: "made.client_id", lane: ":lane", place: "entry.places", batch_id: "made.id" },
  from: "made CROSS JOIN entry",
});

export function orderUnits(on: Units): OrderStore {
  const state = on.unit(LANE, (fragments) => [
    select<{ clientId: number; lane: string; places: number; front: string | null }>(
      `SELECT :clientId AS "clientId", :lane AS "lane", COALESCE(l.places, 0) AS "places", f.public_id AS "front"
  FROM (SELECT 1 AS one) AS asked LEFT JOIN order_lane AS l ON l.client_id = :clientId AND l.lane = :lane
    LEFT JOIN batch AS f ON f.id = ${frontOf(fragments, ":clientId", ":lane")}`,
    ),
  ]);
  const fronts = on.unit({ ids: "ids" }, (fragments) => [
    select<{ id: number; lane: string; front: string }>(
      `SELECT mine.batch_id AS "id", mine.lane AS "lane", f.public_id AS "front"
  FROM order_place AS mine JOIN batch AS f ON f.id = ${frontOf(fragments, "mine.client_id", "mine.lane")}
  WHERE ${fragments.isIn("mine.batch_id", ":ids")}`,
    ),
  ]);
  const leave = on.unit({ id: "bigint" }, () => [remove(orderPlace, { where: "batch_id = :id" })]);
  const stalled = on.unit({ limit: "int" }, ({ first }) => [
    select<Omit<StalledLane, "isOver"> & { isOver: number }>(
      first(
        ":limit",
        `o.client_id AS "clientId", o.lane AS "lane", o.batch_id AS "batchId",
    b.public_id AS "publicId", b.request_id AS "requestId", CASE WHEN b.id IS NULL OR ${isOver("b")} THEN 1 ELSE 0 END AS "isOver"
  FROM (SELECT client_id, lane, MIN(place) AS place FROM order_place GROUP BY client_id, lane) AS head
    JOIN order_place AS o ON o.client_id = head.client_id AND o.lane = head.lane AND o.place = head.place
    LEFT JOIN batch AS b ON b.id = o.batch_id
  WHERE b.id IS NULL OR ${isOver("b")} OR (b.state = 'held' AND b.reason LIKE '{"hold":"order"%')`,
      ),
    ),
  ]);
  return {
    laneState: async (lane) => (await state.row({ ...lane })) as Awaited<ReturnType<OrderStore["laneState"]>>,
    fronts: (ids) => fronts.rows({ ids }),
    leaveLane: async (id) => void (await leave.changed({ id })),
    skipBatch: skips(on),
    stalledLanes: async (limit) =>
      (await stalled.rows({ limit })).map(({ isOver, ...lane }) => ({ ...lane, isOver: isOver === 1 })),
  };
}

const skipParams = (hasAudit: boolean, isTold: boolean): Params => ({
  ...LANE,
  id: "bigint",
  version: "bigint",
  ...(hasAudit ? auditParams : {}),
  ...(isTold ? toldParams : {}),
});

/** Skips a batch: removes it from its lane, or moves it to the lane's last place. */
function skips(on: Units): OrderStore["skipBatch"] {
  const skipping = shapes(([goesLast, hasAudit, isTold]: [boolean, boolean, boolean]) =>
    on.unit(skipParams(hasAudit, isTold), () => [
      ...(goesLast ? [givePlace()] : []),
      update(batch, {
        set: "version = batch.version + 1",
        from: goesLast ? "entry" : undefined,
        where: "batch.id = :id AND batch.version = :version",
        into: MADE,
      }),
      goesLast
        ? update(orderPlace, {
            set: "place = entry.places",
            from: "entry",
            where: "order_place.batch_id IN (SELECT made.id FROM made)",
          })
        : remove(orderPlace, { where: "batch_id IN (SELECT made.id FROM made)" }),
      ...(isTold ? toldSteps : []),
      ...(hasAudit ? [auditStep("made")] : []),
      writtenAnswer([]),
    ]),
  );
  return async ({ id, version, last, audit, told }) => {
    const { clientId = null, lane = null } = last ?? {};
    const skip = skipping([last !== null, audit !== undefined, told !== undefined]);
    return written(await skip.row({ id, version, clientId, lane, ...auditValues(audit), ...toldValues(told) }), []);
  };
}
