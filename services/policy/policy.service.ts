/**
 * The policies: one per client, in versions that never change, so that a batch is worked by the one it was accepted
 * under. It is the only writer of the policy table and of the webhooks' secrets. After a change it tells `batch` (cap and
 * weight decide what is claimed next) and, by `policy.changed`, the caches of all nodes; where it dies between, the relay
 * that finds the event left over has `batch` told.
 */

import { UniqueConstraintError } from "sequelize";
import { configOf } from "../../config/config.ts";
import { changeWithEvent } from "../../database/change.ts";
import { rowsLike } from "../../database/found.ts";
import type { PolicyRow } from "../../database/models.ts";
import { beforeAnotherTry, Turns } from "../../lib/batching/turns.ts";
import { Problem } from "../../lib/errors.ts";
import { type CacheOptions, cacheMixin } from "../../mixins/cache.ts";
import { databaseMixin, type WithDatabase } from "../../mixins/database.ts";
import { fields } from "../../mixins/define.ts";
import { actors } from "../actors.ts";
import { defineActor } from "../define.ts";
import { draftEvent } from "../events.ts";
import { announce, publishSoon } from "../messages.ts";
import type { PolicyVersion } from "./policy.contract.ts";
import { completePolicy, defaultPolicy, mergePatch, type Policy, policyFaults } from "./policy.document.ts";
import { evaluatePolicy } from "./policy.evaluate.ts";
import { isAnotherReceiver, WebhookSecrets } from "./policy.webhook.ts";

interface State {
  /** Runs the changes of one policy on this node one after another. */
  turns: Turns<number>;
  secrets: WebhookSecrets;
}

const defaults: PolicyVersion = Object.freeze({ version: 0, policy: defaultPolicy });

/** How often a change is tried. Of changes on several nodes at the same time, one wins each round. */
const MOST_TRIES = 20;

const HOUR_MS = 3_600_000;
/** Policies are up to 64 kB each. */
const FORGOTTEN_AT_ONCE = 200;

const tooQuick = (what: string) =>
  new Problem("unavailable", `The ${what} changes too quickly.`, { headers: { "Retry-After": "1" } });

const currentKey = (clientId: number) => `current:${clientId}`;
const versionKey = (clientId: number, version: number) => `${clientId}:${version}`;

const cache: CacheOptions<PolicyVersion, WithDatabase> = {
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
    const rows = await rowsLike(database.models.Policy, { createdAt: { atLeast: since } });
    return rows.map((row) => ({ keys: [currentKey(Number(row.get("clientId")))], value: policyVersionOf(row) }));
  },
  // Redis may hold a policy of an earlier release, without newer fields.
  fromJson: (json) => {
    const { version, policy } = json as PolicyVersion;
    return { version, policy: completePolicy(policy) };
  },
};

function policyVersionOf(row: PolicyRow): PolicyVersion {
  return { version: Number(row.get("version")), policy: completePolicy(JSON.parse(row.get("body") as string)) };
}

export default defineActor({
  name: "policy",
  mixins: [databaseMixin, cacheMixin(cache)],
  /** How often replaced versions are looked for. */
  settings: { forgetMs: HOUR_MS },
  state: fields<State>(),

  created() {
    this.turns = new Turns();
  },

  methods: {
    async current(clientId: number) {
      const read = async () => (await this.stored(clientId)) ?? defaults;
      return (await this.cached(currentKey(clientId), read)) ?? defaults;
    },

    /** A version as stored; the last one where none is named. */
    async stored(clientId: number, version?: number) {
      const { Policy } = this.database.models;
      const rows = await (version === undefined
        ? rowsLike(Policy, { clientId }, { greatest: "version" })
        : rowsLike(Policy, { clientId, version }));
      return rows[0] ? policyVersionOf(rows[0]) : null;
    },

    /** Versions that were replaced and that no batch pins, in pieces. */
    async forgetVersions() {
      while (!(await this.database.store.forgetVersions(FORGOTTEN_AT_ONCE)));
    },

    check(document: unknown) {
      const { webhookAllowedHosts: allowedHosts } = configOf(this.broker);
      const errors = policyFaults(document, { isHandler: (name) => this.isHandler(name), allowedHosts });
      if (errors.length > 0) throw new Problem("validation", "The policy has wrong fields.", { errors });
    },

    /** Whether an action of that name is known here or on another node, and declares itself a handler. */
    isHandler(name: string) {
      const endpoint = this.broker.findNextActionEndpoint(name);
      return !(endpoint instanceof Error) && (endpoint.action as { importHandler?: boolean }).importHandler === true;
    },

    /** Applies a change to the newest version, and again if another node was faster. `next` null: nothing changes. */
    change(clientId: number, next: (current: PolicyVersion) => Policy | null) {
      return this.turns.take(clientId, async () => {
        for (let tries = 1; ; tries++) {
          // Reads the database, not the cache: a change must see the last version.
          const current = (await this.stored(clientId)) ?? defaults;
          const policy = next(current);
          if (!policy) return current;
          try {
            return await this.store(clientId, current, policy);
          } catch (error) {
            if (!(error instanceof UniqueConstraintError)) throw error;
            if (tries === MOST_TRIES) throw tooQuick("policy");
            await beforeAnotherTry();
          }
        }
      });
    },

    /** The primary key (client, version) lets one of several changes at the same time win. */
    async store(clientId: number, before: PolicyVersion, policy: Policy) {
      const version = before.version + 1;
      const body = JSON.stringify(policy);
      const subject = (await actors.clientCache.get(this.broker, { id: clientId }))?.publicId ?? "";
      const isRenewing = isAnotherReceiver(before.policy.webhook, policy.webhook);
      const { value: webhookSecret, outbox } = await changeWithEvent(
        this.database,
        async (transaction, nowMs) => {
          await this.database.models.Policy.create({ clientId, version, body, createdAt: nowMs }, { transaction });
          return isRenewing ? this.secrets.renew(clientId, policy.webhook !== null, transaction, nowMs) : null;
        },
        () => draftEvent(configOf(this.broker).namespace, "policy.changed", subject, { clientId: subject, version }),
      );
      await this.renewed([currentKey(clientId), versionKey(clientId, version)], { version, policy });
      await announce(this.broker, "policy.changed", { clientId, version });
      await this.tellPartners(clientId, { version, policy });
      // Last: while its event waits in the outbox, the relay repeats the news to batch and clientCache.
      publishSoon(this.broker, { rows: outbox });
      return { version, policy, ...(webhookSecret === null ? {} : { webhookSecret }) };
    },

    /** A newer change of another node may have been told before `version` was: the last one told is the last one stored. */
    async tellPartners(clientId: number, version: PolicyVersion) {
      let told = version;
      for (let newer: PolicyVersion | null = version; newer; ) {
        told = newer;
        const { maxConcurrentBatches: cap, weight } = told.policy;
        await actors.batch.configureQueue(this.broker, { clientId, cap, weight });
        const stored = await this.stored(clientId);
        newer = stored && stored.version > told.version ? stored : null;
      }
      await actors.clientCache.policyChanged(this.broker, { id: clientId, policyVersion: told.version });
    },
  },

  actions: {
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

    async apply(ctx) {
      const client = await actors.clientCache.get(this.broker, { publicId: ctx.params.clientPublicId });
      const stored = client && (await this.stored(client.id));
      if (stored) await this.tellPartners(client.id, stored);
    },

    change(ctx) {
      const { clientId, mode, document, ifVersion } = ctx.params;
      return this.change(clientId, ({ version, policy }) => {
        if (ifVersion !== undefined && ifVersion !== version)
          throw new Problem("precondition-failed", `The policy is at version ${version}.`);
        const wanted = mode === "put" ? document : mergePatch(policy, document);
        this.check(wanted);
        return completePolicy(wanted as Partial<Policy>);
      });
    },

    async webhookSecrets(ctx) {
      return this.secrets.current(ctx.params.clientId, await this.database.now());
    },
    async rotateWebhookSecret(ctx) {
      const { clientId, graceSeconds } = ctx.params;
      const { policy } = await this.current(clientId);
      if (!policy.webhook) throw new Problem("not-found", "This client has no webhook.");
      const now = await this.database.now();
      const previousValidUntil = now + graceSeconds * 1000;
      const secret = await this.secrets.rotate(clientId, now, previousValidUntil);
      if (!secret) throw tooQuick("webhook");
      return { secret, previousValidUntil };
    },
    async turnWebhookOff(ctx) {
      const { clientId, url } = ctx.params;
      let isOff = false;
      await this.change(clientId, ({ policy }) => {
        isOff = policy.webhook?.url === url;
        return isOff ? { ...policy, webhook: null } : null;
      });
      return isOff;
    },

    evaluate(ctx) {
      const { policy, ...body } = ctx.params;
      return evaluatePolicy(policy, { ...body, nowMs: Date.now() });
    },
    figures() {
      return this.cacheFigures();
    },
    emptyRedis() {
      return this.emptyRedis();
    },
  },

  async started() {
    this.secrets = new WebhookSecrets(this.database.models);
    this.schedule("Removal of old policy versions", this.settings.forgetMs, () => this.forgetVersions(), 0.2);
  },
});
