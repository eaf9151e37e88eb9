/** `GET /admin/batches/{id}/history`: who has moved a batch, when and why. */

import {
  choice,
  count,
  described,
  flag,
  instant,
  type JsonSchema,
  listOf,
  orNull,
  record,
  text,
} from "../../../lib/json-schema.ts";
import { actors } from "../../actors.ts";
import { visibleStates } from "../../batch/batch.domain.ts";
import { type HistoryItem, moverKinds } from "../../batch/batch.history.domain.ts";
import { type Exchange, json, type Reply } from "../http/exchange.ts";
import { time } from "./views.ts";

export async function getBatchHistory({ ctx, path }: Exchange): Promise<Reply> {
  const { batch, items, isCut } = await actors.batch.history(ctx, { publicId: path.id ?? "" });
  const client = await actors.clientCache.get(ctx, { id: batch.clientId });
  return json(200, { items: items.map((item) => itemView(item, client?.identifier ?? null)), truncated: isCut });
}

const itemView = ({ at, by, ...item }: HistoryItem, partner: string | null) => ({
  at: time(at),
  from: item.from,
  to: item.to,
  by: by.kind === "partner" ? { ...by, name: partner } : by,
  node: item.node,
  attempt: item.attempt,
  chunk: item.chunk,
  code: item.code,
  detail: item.detail,
  reason: item.reason,
});

/** The schema of what `getBatchHistory` answers. */
export const batchHistorySchema: JsonSchema = record({
  items: described(
    "From the upload on, the oldest first.",
    listOf(
      record({
        at: instant,
        from: described("Null: the batch was not there before.", orNull(choice(visibleStates))),
        to: described("The same as `from`: the batch has stayed what it was.", choice(visibleStates)),
        by: record({
          kind: described(
            "`system`: DataFlow itself, because a time has come, a lease has lapsed, or a batch in front has ended.",
            choice(moverKinds),
          ),
          name: described("Of an operator, or the client's identifier.", orNull(text())),
        }),
        node: described("Where an attempt was made.", orNull(text())),
        attempt: described("The number of the attempt that failed, of those at its chunk.", orNull(count)),
        chunk: described("The chunk at which it failed, from 0.", orNull(count)),
        code: described(
          "Why: the code of a failure or a refusal, `approval`, `window` or `order` of a hold, `skipped`, `retried`.",
          orNull(text()),
        ),
        detail: orNull(text()),
        reason: described("The words of who has asked for it.", orNull(text())),
      }),
    ),
  ),
  truncated: described(
    "Moves and failed attempts are missing in between: of both the first 50 and the last 50 are kept.",
    flag,
  ),
});
