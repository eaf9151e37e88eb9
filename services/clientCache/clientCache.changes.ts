/** How a client is changed: read, written under its version, put into Redis, and announced. */
import type { ServiceBroker } from "moleculer";
import type { Transaction } from "sequelize";
import { configOf } from "../../config/config.ts";
import { addAudit, changeSilently, changeWithEvent } from "../../database/change.ts";
import type { Database } from "../../database/database.ts";
import { rowsWhere } from "../../database/model-reads.ts";
import { overtaken, Turns, untilWritten } from "../../lib/batching/flight.ts";
import { Problem } from "../../lib/errors.ts";
import { draftEvent } from "../events.ts";
import { announce, publishSoon } from "../messages.ts";
import type { Client, clientCacheEvents } from "./clientCache.contract.ts";
import { type AuditOf, type Known, keysOf, knownOf, publicPart, rowOf } from "./clientCache.known.ts";

export type Write = (transaction: Transaction, nowMs: number) => Promise<Known>;
/** What a change writes. It may write more in the same transaction. */
export type ValuesOf = (
  before: Known,
  transaction: Transaction,
  nowMs: number,
) => Partial<Known> | Promise<Partial<Known>>;
export type News = keyof typeof clientCacheEvents;

export const noSuchClient = () => new Problem("not-found", "There is no such client.");

/** An older secret may have leaked, which may be why there is a newer one. So it may not make yet another one. */
export const notNewest = () =>
  new Problem("forbidden", "Only the newest secret of the client may be used to rotate it.");

/** What a change needs of the service. */
export interface ChangeParts {
  broker: ServiceBroker;
  database: Database;
  /** Writes the client into the caches. */
  renewed(keys: string[], known: Known): Promise<unknown>;
}

export class ClientChanges {
  private readonly parts: ChangeParts;
  /** Runs the changes of one client on this node one after another. */
  private readonly turns = new Turns<string>();

  /** `parts`: the database is read once the service has started. */
  constructor(parts: ChangeParts) {
    this.parts = parts;
  }

  /** Reads a client, writes its change, announces it. Starts again if another change was faster. Throws not-found. */
  change(publicId: string, valuesOf: ValuesOf, auditOf: AuditOf, news?: News): Promise<Client> {
    return this.turns.take(publicId, () => this.changeInTurn(publicId, valuesOf, auditOf, news));
  }

  private changeInTurn(publicId: string, valuesOf: ValuesOf, auditOf: AuditOf, news?: News): Promise<Client> {
    const { models } = this.parts.database;
    const attempt: Write = async (transaction, changedAt) => {
      // Reads the row, not the cache: the cache may hold an older version.
      const [row] = await rowsWhere(models.Client, { publicId }, { transaction });
      if (!row) throw noSuchClient();
      const before = knownOf(row.get({ plain: true }));
      const { version } = before;
      const values = { ...(await valuesOf(before, transaction, changedAt)), version: version + 1 };
      const [changed] = await models.Client.update(
        { ...rowOf(values), changedAt },
        { where: { publicId, version }, transaction },
      );
      if (changed === 0) throw overtaken;
      const after = { ...before, ...values };
      await addAudit(models, auditOf(before, after), { transaction, nowMs: changedAt });
      return after;
    };
    return untilWritten("client", () => this.written(attempt, news));
  }

  /** Commits a change, writes it to Redis, announces it to all nodes. Outsiders get `client.changed` by the outbox. */
  async written(write: Write, news: News = "client.changed"): Promise<Client> {
    const { broker, database } = this.parts;
    const { value: known, outbox } =
      news === "client.changed"
        ? await changeWithEvent(database, write, (changed) => this.eventOf(changed))
        : { value: await changeSilently(database, write), outbox: [] };
    await this.parts.renewed(keysOf(known), known);
    const client = publicPart(known);
    await announce(broker, news, client);
    publishSoon(broker, { rows: outbox });
    return client;
  }

  private eventOf({ publicId: clientId, identifier: clientIdentifier, name, status, version }: Known) {
    const data = { clientId, clientIdentifier, name, status, version };
    return draftEvent(configOf(this.parts.broker).namespace, "client.changed", clientId, data);
  }
}
