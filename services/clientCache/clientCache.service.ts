/**
 * The clients: who they are and whether a request is theirs. The api asks it for every request, so it answers from a
 * cache; the database is read once per client and time to live. It is the only writer of the client table, and tells of
 * every change by `client.changed`, which voids the caches of all nodes.
 */
import type { Service } from "moleculer";
import { Op, UniqueConstraintError } from "sequelize";
import { v7 as uuidv7 } from "uuid";
import { configOf } from "../../config.ts";
import { cacheMixin, type WithCache } from "../../mixins/cache.ts";
import { databaseMixin, type WithDatabase } from "../../mixins/database.ts";
import { define } from "../../mixins/define.ts";
import { Problem, rethrowUnder } from "../errors.ts";
import { announce, call, serve } from "../messages.ts";
import type { Client, ClientStatus } from "./clientCache.contract.ts";
import { hashOf, isSecretOf, newSecret, type SecretHashes } from "./clientCache.secrets.ts";

type Known = Client & SecretHashes;
type ClientCache = Service &
  WithDatabase &
  WithCache & {
    known(where: Partial<Pick<Client, "id" | "publicId" | "identifier">>): Promise<Known | null>;
    change(publicId: string, valuesOf: (before: Known) => Partial<Known>): Promise<Client>;
  };

/** A client that changes under every read is being changed by a loop; so often is enough for any one of these. */
const MOST_TRIES = 20;

const LONGEST_NAME = 64;

/**
 * Whoever asks need not be known: nothing long is kept in the cache for him, and no NUL goes into a statement, which
 * Sequelize writes as a text that SQLite takes to end there.
 */
const mayBeName = (value: string | number) =>
  typeof value === "number" || (value.length <= LONGEST_NAME && !value.includes("\0"));

const noSuchClient = () => new Problem("not-found", "There is no such client.");

/** A row as the rest of the service uses it; BIGINT columns come as text from some databases. */
function knownOf(row: Known): Known {
  const { oldSecretUntil } = row;
  return {
    id: Number(row.id),
    publicId: row.publicId,
    identifier: row.identifier,
    name: row.name,
    status: row.status as ClientStatus,
    policyVersion: Number(row.policyVersion),
    version: Number(row.version),
    createdAt: Number(row.createdAt),
    secretHash: Buffer.from(row.secretHash),
    oldSecretHash: row.oldSecretHash && Buffer.from(row.oldSecretHash),
    oldSecretUntil: oldSecretUntil === null ? null : Number(oldSecretUntil),
  };
}

function publicPart(known: Known): Client {
  const { secretHash, oldSecretHash, oldSecretUntil, ...client } = known;
  return client;
}

export default define<ClientCache>({
  name: "clientCache",
  mixins: [
    databaseMixin,
    cacheMixin({
      ttlMs: ({ broker }) => configOf(broker).localCacheTtlMs,
      absentTtlMs: 1_000,
      maxEntries: 10_000,
      invalidatedBy: {
        "client.changed": ({ id, publicId, identifier }: { id: number; publicId: string; identifier: string }) => [
          `id:${id}`,
          `publicId:${publicId}`,
          `identifier:${identifier}`,
        ],
      },
    }),
  ],

  actions: serve<ClientCache, "clientCache">("clientCache", {
    async authenticate(ctx) {
      const client = await this.known({ identifier: ctx.params.identifier });
      return isSecretOf(client, ctx.params.secret, Date.now()) ? publicPart(client as Known) : null;
    },

    async create(ctx) {
      const { clientIdentifier: identifier, name, policy } = ctx.params;
      if (policy !== undefined) await call(ctx, "policy.check", { policy }).catch(rethrowUnder("/policy"));
      const secret = newSecret();
      const nowMs = await this.database.now();
      const row = await this.database.models.Client.create({
        publicId: uuidv7(),
        identifier,
        name,
        secretHash: hashOf(secret),
        oldSecretHash: null,
        oldSecretUntil: null,
        status: "active",
        policyVersion: 0,
        version: 1,
        changedAt: nowMs,
        createdAt: nowMs,
      }).catch((error: unknown) => {
        if (error instanceof UniqueConstraintError)
          throw new Problem("conflict", `The client identifier "${identifier}" exists already.`);
        throw error;
      });
      const client = publicPart(knownOf(row.get({ plain: true })));
      await announce(this.broker, "client.changed", client);
      if (policy !== undefined)
        await call(ctx, "policy.change", { clientId: client.id, mode: "put", document: policy });
      return { client, secret };
    },

    async get(ctx) {
      const { id, publicId } = ctx.params;
      const client = await this.known(publicId === undefined ? { id } : { publicId });
      return client && publicPart(client);
    },

    async list(ctx) {
      const { before, limit } = ctx.params;
      const rows = await this.database.models.Client.findAll({
        where: before === undefined ? {} : { id: { [Op.lt]: before } },
        order: [["id", "DESC"]],
        limit,
      });
      return rows.map((row) => publicPart(knownOf(row.get({ plain: true }))));
    },

    async update(ctx) {
      const { publicId, ...values } = ctx.params;
      return this.change(publicId, () => values);
    },

    async rotateSecret(ctx) {
      const secret = newSecret();
      const until = (await this.database.now()) + ctx.params.graceSeconds * 1000;
      await this.change(ctx.params.publicId, (before) => ({
        secretHash: hashOf(secret),
        oldSecretHash: before.secretHash,
        oldSecretUntil: until,
      }));
      return { secret, previousValidUntil: until };
    },

    async policyChanged(ctx) {
      const { id, policyVersion } = ctx.params;
      const client = await this.known({ id });
      if (client)
        await this.change(client.publicId, (before) => ({
          policyVersion: Math.max(before.policyVersion, policyVersion),
        }));
    },
  }),

  methods: {
    /** By exactly one of its names; null: there is none. */
    async known(this: ClientCache, where: Record<string, string | number>) {
      const [[name, value]] = Object.entries(where) as [[string, string | number]];
      if (!mayBeName(value)) return null;
      return this.cached(`${name}:${value}`, async () => {
        const row = await this.database.models.Client.findOne({ where });
        return row && knownOf(row.get({ plain: true }));
      });
    },

    /** Writes values on top of what it read, raises the version, tells all nodes; reads again where another was faster. Throws not-found. */
    async change(this: ClientCache, publicId: string, valuesOf: (before: Known) => Partial<Known>) {
      const { Client } = this.database.models;
      for (let tries = 0; tries < MOST_TRIES; tries++) {
        const row = await Client.findOne({ where: { publicId } });
        if (!row) throw noSuchClient();
        const before = knownOf(row.get({ plain: true }));
        const { version } = before;
        const values = { ...valuesOf(before), version: version + 1 };
        const changedAt = await this.database.now();
        const [changed] = await Client.update({ ...values, changedAt }, { where: { publicId, version } });
        if (changed === 0) continue;
        const client = publicPart({ ...before, ...values });
        await announce(this.broker, "client.changed", client);
        return client;
      }
      throw new Problem("unavailable", "The client changes too quickly.", { headers: { "Retry-After": "1" } });
    },
  },
});
