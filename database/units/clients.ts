/** Reads about clients beside their own rows: search, and counts of waiting work. */
import { MOST_COUNTED } from "../counts.ts";
import type { BatchStore } from "../store.ts";
import { select } from "./steps.ts";
import { shapes, type Units } from "./unit.ts";

export function clientUnits(on: Units): Pick<BatchStore, "queueOf" | "findClients"> {
  // The ORDER BY makes the database use the index of states, also with a plan that it made while the tables were empty.
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
  return {
    queueOf: async (clientId) => {
      const { running = 0, ready = 0, held = 0 } = (await queue.row({ clientId })) ?? {};
      return { running, ready, held };
    },
    findClients: finds(on),
  };
}

interface Among {
  hasText: boolean;
  hasStatus: boolean;
  hasDataset: boolean;
}

const like = (pattern: string) => `LIKE ${pattern} ESCAPE '!'`;

/**
 * Finds clients, newest first, until the page is full. No index finds a part of a name, so names are compared one by
 * one; there are few clients. `:same` finds letters such as Ü as they are typed, because SQLite's LOWER leaves them
 * unchanged. An index of grants finds the clients of a dataset.
 */
function finds(on: Units): BatchStore["findClients"] {
  const params = {
    before: "bigint",
    prefix: "text",
    part: "text",
    same: "text",
    status: "name",
    dataset: "name",
    limit: "int",
  } as const;
  const found = shapes(({ hasText, hasStatus, hasDataset }: Among) =>
    on.unit(params, ({ first }) => {
      const conditions = [
        "c.id < :before",
        ...(hasText
          ? [`(c.identifier ${like(":prefix")} OR LOWER(c.name) ${like(":part")} OR c.name ${like(":same")})`]
          : []),
        ...(hasStatus ? ["c.status = :status"] : []),
        ...(hasDataset ? ["g.dataset = :dataset AND g.override IS NOT NULL"] : []),
      ];
      const from = `client AS c${hasDataset ? " JOIN dataset_grant AS g ON g.client_id = c.id" : ""}`;
      const body = `c.id AS "id" FROM ${from} WHERE ${conditions.join(" AND ")} ORDER BY c.id DESC`;
      return [select<{ id: number }>(first(":limit", body))];
    }),
  );
  return async ({ text, status, dataset, before = Number.MAX_SAFE_INTEGER, limit }) => {
    const literal = (text ?? "").replace(/[!%_[]/g, "!$&");
    const lower = literal.toLowerCase();
    const texts = { prefix: `${lower}%`, part: `%${lower}%`, same: `%${literal}%` };
    const shape = { hasText: text !== undefined, hasStatus: status !== undefined, hasDataset: dataset !== undefined };
    const more = { status: status ?? null, dataset: dataset ?? null };
    const rows = await found(shape).rows({ before, ...texts, ...more, limit });
    return rows.map(({ id }) => id);
  };
}
