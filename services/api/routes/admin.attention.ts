/**
 * `GET /admin/stats/attention`: clients that need an operator now. What is wrong with batches and deliveries is shown
 * by their own lists.
 */
import {
  choice,
  count,
  described,
  id,
  instant,
  type JsonSchema,
  listOf,
  orNull,
  record,
  text,
} from "../../../lib/json-schema.ts";
import { actors } from "../../actors.ts";
import { clientNeeds } from "../../batch/batch.reads.domain.ts";
import { type Exchange, json, type Reply } from "../http/exchange.ts";

/** The schema of what `getAttention` answers. */
export const attentionSchema: JsonSchema = record({
  clients: listOf(
    record({
      kind: described(
        "`maxConcurrentBatches`: so many of its batches run, and others wait. `bytesPerDay`, `recordsPerDay`: nine tenths or more of the day's quota are used. `webhook`: it is off since its receiver answered 410.",
        choice([...clientNeeds]),
      ),
      client: record({ id, clientIdentifier: text(), name: text() }),
      used: described("0 of a webhook, as `limit`.", count),
      limit: count,
      since: described("Null: nobody knows.", orNull(instant)),
    }),
  ),
});

export async function getAttention({ ctx }: Exchange): Promise<Reply> {
  const needs = await actors.clientCache.needs(ctx, {});
  const clients = needs.map(({ kind, publicId, identifier: clientIdentifier, name, used, limit, since }) => ({
    kind,
    client: { id: publicId, clientIdentifier, name },
    used,
    limit,
    since: since === null ? null : new Date(since).toISOString(),
  }));
  return json(200, { clients });
}
