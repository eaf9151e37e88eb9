/**
 * Clients and their logins. The api calls it for every request, so it answers from a cache with two levels (this process,
 * Redis) and reads the database once per client and time to live. It is the only writer of the client table. Every change
 * raises the row's version, is written to Redis after its commit, and is announced to all nodes.
 */

import { Op, type Transaction, UniqueConstraintError } from "sequelize";
import { configOf } from "../../config/config.ts";
import { addAudit, changeSilently, changeWithEvent } from "../../database/change.ts";
import { isOutcomeUnknown } from "../../database/errors.ts";
import { rowsWhere } from "../../database/model-reads.ts";
import { storable } from "../../database/rows.ts";
import { overtaken, Turns, untilWritten } from "../../lib/batching/flight.ts";
import { Problem, rethrowUnder } from "../../lib/errors.ts";
import { cacheMixin } from "../../mixins/cache.ts";
import { databaseMixin } from "../../mixins/database.ts";
import { fields } from "../../mixins/define.ts";
import { actors } from "../actors.ts";
import { callerOf } from "../audits.ts";
import { defineActor } from "../define.ts";
import { draftEvent } from "../events.ts";
import { uuidv7 } from "../ids.ts";
import { announce, publishSoon } from "../messages.ts";
import type { PolicyChanged } from "../policy/policy.contract.ts";
import { cache } from "./clientCache.cache.ts";
import type { clientCacheEvents, ListedKey, Recognised } from "./clientCache.contract.ts";
import { destroyed, erasing, firstVersion } from "./clientCache.erase.ts";
import {
  auditedKey,
  defaultKeyOf,
  keyPart,
  keyWith,
  noKeys,
  type StoredKey,
  withKey,
  withoutKey,
} from "./clientCache.keys.ts";
import {
  type AuditOf,
  auditOf,
  HASH_BYTES,
  hashOf,
  isSecretOf,
  type Known,
  keysOf,
  knownOf,
  newSecret,
  noAudit,
  publicPart,
  rowOf,
} from "./clientCache.known.ts";
import { listed } from "./clientCache.list.ts";
import { pausing, resuming } from "./clientCache.pause.ts";

interface State {
  /** Runs the changes of one client on this node one after another. */
  turns: Turns<string>;
}

type Write = (transaction: Transaction, nowMs: number) => Promise<Known>;
/** What a change writes. It may write more in the same transaction. */
type ValuesOf = (before: Known, transaction: Transaction, nowMs: number) => Partial<Known> | Promise<Partial<Known>>;
type News = keyof typeof clientCacheEvents;

const LONGEST_NAME = 64;

/**
 * The caller may be anybody, so an identifier is checked before it is looked up: a long one would fill the cache, a NUL
 * would end SQLite's statement text, and SQL Server would ignore a blank at the end.
 */
const mayBeName = (value: string | number) =>
  typeof value === "number" || (value.length <= LONGEST_NAME && !value.includes("\0") && !value.endsWith(" "));

const noSuchClient = () => new Problem("not-found", "There is no such client.");

/** An older secret may have leaked: that may be why there is a newer one. */
const notNewest = () => new Problem("forbidden", "Only the newest secret of the client may be used to rotate it.");

/** A webhook with its secret, which is shown when it is set and never again. */
const webhookShown = ({ policy: { webhook }, webhookSecret }: PolicyChanged) =>
  webhook && webhookSecret ? { webhook: { ...webhook, secret: webhookSecret } } : {};

export default defineActor({
  name: "clientCache",
  mixins: [databaseMixin, cacheMixin(cache)],
  state: fields<State>(),

  created() {
    this.turns = new Turns();
  },

  methods: {
    /** Finds a client by one of its keys; null if there is none. */
    known(name: "id" | "publicId" | "identifier", value: string | number) {
      if (!mayBeName(value)) return Promise.resolve(null);
      return this.cached(`${name}:${value}`, async () => {
        const [row] = await rowsWhere(this.database.models.Client, { [name]: value });
        return row ? knownOf(row.get({ plain: true })) : null;
      });
    },

    /** The client with this secret, also a disabled one. `keys`: those that count beside its own secret. */
    async holderOf(
      identifier: string,
      secretHash: Buffer,
      keysOf: (client: Known) => Known["keys"],
    ): Promise<Recognised | null> {
      const client = await this.known("identifier", identifier);
      if (isSecretOf(client, secretHash, Date.now())) return publicPart(client as Known);
      const key = client && secretHash.length === HASH_BYTES && keyWith(keysOf(client), secretHash);
      return key ? { ...publicPart(client), key: keyPart(key) } : null;
    },

    async listed(client: Known): Promise<ListedKey[]> {
      const uses = await this.database.store.keyUses(client.id);
      const usedAt = new Map(uses.map((use) => [use.keyId, Number(use.usedAt)]));
      return [defaultKeyOf(client), ...client.keys.map(keyPart)].map((key) => ({
        ...key,
        lastUsedAt: usedAt.get(key.id) ?? null,
      }));
    },

    /** Reads a client, writes its change, announces it. Starts again if another change was faster. Throws not-found. */
    change(publicId: string, valuesOf: ValuesOf, auditOf: AuditOf, news?: News) {
      return this.turns.take(publicId, () => this.changeInTurn(publicId, valuesOf, auditOf, news));
    },

    async changeInTurn(publicId: string, valuesOf: ValuesOf, auditOf: AuditOf, news?: News) {
      const { Client } = this.database.models;
      const attempt: Write = async (transaction, changedAt) => {
        // Reads the row, not the cache: the cache may hold an older version.
        const [row] = await rowsWhere(Client, { publicId }, { transaction });
        if (!row) throw noSuchClient();
        const before = knownOf(row.get({ plain: true }));
        const { version } = before;
        const values = { ...(await valuesOf(before, transaction, changedAt)), version: version + 1 };
        const [changed] = await Client.update(
          { ...rowOf(values), changedAt },
          { where: { publicId, version }, transaction },
        );
        if (changed === 0) throw overtaken;
        const after = { ...before, ...values };
        await addAudit(this.database.models, auditOf(before, after), { transaction, nowMs: changedAt });
        return after;
      };
      return untilWritten("client", () => this.written(attempt, news));
    },

    /** Commits a change, writes it to Redis, announces it to all nodes. Outsiders get `client.changed` by the outbox. */
    async written(write: Write, news: News = "client.changed") {
      const { value: known, outbox } =
        news === "client.changed"
          ? await changeWithEvent(this.database, write, (changed) => this.eventOf(changed))
          : { value: await changeSilently(this.database, write), outbox: [] };
      await this.renewed(keysOf(known), known);
      const client = publicPart(known);
      await announce(this.broker, news, client);
      publishSoon(this.broker, { rows: outbox });
      return client;
    },

    eventOf({ publicId: clientId, identifier: clientIdentifier, name, status, version }: Known) {
      const data = { clientId, clientIdentifier, name, status, version };
      return draftEvent(configOf(this.broker).namespace, "client.changed", clientId, data);
    },
  },

  actions: {
    async authenticate(ctx) {
      const { identifier, secret } = ctx.params;
      return this.holderOf(identifier, hashOf(secret), () => noKeys);
    },

    async recognise(ctx) {
      const { identifier, secretHash } = ctx.params;
      return this.holderOf(identifier, Buffer.from(secretHash, "hex"), ({ keys }) => keys);
    },

    async create(ctx) {
      const { clientIdentifier: identifier, name, policy } = ctx.params;
      if (policy !== undefined) await actors.policy.check(ctx, { policy }).catch(rethrowUnder("/policy"));
      const secret = newSecret();
      const client = await this.written(async (transaction, nowMs) => {
        const draft = {
          publicId: uuidv7(),
          identifier,
          name: storable(name),
          secretHash: hashOf(secret),
          oldSecretHash: null,
          oldSecretUntil: null,
          status: "active" as const,
          policyVersion: 0,
          version: await firstVersion(this.database, identifier, transaction),
          changedAt: nowMs,
          createdAt: nowMs,
        };
        const row = await this.database.models.Client.create(draft, { transaction });
        const known = knownOf(row.get({ plain: true }));
        const entry = auditOf(ctx, "client.create")(null, known);
        await addAudit(this.database.models, entry, { transaction, nowMs });
        return known;
      }).catch((error: unknown) => {
        if (error instanceof UniqueConstraintError)
          throw new Problem("conflict", `The client identifier "${identifier}" exists already.`);
        throw error;
      });
      if (policy === undefined) return { client, secret };
      const changed = await actors.policy.change(ctx, { clientId: client.id, mode: "put", document: policy });
      return { client, secret, ...webhookShown(changed) };
    },

    async get(ctx) {
      const { id, publicId, identifier } = ctx.params;
      const byName = identifier === undefined ? null : this.known("identifier", identifier);
      const client = await (publicId === undefined
        ? (byName ?? this.known("id", id ?? 0))
        : this.known("publicId", publicId));
      return client && publicPart(client);
    },

    async many(ctx) {
      const rows = await this.database.models.Client.findAll({ where: { id: { [Op.in]: ctx.params.ids } } });
      return rows.map((row) => publicPart(knownOf(row.get({ plain: true }))));
    },

    async list(ctx) {
      return listed(this.database, ctx.params);
    },

    async update(ctx) {
      const { publicId, name, ...values } = ctx.params;
      const valuesOf = ({ erasureId }: Known) => {
        if (erasureId !== null && values.status === "active")
          throw new Problem("illegal-state", `The client is being erased (${erasureId}).`, { current: "erasing" });
        return { ...values, ...(name !== undefined && { name: storable(name) }) };
      };
      return this.change(publicId, valuesOf, auditOf(ctx, "client.change"));
    },

    async pause(ctx) {
      const { publicId, reason } = ctx.params;
      const found = await this.known("publicId", publicId);
      if (!found) throw noSuchClient();
      // Read before: inside of its transaction SQLite answers nobody else.
      const { maxConcurrentBatches: cap, weight } = (await actors.policy.get(ctx, { clientId: found.id })).policy;
      const by = callerOf(ctx)?.who ?? null;
      const valuesOf: ValuesOf = (client, ...place) =>
        pausing(this.database.models, { client, by, queue: { cap, weight } }, ...place);
      return this.change(publicId, valuesOf, auditOf(ctx, "client.pause", {}, reason), "client.renewed");
    },

    async resume(ctx) {
      const { publicId, reason } = ctx.params;
      const valuesOf: ValuesOf = (client, transaction) => resuming(this.database.models, client, transaction);
      const client = await this.change(publicId, valuesOf, auditOf(ctx, "client.resume", {}, reason), "client.renewed");
      // As for a cap that has risen: a worker looks now, and not at its next poll.
      actors.outbox.wake(this.broker, {}).catch((error: unknown) => this.logger.debug("No wake-up:", error));
      return client;
    },

    async erase(ctx) {
      const valuesOf: ValuesOf = (...given) => erasing(this.database, ...given);
      const { erasureId } = await this.change(ctx.params.publicId, valuesOf, auditOf(ctx, "client.erase"));
      actors.retention
        .wake(this.broker, {})
        .catch((error: unknown) => this.logger.debug("Waking failed; the work is found by polling:", error));
      return erasureId as string;
    },

    async remove(ctx) {
      const gone = await destroyed(this.database, ctx.params.publicId);
      if (gone) await announce(this.broker, "client.changed", publicPart(gone));
      return gone !== false;
    },

    async previousValidUntil(ctx) {
      const client = await this.known("publicId", ctx.params.publicId);
      if (!client) throw noSuchClient();
      const { oldSecretUntil } = client;
      return oldSecretUntil !== null && oldSecretUntil > Date.now() ? oldSecretUntil : null;
    },

    async rotateSecret(ctx) {
      const secret = newSecret();
      const { publicId, graceSeconds, ifSecretHash } = ctx.params;
      const until = (await this.database.now()) + graceSeconds * 1000;
      await this.change(
        publicId,
        (before) => {
          if (ifSecretHash !== undefined && before.secretHash.toString("hex") !== ifSecretHash) throw notNewest();
          return { secretHash: hashOf(secret), oldSecretHash: before.secretHash, oldSecretUntil: until };
        },
        auditOf(ctx, "client.rotate-secret", { "/graceSeconds": [null, graceSeconds] }),
      );
      return { secret, previousValidUntil: until };
    },

    async createKey(ctx) {
      const { publicId, ...draft } = ctx.params;
      const secret = newSecret();
      const now = await this.database.now();
      const made: { key?: StoredKey } = {};
      const valuesOf = (before: Known) => {
        const keys = withKey(before.keys, draft, hashOf(secret), now);
        made.key = keys.at(-1) as StoredKey;
        return { keys };
      };
      const entryOf: AuditOf = (...clients) => {
        const { id, ...shown } = auditedKey(made.key as StoredKey);
        return auditOf(ctx, "client.key.create", { [`/keys/${id}`]: [null, shown] })(...clients);
      };
      await this.change(publicId, valuesOf, entryOf);
      return { key: { ...keyPart(made.key as StoredKey), lastUsedAt: null }, secret };
    },

    async keys(ctx) {
      const client = await this.known("publicId", ctx.params.publicId);
      if (!client) throw noSuchClient();
      return this.listed(client);
    },

    async removeKey(ctx) {
      const { publicId, keyId } = ctx.params;
      const removed: { key?: StoredKey } = {};
      const valuesOf = ({ keys }: Known) => {
        const { left, gone } = withoutKey(keys, keyId);
        removed.key = gone;
        return { keys: left };
      };
      const entryOf: AuditOf = (...clients) => {
        const { id, ...shown } = auditedKey(removed.key as StoredKey);
        return auditOf(ctx, "client.key.delete", { [`/keys/${id}`]: [shown, null] })(...clients);
      };
      const { id } = await this.change(publicId, valuesOf, entryOf);
      // A row that stays is not shown, and goes with the client.
      await this.database.store
        .forgetKeyUse(id, keyId)
        .catch((error: unknown) => this.logger.debug("The use of a deleted key stays:", error));
    },

    async noteKeyUses(ctx) {
      for (const { clientId, keyId, at } of ctx.params.uses) await this.database.store.noteKeyUse(clientId, keyId, at);
    },

    async policyChanged(ctx) {
      const { id, policyVersion } = ctx.params;
      const client = await this.known("id", id);
      if (!client) return;
      const valuesOf = (before: Known) => ({ policyVersion: Math.max(before.policyVersion, policyVersion) });
      const note = () => this.change(client.publicId, valuesOf, noAudit, "client.renewed");
      await note().catch((error: unknown) => {
        // Writing it twice does no harm.
        if (isOutcomeUnknown(error)) return note();
        throw error;
      });
    },
    figures() {
      return this.cacheFigures();
    },
    emptyRedis() {
      return this.emptyRedis();
    },
  },
});
