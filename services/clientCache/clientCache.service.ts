/**
 * Clients and their logins. The api calls it for every request, so it answers from a cache with two levels (this process,
 * Redis) and reads the database once per client and time to live. It is the only writer of the client table. Every change
 * raises the row's version, is written to Redis after its commit, and is announced to all nodes.
 */

import { Op, UniqueConstraintError } from "sequelize";
import { rowsWhere } from "../../database/model-reads.ts";
import { storable } from "../../database/rows.ts";
import { Recent } from "../../lib/batching/recent.ts";
import { Problem, rethrowUnder } from "../../lib/errors.ts";
import { cacheMixin } from "../../mixins/cache.ts";
import { databaseMixin } from "../../mixins/database.ts";
import { fields } from "../../mixins/define.ts";
import { actors } from "../actors.ts";
import { callerOf } from "../audits.ts";
import type { ClientNeed } from "../batch/batch.reads.domain.ts";
import { defineActor } from "../define.ts";
import { announce } from "../messages.ts";
import type { PolicyChanged } from "../policy/policy.contract.ts";
import { cache } from "./clientCache.cache.ts";
import { ClientChanges, noSuchClient, notNewest, type ValuesOf } from "./clientCache.changes.ts";
import type { Recognised } from "./clientCache.contract.ts";
import { creating } from "./clientCache.create.ts";
import { destroyed, erasing } from "./clientCache.erase.ts";
import { createKey, listedKeys, removeKey } from "./clientCache.keyChanges.ts";
import { keyPart, keyWith, noKeys } from "./clientCache.keys.ts";
import {
  auditOf,
  HASH_BYTES,
  hashOf,
  isSecretOf,
  type Known,
  knownOf,
  mayBeName,
  newSecret,
  publicPart,
} from "./clientCache.known.ts";
import { listed } from "./clientCache.list.ts";
import { pausing, resuming } from "./clientCache.pause.ts";
import { policyChanged, webhookGone } from "./clientCache.told.ts";

/** Pages of several operators ask for the same every few seconds. */
const NEEDS_FRESH_MS = 5_000;

interface State {
  changes: ClientChanges;
  needy: Recent<ClientNeed[]>;
}

/** A webhook with its secret, which is shown when it is set and never again. */
const webhookShown = ({ policy: { webhook }, webhookSecret }: PolicyChanged) =>
  webhook && webhookSecret ? { webhook: { ...webhook, secret: webhookSecret } } : {};

export default defineActor({
  name: "clientCache",
  mixins: [databaseMixin, cacheMixin(cache)],
  state: fields<State>(),

  created() {
    this.changes = new ClientChanges(this);
    this.needy = new Recent(
      () => this.database.store.needyClients(),
      () => NEEDS_FRESH_MS,
    );
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
      const { clientIdentifier: identifier, policy } = ctx.params;
      if (policy !== undefined) await actors.policy.check(ctx, { policy }).catch(rethrowUnder("/policy"));
      const secret = newSecret();
      const client = await this.changes.written(creating(this.database, ctx, secret)).catch((error: unknown) => {
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
      return this.changes.change(publicId, valuesOf, auditOf(ctx, "client.change"));
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
      return this.changes.change(publicId, valuesOf, auditOf(ctx, "client.pause", {}, reason), "client.renewed");
    },

    async resume(ctx) {
      const { publicId, reason } = ctx.params;
      const valuesOf: ValuesOf = (client, transaction) => resuming(this.database.models, client, transaction);
      const client = await this.changes.change(
        publicId,
        valuesOf,
        auditOf(ctx, "client.resume", {}, reason),
        "client.renewed",
      );
      // Wakes a worker now, so that it need not wait for its next poll, as after a cap has risen.
      actors.outbox.wake(this.broker, {}).catch((error: unknown) => this.logger.debug("Waking workers failed:", error));
      return client;
    },

    async erase(ctx) {
      const valuesOf: ValuesOf = (...given) => erasing(this.database, ...given);
      const { erasureId } = await this.changes.change(ctx.params.publicId, valuesOf, auditOf(ctx, "client.erase"));
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

    async secretTimes(ctx) {
      const client = await this.known("publicId", ctx.params.publicId);
      if (!client) throw noSuchClient();
      const { secretAt, oldSecretUntil } = client;
      const isOldValid = oldSecretUntil !== null && oldSecretUntil > Date.now();
      return { createdAt: secretAt, previousValidUntil: isOldValid ? oldSecretUntil : null };
    },

    async rotateSecret(ctx) {
      const secret = newSecret();
      const { publicId, graceSeconds, ifSecretHash } = ctx.params;
      const until = (await this.database.now()) + graceSeconds * 1000;
      await this.changes.change(
        publicId,
        (before, _transaction, secretAt) => {
          if (ifSecretHash !== undefined && before.secretHash.toString("hex") !== ifSecretHash) throw notNewest();
          return { secretHash: hashOf(secret), secretAt, oldSecretHash: before.secretHash, oldSecretUntil: until };
        },
        auditOf(ctx, "client.rotate-secret", { "/graceSeconds": [null, graceSeconds] }),
      );
      return { secret, previousValidUntil: until };
    },

    createKey(ctx) {
      return createKey(this, ctx);
    },

    async keys(ctx) {
      const client = await this.known("publicId", ctx.params.publicId);
      if (!client) throw noSuchClient();
      return listedKeys(this.database, client);
    },

    async removeKey(ctx) {
      const id = await removeKey(this, ctx);
      // A row that stays is not shown, and is deleted with the client.
      await this.database.store
        .forgetKeyUse(id, ctx.params.keyId)
        .catch((error: unknown) => this.logger.debug("The last use of a deleted key is not deleted:", error));
    },

    async noteKeyUses(ctx) {
      for (const { clientId, keyId, at } of ctx.params.uses) await this.database.store.noteKeyUse(clientId, keyId, at);
    },

    webhookGone(ctx) {
      return webhookGone(this, ctx.params);
    },

    needs() {
      return this.needy.get();
    },

    policyChanged(ctx) {
      return policyChanged(this, ctx.params);
    },

    figures() {
      return this.cacheFigures();
    },
    emptyRedis() {
      return this.emptyRedis();
    },
  },
});
