/** Pages of clients. */
import { Op } from "sequelize";
import type { Database } from "../../database/database.ts";
import { storable } from "../../database/rows.ts";
import type { ParamsOf } from "../messages.ts";
import type { ListedClient } from "./clientCache.contract.ts";
import { knownOf, publicPart } from "./clientCache.known.ts";

/** Newest first, as `clientCache.list` says. */
export async function listed(
  { models: { Client }, store }: Database,
  { before, q, status, limit }: ParamsOf<"clientCache.list">,
): Promise<ListedClient[]> {
  const wanted = { ...(status !== undefined && { status }), ...(before !== undefined && { before }), limit };
  const ids = q === undefined ? null : await store.findClients({ ...wanted, text: storable(q) });
  const among = ids ?? (before === undefined ? null : { [Op.lt]: before });
  const rows = await Client.findAll({
    where: { ...(among !== null && { id: among }), ...(status !== undefined && { status }) },
    order: [["id", "DESC"]],
    limit,
  });
  const clients = rows.map((row) => publicPart(knownOf(row.get({ plain: true }))));
  const last = await store.lastBatches(clients.map(({ id }) => id));
  return clients.map((client) => ({ ...client, lastBatchAt: last.get(client.id) ?? null }));
}
