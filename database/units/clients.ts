/** What is read of clients beside their rows: who is found, what waits, and when the last batch came. */
import { MOST_COUNTED } from "../counts.ts";
import type { BatchStore } from "../store.ts";
import { select } from "./steps.ts";
import type { Fragments, Units } from "./unit.ts";

type Reads = "queueOf" | "findClients" | "lastBatches";

export function clientUnits(on: Units): Pick<BatchStore, Reads> {
  // Along the index of states, also with a plan that was made while the tables were empty.
  const queue = on.unit({ clientId: "bigint" }, ({ first }) => {
    const counted = (state: string) =>
      `(SELECT COUNT(*) FROM (${first(
        MOST_COUNTED.waiting,
        `b.id FROM batch AS b WHERE b.state = '${state}' AND b.client_id = :clientId ORDER BY b.state, b.client_id, b.id`,
      )}) AS few)`;
    return [
      select<{ running: number; ready: number; held: number }>(
        `SELECT COALESCE((SELECT q.running FROM client_queue AS q WHERE q.client_id = :clientId), 0) AS "running",
  ${counted("ready")} AS "ready", ${counted("held")} AS "held"`,
      ),
    ];
  });
  const last = on.unit({ ids: "ids" }, ({ first, isIn }) => [
    select<{ clientId: number; at: number | null }>(`SELECT c.id AS "clientId", (${first(
      1,
      "b.created_at FROM batch AS b WHERE b.client_id = c.id ORDER BY b.client_id DESC, b.id DESC",
    )}) AS "at"
  FROM client AS c WHERE ${isIn("c.id", ":ids")}`),
  ]);
  return {
    queueOf: async (clientId) => {
      const { running = 0, ready = 0, held = 0 } = (await queue.row({ clientId })) ?? {};
      return { running, ready, held };
    },
    findClients: finds(on),
    lastBatches: async (ids) => {
      if (ids.length === 0) return new Map();
      const rows = await last.rows({ ids });
      return new Map(rows.flatMap(({ clientId, at }) => (at === null ? [] : [[clientId, Number(at)] as const])));
    },
  };
}

/** The names are compared one by one, newest first, until the page is full: there are far fewer clients than batches. */
function finds(on: Units): BatchStore["findClients"] {
  const params = { before: "bigint", prefix: "text", part: "text", limit: "int" } as const;
  const found = (first: Fragments["first"], more: string) =>
    select<{ id: number }>(
      first(
        ":limit",
        `c.id AS "id" FROM client AS c WHERE c.id < :before
    AND (c.identifier LIKE :prefix ESCAPE '!' OR LOWER(c.name) LIKE :part ESCAPE '!')${more} ORDER BY c.id DESC`,
      ),
    );
  const ofAny = on.unit(params, ({ first }) => [found(first, "")]);
  const ofStatus = on.unit({ ...params, status: "name" }, ({ first }) => [found(first, " AND c.status = :status")]);
  return async ({ text, status, before = Number.MAX_SAFE_INTEGER, limit }) => {
    const literal = text.toLowerCase().replace(/[!%_[]/g, "!$&");
    const values = { before, prefix: `${literal}%`, part: `%${literal}%`, limit };
    const rows = await (status === undefined ? ofAny.rows(values) : ofStatus.rows({ ...values, status }));
    return rows.map(({ id }) => id);
  };
}
