/**
 * Lookups that a search of batches needs first: the id at a time, batches by their end, by id or key, and clients by
 * name.
 */
import { MOST_FINISHED } from "../../services/batch/batch.filter.domain.ts";
import type { BatchStore } from "../store.ts";
import { select } from "./steps.ts";
import { type Params, shapes, type Units } from "./unit.ts";

/** How many ids one statement probes. Each statement makes the range of ids about this many times smaller. */
const PROBES = 16;
/** A range with this many ids is narrow enough: the caller then compares the times of its batches. */
const NEAR = 200;

export function batchSearchUnits(
  on: Units,
): Pick<BatchStore, "idAt" | "finishedSpan" | "idsFrom" | "batchesOfKey" | "keyOfBatch" | "clientsNamed"> {
  const last = on.unit({}, ({ first }) => [
    select<{ id: number }>(first(1, 'k.id AS "id" FROM batch AS k ORDER BY k.id DESC')),
  ]);
  const names = Array.from({ length: PROBES }, (_, n) => `p${n}`);
  const probed = on.unit(Object.fromEntries(names.map((name) => [name, "bigint"])) as Params, ({ first }) => [
    select<Record<string, number | null>>(
      `SELECT ${names.map((name) => `(${first(1, `k.created_at FROM batch AS k WHERE k.id >= :${name} ORDER BY k.id`)}) AS "${name}"`).join(",\n    ")}`,
    ),
  ]);
  const finished = on.unit({ from: "bigint", to: "bigint", look: "int" }, ({ first }) => [
    select<{ batches: number; least: number | null; greatest: number | null }>(
      `SELECT COUNT(*) AS "batches", MIN(few.id) AS "least", MAX(few.id) AS "greatest" FROM (
    ${first(":look", "k.id FROM batch AS k WHERE k.finished_at IS NOT NULL AND k.finished_at >= :from AND k.finished_at <= :to ORDER BY k.finished_at")}) AS few`,
    ),
  ]);
  const ofId = on.unit({ from: "uuid", to: "uuid", look: "int" }, ({ first, uuidBetween }) => [
    select<{ id: number }>(
      first(
        ":look",
        `k.id AS "id" FROM batch AS k WHERE ${uuidBetween("k.public_id", ":from", ":to")} ORDER BY k.public_id`,
      ),
    ),
  ]);
  const exact = on.unit({ publicId: "uuid" }, () => [
    select<{ id: number }>('SELECT k.id AS "id" FROM batch AS k WHERE k.public_id = :publicId'),
  ]);
  const ofKey = shapes((ofClient: boolean) =>
    on.unit({ key: "name", clientId: "bigint", look: "int" }, ({ first }) => [
      select<{ id: number }>(
        first(
          ":look",
          `i.batch_id AS "id" FROM idempotency_key AS i WHERE i."key" = :key AND i.batch_id IS NOT NULL${ofClient ? " AND i.client_id = :clientId" : ""}`,
        ),
      ),
    ]),
  );
  const key = on.unit({ id: "bigint" }, ({ first }) => [
    select<{ key: string }>(
      first(1, 'i."key" AS "key" FROM idempotency_key AS i WHERE i.batch_id = :id ORDER BY i.batch_id, i.expires_at'),
    ),
  ]);
  const named = on.unit({ like: "name", limit: "int" }, ({ first }) => [
    select<{ id: number; identifier: string }>(
      first(
        ":limit",
        `c.id AS "id", c.identifier AS "identifier" FROM client AS c WHERE c.identifier LIKE :like ESCAPE '!' ORDER BY c.identifier`,
      ),
    ),
  ]);
  /** For each of these ids, when the first batch from that id on was created. Null: there is no such batch. */
  const timesAt = async (ids: number[]) => {
    const row = (await probed.row(Object.fromEntries(names.map((name, n) => [name, ids[n] ?? null])))) ?? {};
    return names.map((name) => row[name] ?? null);
  };
  return {
    async idAt(ms) {
      let [low, high] = [0, ((await last.row({}))?.id ?? 0) + 1];
      while (high - low > NEAR) {
        const step = (high - low) / (PROBES + 1);
        const ids = names.map((_, n) => low + Math.ceil(step * (n + 1)));
        const times = await timesAt(ids);
        const found = times.findIndex((time) => time === null || time >= ms);
        if (found > 0 || found === -1) low = ids.at(found === -1 ? -1 : found - 1) ?? low;
        if (found !== -1) high = ids[found] ?? high;
      }
      return { low, high };
    },
    async finishedSpan(from, to) {
      const none = { batches: 0, least: null, greatest: null };
      return (await finished.row({ from, to, look: MOST_FINISHED })) ?? none;
    },
    async idsFrom(from, to) {
      const rows =
        from === to ? await exact.rows({ publicId: from }) : await ofId.rows({ from, to, look: MOST_FINISHED });
      return rows.map(({ id }) => id);
    },
    async batchesOfKey(name, clientId) {
      const rows = await ofKey(clientId !== null).rows({ key: name, clientId, look: MOST_FINISHED });
      return rows.map(({ id }) => id);
    },
    keyOfBatch: async (id) => (await key.row({ id }))?.key ?? null,
    async clientsNamed(beginning, limit) {
      const like = `${beginning.replaceAll(/[!%_[]/g, "!$&")}%`;
      const rows = await named.rows({ like, limit });
      // SQLite's LIKE ignores the case of letters, so its rows are compared again here.
      return rows.filter(({ identifier }) => identifier.startsWith(beginning));
    },
  };
}
