/**
 * What clients use of their limits. One statement reads it for given clients, another for all clients at a limit now.
 * Neither needs more statements for more clients.
 */
import type { ClientNeed, ClientUse } from "../../services/batch/batch.reads.domain.ts";
import type { BatchStore } from "../store.ts";
import { oldestOf } from "./fairness.ts";
import { select } from "./steps.ts";
import type { Units } from "./unit.ts";
import { TODAY } from "./uploads.checks.ts";

/** At most this many clients are reported for each limit. */
const MOST_NEEDS = 50;
/** A quota counts as used up from 9/10 on, because the next file hardly fits. */
const NEARLY = { used: 10, limit: 9 };
/** A webhook that has been off for longer than a week is not reported any more. */
const NEWS_MS = 7 * 86_400_000;
const NO_TIME = "CAST(NULL AS BIGINT)";

/** A FROM text: client `c`, with its queue `q`, its usage of today `u` and its current policy `p`. */
const WITH_USE = `client AS c LEFT JOIN client_queue AS q ON q.client_id = c.id
  LEFT JOIN client_usage AS u ON u.client_id = c.id AND u.day = ${TODAY}
  LEFT JOIN policy AS p ON p.client_id = c.id AND p.version = c.policy_version`;

export function clientLimitUnits(on: Units): Pick<BatchStore, "clientUses" | "needyClients"> {
  const uses = on.unit({ ids: "ids" }, ({ first, isIn, numberIn }) => [
    select<ClientUse & { clientId: number }>(`SELECT c.id AS "clientId", (${first(
      1,
      "b.created_at FROM batch AS b WHERE b.client_id = c.id ORDER BY b.client_id DESC, b.id DESC",
    )}) AS "lastBatchAt", COALESCE(q.running, 0) AS "running", COALESCE(q.cap, ${numberIn("p.body", "maxConcurrentBatches")}) AS "cap",
  COALESCE(u.bytes, 0) AS "bytes", COALESCE(u.records, 0) AS "records",
  ${numberIn("p.body", "bytesPerDay")} AS "bytesPerDay", ${numberIn("p.body", "recordsPerDay")} AS "recordsPerDay"
  FROM ${WITH_USE} WHERE ${isIn("c.id", ":ids")}`),
  ]);
  const needs = on.unit({}, (fragments) => {
    const { first, numberIn, inTransientState } = fragments;
    const overDay = (what: "bytes" | "records") => {
      const limit = numberIn("p.body", `${what}PerDay`);
      return first(
        MOST_NEEDS,
        `'${what}PerDay' AS kind, u.client_id AS client_id, u.${what} AS used, ${limit} AS most, ${NO_TIME} AS since
    FROM client_usage AS u JOIN client AS o ON o.id = u.client_id JOIN policy AS p ON p.client_id = o.id AND p.version = o.policy_version
    WHERE u.day = ${TODAY} AND u.${what} * ${NEARLY.used} >= ${limit} * ${NEARLY.limit} ORDER BY u.client_id`,
      );
    };
    // A client at its cap has running batches, so only clients with running batches are read.
    const atCap = first(
      MOST_NEEDS,
      `'maxConcurrentBatches' AS kind, q.client_id AS client_id, CAST(q.running AS BIGINT) AS used, CAST(q.cap AS BIGINT) AS most, q.due_at AS since
    FROM client_queue AS q WHERE q.running >= q.cap AND q.paused_at IS NULL AND q.due_at IS NOT NULL AND q.due_at <= :now
      AND q.client_id IN (SELECT few.client_id ${inTransientState("processing")})
      AND ${oldestOf(fragments, "q.client_id", "r.id")} IS NOT NULL ORDER BY q.due_at`,
    );
    const webhookOff = first(
      MOST_NEEDS,
      `'webhook' AS kind, o.id AS client_id, CAST(0 AS BIGINT) AS used, CAST(0 AS BIGINT) AS most, o.webhook_off_at AS since
    FROM client AS o WHERE o.webhook_off_at > :now - ${NEWS_MS} AND o.webhook_off_at IS NOT NULL AND o.status = 'active' ORDER BY o.webhook_off_at DESC`,
    );
    const all = [webhookOff, atCap, overDay("bytes"), overDay("records")];
    return [
      select<ClientNeed>(`SELECT n.kind AS "kind", c.public_id AS "publicId", c.identifier AS "identifier", c.name AS "name",
  n.used AS "used", n.most AS "limit", n.since AS "since" FROM (
    ${all.map((one, i) => `SELECT n${i}.kind, n${i}.client_id, n${i}.used, n${i}.most, n${i}.since FROM (${one}) AS n${i}`).join("\n    UNION ALL ")}) AS n
  JOIN client AS c ON c.id = n.client_id`),
    ];
  });
  const numberOf = (value: number | null) => (value === null ? null : Number(value));
  return {
    async clientUses(ids) {
      if (ids.length === 0) return new Map();
      const rows = await uses.rows({ ids });
      return new Map(
        rows.map(({ clientId, lastBatchAt, running, cap, bytes, records, bytesPerDay, recordsPerDay }) => [
          Number(clientId),
          {
            lastBatchAt: numberOf(lastBatchAt),
            running: Number(running),
            cap: numberOf(cap),
            bytes: Number(bytes),
            records: Number(records),
            bytesPerDay: numberOf(bytesPerDay),
            recordsPerDay: numberOf(recordsPerDay),
          },
        ]),
      );
    },
    async needyClients() {
      const rows = await needs.rows({});
      return rows.map(({ used, limit, since, ...need }) => ({
        ...need,
        used: Number(used),
        limit: Number(limit),
        since: numberOf(since),
      }));
    },
  };
}
