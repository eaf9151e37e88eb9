/** The figures of the queue. Their cost does not grow with the number of batches, clients or events. */
import { countersList, FOLD, LOOKED_AT, MOST_COUNTED, statesOf, transientStates } from "../counts.ts";
import { batchCount } from "../schema/tables.ts";
import type { BatchStore } from "../store.ts";
import { IN_TURN, MAY, oldestOf } from "./fairness.ts";
import { insert, removeFirst, rowSet, select } from "./steps.ts";
import type { Units } from "./unit.ts";

export function figureUnits(on: Units): Pick<BatchStore, "stats" | "stateCounts" | "foldCounts"> {
  // One statement reads one snapshot, so a batch that changes its state meanwhile is counted once.
  const states = on.unit({}, ({ inTransientState }) => [
    select<{ state: string; n: number }>(`SELECT c.state AS "state", c.n AS "n" FROM (
    SELECT state, CAST(SUM(n) AS BIGINT) AS n FROM batch_count WHERE state IN (${countersList}) GROUP BY state
    ${transientStates.map((state) => `UNION ALL SELECT '${state}', (SELECT COUNT(*) ${inTransientState(state)})`).join("\n    ")}) AS c`),
  ]);
  const running = on.unit({}, ({ inTransientState }) => [
    select<{ owner: string; batches: number }>(
      `SELECT COALESCE(few.owner, '') AS "owner", COUNT(*) AS "batches" ${inTransientState("processing")} GROUP BY few.owner`,
    ),
  ]);
  const events = on.unit({}, ({ first }) => [
    select<{ depth: number; oldest: string | null; deliveryAt: number | null; due: number }>(
      `SELECT (SELECT COUNT(*) FROM (${first(MOST_COUNTED.outbox, "o.id FROM outbox AS o ORDER BY o.id")}) AS few) AS "depth",
    (${first(1, "o.body FROM outbox AS o ORDER BY o.id")}) AS "oldest",
    (${first(1, "d.due_at FROM delivery AS d WHERE d.due_at <= :now ORDER BY d.due_at")}) AS "deliveryAt",
    (SELECT COUNT(*) FROM (${first(MOST_COUNTED.deliveries, "d.id FROM delivery AS d WHERE d.due_at <= :now ORDER BY d.due_at")}) AS few) AS "due"`,
    ),
  ]);
  const waiting = waitsOn(on);

  const gone = rowSet("gone", batchCount, ["state", "n"]);
  const fold = on.unit({}, ({ first }) => [
    removeFirst(batchCount, {
      key: ["id"],
      where: "id > 0",
      and: `${FOLD.least} = (SELECT COUNT(*) FROM (${first(FOLD.least, "f.id FROM batch_count AS f")}) AS few)`,
      order: "id",
      limit: String(FOLD.most),
      into: gone,
    }),
    insert(batchCount, {
      values: { state: "gone.state", n: "SUM(gone.n)" },
      from: "gone",
      group: "gone.state HAVING SUM(gone.n) <> 0",
    }),
  ]);
  return {
    stateCounts: async () => statesOf(await states.rows({})),
    // One query after the other: figures are read often and must not take several connections from the work.
    async stats() {
      const byState = await states.rows({});
      const { oldest: ready, atCap } = await waiting();
      const { depth = 0, oldest = null, deliveryAt = null, due = 0 } = (await events.row({})) ?? {};
      return {
        states: statesOf(byState),
        oldestReadyAt: ready?.dueAt ?? null,
        oldestReady: ready && { batchId: ready.publicId, clientId: ready.clientId },
        waitsForItsClient: atCap,
        outboxDepth: depth,
        oldestEvent: oldest,
        oldestDeliveryAt: deliveryAt,
        deliveriesDue: due,
        running: await running.rows({}),
      };
    },
    // Nodes that fold at the same time take different rows. A reader sees all of a fold or nothing of it.
    async foldCounts() {
      while ((await fold.changed({})) === FOLD.most);
    },
  };
}

interface Waiting {
  publicId: string;
  clientId: number;
  dueAt: number;
}

/** Since when the oldest claimable batch waits; and the batches that wait because their client is at its cap. A paused client counts for neither. */
function waitsOn(on: Units) {
  // A client at its cap has running batches, so only clients with running batches are read.
  const full = on.unit({}, ({ inTransientState }) => [
    select<{ clientId: number }>(`SELECT q.client_id AS "clientId" FROM client_queue AS q
  WHERE q.running >= q.cap AND q.paused_at IS NULL AND q.client_id IN (SELECT few.client_id ${inTransientState("processing")})`),
  ]);
  // A paused client may have no running batch.
  const paused = on.unit({}, ({ first }) => [
    select<{ clientId: number }>(
      first(
        LOOKED_AT.clients,
        'q.client_id AS "clientId" FROM client_queue AS q WHERE q.paused_at IS NOT NULL ORDER BY q.client_id',
      ),
    ),
  ]);
  const longest = on.unit({}, ({ first }) => [
    select<Waiting>(
      first(
        LOOKED_AT.batches,
        `b.public_id AS "publicId", b.client_id AS "clientId", b.due_at AS "dueAt" FROM batch AS b
  WHERE b.state = 'ready' AND b.due_at <= :now ORDER BY b.state, b.due_at`,
      ),
    ),
  ]);
  // If all batches that wait longest belong to clients at their cap: the oldest batch of each client in turn.
  const claimable = on.unit({}, (fragments) => [
    select<Waiting>(
      fragments.first(
        1,
        `${oldestOf(fragments, "o.client_id", "r.public_id")} AS "publicId", o.client_id AS "clientId", o.due_at AS "dueAt" FROM (
    SELECT w.client_id, ${oldestOf(fragments, "w.client_id", "r.due_at")} AS due_at FROM (
      ${fragments.first(LOOKED_AT.clients, `q.client_id FROM ${fragments.waitingQueues} WHERE ${MAY} ORDER BY ${IN_TURN}`)}) AS w) AS o
  WHERE o.due_at IS NOT NULL ORDER BY o.due_at`,
      ),
    ),
  ]);
  const atCap = on.unit({ clients: "ids" }, (fragments) => [
    select<{ batches: number; oldestAt: number | null }>(`SELECT
    (SELECT COUNT(*) FROM (${fragments.first(MOST_COUNTED.waiting, `r.id ${fragments.readyOfAll(":clients", MOST_COUNTED.waiting)}`)}) AS few) AS "batches",
    (SELECT MIN(o.due_at) FROM (SELECT ${oldestOf(fragments, "f.client_id", "r.due_at")} AS due_at
      FROM client_queue AS f WHERE ${fragments.isIn("f.client_id", ":clients")}) AS o) AS "oldestAt"`),
  ]);
  return async () => {
    const clients = (await full.rows({})).map(({ clientId }) => clientId);
    const waits = new Set([...clients, ...(await paused.rows({})).map(({ clientId }) => clientId)]);
    const looked = await longest.rows({});
    const found = looked.find(({ clientId }) => !waits.has(clientId)) ?? null;
    const isHidden = found === null && looked.length === LOOKED_AT.batches;
    const oldest = isHidden ? ((await claimable.row({})) ?? null) : found;
    const none = { batches: 0, oldestAt: null };
    return { oldest, atCap: clients.length === 0 ? none : ((await atCap.row({ clients })) ?? none) };
  };
}
