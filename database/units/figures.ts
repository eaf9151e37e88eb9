/** The figures of the queue. Their cost does not grow with the number of batches, clients or events. */
import { countersList, FOLD, LOOKED_AT, MOST_COUNTED, statesOf, transientStates } from "../counts.ts";
import { batchCount } from "../schema/tables.ts";
import type { BatchStore } from "../store.ts";
import { IN_TURN, MAY, oldestOf } from "./fairness.ts";
import { insert, removeFirst, rowSet, select } from "./steps.ts";
import type { Fragments, Units } from "./unit.ts";

/** A row of `glance`. `kind` tells which figure the row is for, and so which of its values count. */
interface Seen {
  kind: "now" | "ready" | "state" | "running" | "full" | "paused" | "held" | "outbox" | "due";
  publicId: string;
  clientId: number;
  at: number | null;
  n: number;
  name: string | null;
}

/**
 * The figures that are read every second, in one statement with one snapshot. So they cost one round trip, and a batch
 * that changes its state meanwhile is counted once. The first part of the UNION determines the types of the columns.
 */
const glance = ({ first, inTransientState }: Fragments): string => {
  const parts = [
    // The ready batches that have waited longest.
    `SELECT 'ready' AS kind, l.public_id, l.client_id, l.due_at AS at, l.id AS n, l.state AS name FROM (
      ${first(LOOKED_AT.batches, "b.id, b.state, b.public_id, b.client_id, b.due_at FROM batch AS b WHERE b.state = 'ready' AND b.due_at <= :now ORDER BY b.state, b.due_at")}) AS l`,
    "SELECT 'now', NULL, 0, :now, 0, NULL",
    `SELECT 'state', NULL, 0, 0, CAST(SUM(c.n) AS BIGINT), c.state FROM batch_count AS c WHERE c.state IN (${countersList}) GROUP BY c.state`,
    ...transientStates.map((state) => `SELECT 'state', NULL, 0, 0, COUNT(*), '${state}' ${inTransientState(state)}`),
    `SELECT 'running', NULL, 0, 0, COUNT(*), few.owner ${inTransientState("processing")} GROUP BY few.owner`,
    // A client at its cap has running batches, so only clients with running batches are read.
    `SELECT 'full', NULL, q.client_id, 0, 0, NULL FROM client_queue AS q
      WHERE q.running >= q.cap AND q.paused_at IS NULL AND q.client_id IN (SELECT few.client_id ${inTransientState("processing")})`,
    // Paused clients have a part of their own, because they may have no running batch.
    `SELECT 'paused', NULL, p.client_id, 0, 0, NULL FROM (
      ${first(LOOKED_AT.clients, "q.client_id FROM client_queue AS q WHERE q.paused_at IS NOT NULL ORDER BY q.client_id")}) AS p`,
    // `batch_move` tells when a batch was held, unless its commit or its upload held it. `state <> 'completed'` is
    // redundant, but the partial index needs it.
    `SELECT 'held', NULL, 0, MIN(few.since), 0, NULL FROM (SELECT coalesce((SELECT MAX(m.at) FROM batch_move AS m
        WHERE m.batch_id = h.id AND m.to_state = 'held' AND m.from_state <> 'held'), h.committed_at, h.created_at) AS since FROM (
      ${first(LOOKED_AT.held, "b.id, b.committed_at, b.created_at FROM batch AS b WHERE b.state = 'held' AND b.state <> 'completed' ORDER BY b.state, b.id")}) AS h) AS few`,
    `SELECT 'outbox', NULL, 0, 0, (SELECT COUNT(*) FROM (${first(MOST_COUNTED.outbox, "o.id FROM outbox AS o ORDER BY o.id")}) AS few),
      (${first(1, "o.body FROM outbox AS o ORDER BY o.id")})`,
    `SELECT 'due', NULL, 0, MIN(few.due_at), COUNT(*), NULL FROM (
      ${first(MOST_COUNTED.deliveries, "d.due_at FROM delivery AS d WHERE d.due_at <= :now ORDER BY d.due_at")}) AS few`,
  ];
  return `SELECT g.kind AS "kind", g.public_id AS "publicId", g.client_id AS "clientId", g.at AS "at", g.n AS "n", g.name AS "name" FROM (
    ${parts.join("\n    UNION ALL ")}) AS g`;
};

export function figureUnits(on: Units): Pick<BatchStore, "stats" | "stateCounts" | "foldCounts"> {
  const states = on.unit({}, ({ inTransientState }) => [
    select<{ state: string; n: number }>(`SELECT c.state AS "state", c.n AS "n" FROM (
    SELECT state, CAST(SUM(n) AS BIGINT) AS n FROM batch_count WHERE state IN (${countersList}) GROUP BY state
    ${transientStates.map((state) => `UNION ALL SELECT '${state}', (SELECT COUNT(*) ${inTransientState(state)})`).join("\n    ")}) AS c`),
  ]);
  const looked = on.unit({}, (fragments) => [select<Seen>(glance(fragments))]);
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
      const seen = await looked.rows({});
      const of = (kind: Seen["kind"]) => seen.filter((row) => row.kind === kind);
      const [[now], [held], [outbox], [due]] = [of("now"), of("held"), of("outbox"), of("due")];
      const { oldest, atCap } = await waiting(of);
      return {
        now: now?.at ?? 0,
        states: statesOf(of("state").map(({ name, n }) => ({ state: name ?? "", n }))),
        oldestReadyAt: oldest?.dueAt ?? null,
        oldestReady: oldest && { batchId: oldest.publicId, clientId: oldest.clientId },
        waitsForItsClient: atCap,
        oldestHeldAt: held?.at ?? null,
        outboxDepth: outbox?.n ?? 0,
        oldestEvent: outbox?.name ?? null,
        oldestDeliveryAt: due?.at ?? null,
        deliveriesDue: due?.n ?? 0,
        running: of("running").map(({ name, n }) => ({ owner: name ?? "", batches: n })),
      };
    },
    // Nodes that fold at the same time take different rows. A fold is one unit, so a reader never sees a part of it.
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

/**
 * Finds the claimable batch that has waited longest, and counts the batches that wait because their client is at its
 * cap. Batches of paused clients count for neither. Usually the rows of `glance` suffice.
 */
function waitsOn(on: Units) {
  // For the case that all batches in `glance` belong to paused clients or clients at their cap: reads the oldest batch
  // of each client that may run another.
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
  return async (of: (kind: Seen["kind"]) => Seen[]) => {
    const clients = of("full").map(({ clientId }) => clientId);
    const waits = new Set([...clients, ...of("paused").map(({ clientId }) => clientId)]);
    const looked = of("ready").map(({ publicId, clientId, at }) => ({ publicId, clientId, dueAt: at ?? 0 }));
    looked.sort((a, b) => a.dueAt - b.dueAt);
    const found = looked.find(({ clientId }) => !waits.has(clientId)) ?? null;
    const isHidden = found === null && looked.length === LOOKED_AT.batches;
    const oldest = isHidden ? ((await claimable.row({})) ?? null) : found;
    const none = { batches: 0, oldestAt: null };
    return { oldest, atCap: clients.length === 0 ? none : ((await atCap.row({ clients })) ?? none) };
  };
}
