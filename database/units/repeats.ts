/** What is sent again: keys, contents, and what a client has sent today. */

import type { Table } from "../schema/table.ts";
import { clientUsage, contentKey, idempotencyKey, recordKey } from "../schema/tables.ts";
import type { BatchStore } from "../store.ts";
import { removeFirst } from "./steps.ts";
import type { Units } from "./unit.ts";

const DAY_MS = 86_400_000;
const TODAY = `CAST(:now / ${DAY_MS} AS INT)`;

export function repeatUnits(on: Units): Pick<BatchStore, "forgetRepeats"> {
  // In the order of age, which an index gives, so that a piece costs no more than its rows.
  const forgetting = (table: Table, key: string[], order: string, where: string) =>
    on.unit({ limit: "int" }, () => [removeFirst(table, { key, where, order, limit: ":limit" })]);
  const all = [
    forgetting(idempotencyKey, ["client_id", '"key"'], "expires_at", "expires_at <= :now AND answer IS NOT NULL"),
    forgetting(contentKey, ["client_id", "hash"], "expires_at", "expires_at <= :now"),
    forgetting(recordKey, ["client_id", "key_hash"], "ends_at", "ends_at <= :now"),
    forgetting(clientUsage, ["client_id", "day"], "day", `day < ${TODAY} - 1`),
  ];
  return {
    async forgetRepeats(limit) {
      let isDone = true;
      for (const forget of all) if ((await forget.changed({ limit })) >= limit) isDone = false;
      return isDone;
    },
  };
}
