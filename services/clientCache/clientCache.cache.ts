/** How clients are cached: in this process and in Redis. */
import { configOf } from "../../config/config.ts";
import { rowsWhere } from "../../database/model-reads.ts";
import type { CacheOptions } from "../../mixins/cache.ts";
import type { WithDatabase } from "../../mixins/database.ts";
import type { Client } from "./clientCache.contract.ts";
import { fromJson, type Known, keysOf, knownOf, publicPart, toJson } from "./clientCache.known.ts";

const told = (client: Client) => ({ keys: keysOf(client), version: client.version });

export const cache: CacheOptions<Known, WithDatabase> = {
  name: "client",
  localTtlMs: ({ broker }) => configOf(broker).localCacheTtlMs,
  redisTtlMs: ({ broker }) => configOf(broker).clientCacheTtlMs,
  // An unknown client takes as long as a known one: the time of an answer must not tell them apart.
  absentTtlMs: Number.POSITIVE_INFINITY,
  maxEntries: 30_000,
  invalidatedBy: { "client.changed": told, "client.renewed": told },
  async changes({ database }, ms) {
    const since = (await database.now()) - ms;
    const rows = await rowsWhere(database.models.Client, { changedAt: { atLeast: since } });
    return rows.map((row) => {
      const value = knownOf(row.get({ plain: true }));
      return { keys: keysOf(value), value };
    });
  },
  // This ends the event streams of a disabled client.
  missed: ({ broker }, client) => void broker.broadcastLocal("client.changed", publicPart(client)),
  toJson,
  fromJson,
};
