import type { ClientQueue } from "../../services/batch/batch.domain.ts";
import { clientQueue } from "../schema/tables.ts";
import type { BatchStore } from "../store.ts";
import { select, update, upsert } from "./steps.ts";
import type { Fragments, Units } from "./unit.ts";

/**
 * The condition that a client `q` may have a batch to claim. `due_at IS NOT NULL` is redundant, but the database uses
 * the partial index only with it. WAITING in postgres/units/fairness.ts explains the CASE.
 */
export const MAY =
  "q.due_at IS NOT NULL AND q.due_at <= :now AND q.running < CASE WHEN q.paused_at IS NULL THEN q.cap ELSE 0 END";
export const IN_TURN = "q.pass, q.due_at, q.client_id";

/** The expression for `what` of a client's oldest due batch `r`. */
export const oldestOf = ({ first, readyOf }: Fragments, client: string, what: string): string =>
  `(${first(1, `${what} ${readyOf(client)} AND r.due_at <= :now ORDER BY r.id`)})`;

export function fairnessUnits(on: Units): Pick<BatchStore, "isOvertaken" | "setQueue" | "repairQueues" | "queuesOf"> {
  // The order makes the database walk the index, so it stops at the first client that waits.
  const overtaken = on.unit({ clientId: "bigint" }, (fragments) => [
    select<{ clientId: number }>(
      `SELECT mine.client_id AS "clientId" FROM client_queue AS mine
  WHERE mine.client_id = :clientId AND (mine.paused_at IS NOT NULL OR mine.running > 0 AND (${fragments.first(
    1,
    `q.client_id FROM ${fragments.waitingQueues}
  WHERE q.client_id <> mine.client_id AND ${MAY}
    AND CAST(q.running AS BIGINT) * mine.weight < CAST(mine.running AS BIGINT) * q.weight
    AND ${oldestOf(fragments, "q.client_id", "r.id")} IS NOT NULL
  ORDER BY ${IN_TURN}`,
  )}) IS NOT NULL)`,
    ),
  ]);
  const set = on.unit({ clientId: "bigint", cap: "int", weight: "int" }, () => [
    upsert(clientQueue, {
      key: ["client_id"],
      values: { client_id: ":clientId", running: "0", pass: "0", cap: ":cap", weight: ":weight" },
      update: ["cap", "weight"],
    }),
  ]);
  const walked = on.unit({ after: "bigint", limit: "int" }, ({ first }) => [
    select<{ last: number | null; n: number }>(
      `SELECT MAX(walked.client_id) AS "last", COUNT(*) AS "n" FROM (
    ${first(":limit", "client_id FROM client_queue WHERE client_id > :after ORDER BY client_id")}) AS walked`,
    ),
  ]);
  const repair = on.unit({ after: "bigint", last: "bigint" }, (fragments) => [
    update(clientQueue, {
      set: "due_at = :now",
      where: `client_id > :after AND client_id <= :last AND (due_at IS NULL OR due_at > :now)
    AND ${oldestOf(fragments, "client_queue.client_id", "r.id")} IS NOT NULL`,
    }),
  ]);
  const queues = on.unit({ clients: "ids" }, ({ isIn }) => [
    select<Omit<ClientQueue, "isPaused"> & { pausedAt: number | null; now: number }>(
      `SELECT q.client_id AS "clientId", q.running AS "running", q.cap AS "cap", q.paused_at AS "pausedAt", :now AS "now"
  FROM client_queue AS q WHERE ${isIn("q.client_id", ":clients")}`,
    ),
  ]);
  return {
    async queuesOf(clients) {
      const rows = await queues.rows({ clients });
      return {
        now: rows[0]?.now ?? 0,
        queues: rows.map(({ clientId, running, cap, pausedAt }) => ({
          clientId,
          running,
          cap,
          isPaused: pausedAt !== null,
        })),
      };
    },
    isOvertaken: async (clientId) => (await overtaken.row({ clientId })) !== undefined,
    setQueue: async (clientId, cap, weight) => void (await set.changed({ clientId, cap, weight })),
    repairQueues: async (after, limit) => {
      const { last = null, n = 0 } = (await walked.row({ after, limit })) ?? {};
      if (last !== null) await repair.changed({ after, last });
      return n === limit ? last : null;
    },
  };
}
