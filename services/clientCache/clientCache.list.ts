/** Pages of clients. */
import { Op } from "sequelize";
import type { Database } from "../../database/database.ts";
import { storable } from "../../database/rows.ts";
import type { ClientUse } from "../batch/batch.reads.domain.ts";
import type { ParamsOf } from "../messages.ts";
import type { ListedClient } from "./clientCache.contract.ts";
import { knownOf, publicPart } from "./clientCache.known.ts";

/** Newest first, as `clientCache.list` says. */
export async function listed(
  { models: { Client }, store }: Database,
  { before, q, status, dataset, limit }: ParamsOf<"clientCache.list">,
): Promise<ListedClient[]> {
  const wanted = { ...(status !== undefined && { status }), ...(before !== undefined && { before }), limit };
  const named = { ...(q !== undefined && { text: storable(q) }), ...(dataset !== undefined && { dataset }) };
  const ids = Object.keys(named).length === 0 ? null : await store.findClients({ ...wanted, ...named });
  const among = ids ?? (before === undefined ? null : { [Op.lt]: before });
  const rows = await Client.findAll({
    where: { ...(among !== null && { id: among }), ...(status !== undefined && { status }) },
    order: [["id", "DESC"]],
    limit,
  });
  const clients = rows.map((row) => publicPart(knownOf(row.get({ plain: true }))));
  const uses = await store.clientUses(clients.map(({ id }) => id));
  return clients.map((client) => ({ ...client, use: uses.get(client.id) ?? nothingUsed }));
}

/** The use of a client that was deleted meanwhile. */
const nothingUsed: ClientUse = {
  lastBatchAt: null,
  running: 0,
  cap: null,
  bytes: 0,
  records: 0,
  bytesPerDay: null,
  recordsPerDay: null,
};
