/**
 * The policies: one per client, in versions that never change, so that a batch is worked by the one it was accepted
 * under. It is the only writer of the policy table. After a change it tells `batch` (cap and weight decide what is
 * claimed next) and, by `policy.changed`, the caches of all nodes; where it dies between, the relay that finds the event
 * left over has `batch` told.
 */
import type { Service } from "moleculer";
import { Op, UniqueConstraintError } from "sequelize";
import { configOf } from "../../config.ts";
import { changeWithEvent } from "../../database/change.ts";
import type { PolicyRow } from "../../database/models.ts";
import { type CacheOptions, cacheMixin, type WithCache } from "../../mixins/cache.ts";
import { databaseMixin, type WithDatabase } from "../../mixins/database.ts";
import { define } from "../../mixins/define.ts";
import { Problem } from "../errors.ts";
import { announce, call, publishSoon, serve } from "../messages.ts";
import { draftEvent } from "../outbox/outbox.contract.ts";
import type { PolicyVersion } from "./policy.contract.ts";
import { completePolicy, defaultPolicy, mergePatch, type Policy, policyFaults } from "./policy.document.ts";
import { evaluatePolicy } from "./policy.evaluate.ts";

type PolicyService = Service &
  WithDatabase &
  WithCache<PolicyVersion> & {
    current(clientId: number): Promise<PolicyVersion>;
    stored(clientId: number, version?: number): Promise<PolicyVersion | null>;
    check(document: unknown): void;
    isHandler(name: string): boolean;
    store(clientId: number, before: number, policy: Policy): Promise<PolicyVersion>;
    tellPartners(clientId: number, told: PolicyVersion): Promise<void>;
  };

const defaults: PolicyVersion = Object.freeze({ version: 0, policy: defaultPolicy });

/** One of several changes at the same time wins each round; so many at once is enough for any one policy. */
const MOST_TRIES = 20;

const currentKey = (clientId: number) => `current:${clientId}`;
const versionKey = (clientId: number, version: number) => `${clientId}:${version}`;

const cache: CacheOptions<PolicyVersion, PolicyService> = {
  name: "policy",
  localTtlMs: ({ broker }) => configOf(broker).localCacheTtlMs,
  redisTtlMs: ({ broker }) => configOf(broker).policyCacheTtlMs,
  absentTtlMs: 1_000,
  maxEntries: 20_000,
  invalidatedBy: {
    "policy.changed": ({ clientId, version }: { clientId: number; version: number }) => ({
      keys: [currentKey(clientId)],
      version,
    }),
  },
  async changes({ database }, ms) {
    const since = (await database.now()) - ms;
    const rows = await database.models.Policy.findAll({ where: { createdAt: { [Op.gte]: since } } });
    return rows.map((row) => ({ keys: [currentKey(Number(row.get("clientId")))], value: policyVersionOf(row) }));
  },
  // Redis may hold what an earlier release wrote, without the fields of this one.
  fromJson: (json) => {
    const { version, policy } = json as PolicyVersion;
    return { version, policy: completePolicy(policy) };
  },
};

function policyVersionOf(row: PolicyRow): PolicyVersion {
  return { version: Number(row.get("version")), policy: completePolicy(JSON.parse(row.get("body") as string)) };
}

export default define<PolicyService>({
  name: "policy",
  mixins: [databaseMixin, cacheMixin(cache)],

  actions: serve<PolicyService, "policy">("policy", {
    get(ctx) {
      return this.current(ctx.params.clientId);
    },

    async version(ctx) {
      const { clientId, version } = ctx.params;
      if (version === 0) return defaults;
      const found = await this.cached(versionKey(clientId, version), () => this.stored(clientId, version));
      if (!found) throw new Problem("not-found", `There is no version ${version} of this policy.`);
      return found;
    },

    check(ctx) {
      this.check(ctx.params.policy);
    },

    async change(ctx) {
      const { clientId, mode, document, ifVersion } = ctx.params;
      for (let tries = 1; ; tries++) {
        // From the database: whoever changes a policy has to see the last one.
        const current = (await this.stored(clientId)) ?? defaults;
        if (ifVersion !== undefined && ifVersion !== current.version)
          throw new Problem("precondition-failed", `The policy is at version ${current.version}.`);
        const wanted = mode === "put" ? document : mergePatch(current.policy, document);
        this.check(wanted);
        try {
          return await this.store(clientId, current.version, completePolicy(wanted as Partial<Policy>));
        } catch (error) {
          if (!(error instanceof UniqueConstraintError)) throw error;
          if (tries === MOST_TRIES)
            throw new Problem("unavailable", "The policy changes too quickly.", { headers: { "Retry-After": "1" } });
        }
      }
    },

    async apply(ctx) {
      const client = await call(this.broker, "clientCache.get", { publicId: ctx.params.clientPublicId });
      const stored = client && (await this.stored(client.id));
      if (stored) await this.tellPartners(client.id, stored);
    },

    async evaluate(ctx) {
      const { clientId, ...body } = ctx.params;
      const { policy } = await this.current(clientId);
      return evaluatePolicy(policy, { ...body, nowMs: Date.now() });
    },
    figures() {
      return this.cacheFigures();
    },
  }),

  methods: {
    async current(this: PolicyService, clientId: number) {
      const read = async () => (await this.stored(clientId)) ?? defaults;
      return (await this.cached(currentKey(clientId), read)) ?? defaults;
    },

    /** A version as stored; the last one where none is named. */
    async stored(this: PolicyService, clientId: number, version?: number) {
      const row = await this.database.models.Policy.findOne({
        where: { clientId, version: version ?? { [Op.gt]: 0 } },
        order: [["version", "DESC"]],
      });
      return row && policyVersionOf(row);
    },

    /** Throws validation with every fault of a document. */
    check(this: PolicyService, document: unknown) {
      const errors = policyFaults(document, { isHandler: (name) => this.isHandler(name) });
      if (errors.length > 0) throw new Problem("validation", "The policy has wrong fields.", { errors });
    },

    /** Whether an action of that name is known here or on another node, and declares itself a handler. */
    isHandler(this: PolicyService, name: string) {
      const endpoint = this.broker.findNextActionEndpoint(name);
      return !(endpoint instanceof Error) && (endpoint.action as { importHandler?: boolean }).importHandler === true;
    },

    /** The primary key (client, version) lets one of several changes at the same time win. */
    async store(this: PolicyService, clientId: number, before: number, policy: Policy) {
      const version = before + 1;
      const body = JSON.stringify(policy);
      const subject = (await call(this.broker, "clientCache.get", { id: clientId }))?.publicId ?? "";
      const { outbox } = await changeWithEvent(
        this.database,
        (transaction, createdAt) =>
          this.database.models.Policy.create({ clientId, version, body, createdAt }, { transaction }),
        () => draftEvent(configOf(this.broker).namespace, "policy.changed", subject, { clientId: subject, version }),
      );
      await this.renewed([currentKey(clientId), versionKey(clientId, version)], { version, policy });
      await announce(this.broker, "policy.changed", { clientId, version });
      await this.tellPartners(clientId, { version, policy });
      // Last: as long as its event waits, the relay has the partners told again.
      publishSoon(this.broker, outbox);
      return { version, policy };
    },

    async tellPartners(this: PolicyService, clientId: number, { version, policy }: PolicyVersion) {
      const { maxConcurrentBatches: cap, weight } = policy;
      await call(this.broker, "batch.configureQueue", { clientId, cap, weight });
      await call(this.broker, "clientCache.policyChanged", { id: clientId, policyVersion: version });
    },
  },
});
