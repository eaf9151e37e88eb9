/**
 * The policies: one per client. A version never changes, so a batch runs under the version that it was accepted under. This
 * service is the only writer of the policy table and of the webhooks' secrets. After a change it tells `batch` (cap and
 * weight decide what is claimed next) and, by `policy.changed`, the caches of all nodes. If it dies in between, the outbox
 * relay finds the event and has `batch` told.
 */

import { UniqueConstraintError } from "sequelize";
import { configOf } from "../../config/config.ts";
import { rowsWhere } from "../../database/model-reads.ts";
import { Turns, untilWritten } from "../../lib/batching/flight.ts";
import { Problem } from "../../lib/errors.ts";
import { cacheMixin } from "../../mixins/cache.ts";
import { databaseMixin } from "../../mixins/database.ts";
import { fields } from "../../mixins/define.ts";
import { tablesMixin } from "../../mixins/tables.ts";
import { actors } from "../actors.ts";
import { type Auditing, auditing, unaudited } from "../audits.ts";
import { defineActor } from "../define.ts";
import { announce, publishSoon } from "../messages.ts";
import { cache, currentKey, policyVersionOf, versionKey } from "./policy.cache.ts";
import type { PolicyVersion } from "./policy.contract.ts";
import { datasetHandlers } from "./policy.dataset.handlers.ts";
import { Datasets } from "./policy.datasets.ts";
import { defaultPolicy, type Policy } from "./policy.document.ts";
import { refuse, type Surroundings } from "./policy.fields.ts";
import { mergePatch } from "./policy.patch.ts";
import { completePolicy, policyFaults, policyPatchFaults } from "./policy.rules.ts";
import { isSameTarget, TableChecks } from "./policy.tables.ts";
import { versionHandlers } from "./policy.version.handlers.ts";
import { isSameDocument } from "./policy.versions.ts";
import { webhookHandlers } from "./policy.webhook.handlers.ts";
import { WebhookSecrets } from "./policy.webhook.ts";
import { evaluatePolicy } from "./policy.window.ts";
import { writePolicy } from "./policy.write.ts";

interface State {
  /** Runs the changes of one policy on this node one after another. */
  turns: Turns<number>;
  secrets: WebhookSecrets;
  datasets: Datasets;
  tableChecks: TableChecks;
}

const defaults: PolicyVersion = Object.freeze({ version: 0, policy: defaultPolicy });

const HOUR_MS = 3_600_000;
/** Policies are up to 64 kB each. */
const FORGOTTEN_AT_ONCE = 200;

export default defineActor({
  name: "policy",
  mixins: [databaseMixin, cacheMixin(cache), tablesMixin],
  /** How often to look for replaced versions to delete. */
  settings: { forgetMs: HOUR_MS },
  state: fields<State>(),

  created() {
    this.turns = new Turns();
  },

  methods: {
    async current(clientId: number) {
      const read = async () => (await this.stored(clientId)) ?? defaults;
      const known = await this.cached(currentKey(clientId), read);
      return known && "policy" in known ? known : defaults;
    },

    /** Reads a version from the database; without a number, the newest one. */
    async stored(clientId: number, version?: number) {
      const { Policy } = this.database.models;
      const rows = await (version === undefined
        ? rowsWhere(Policy, { clientId }, { greatest: "version" })
        : rowsWhere(Policy, { clientId, version }));
      return rows[0] ? policyVersionOf(rows[0]) : null;
    },

    /** Deletes, in pieces, versions that were replaced and that no batch pins. */
    async forgetVersions() {
      while (!(await this.database.store.forgetVersions(FORGOTTEN_AT_ONCE)));
      while (!(await this.database.store.forgetPins(FORGOTTEN_AT_ONCE)));
    },

    surroundings(): Surroundings {
      const { webhookAllowedHosts: allowedHosts } = configOf(this.broker);
      return { isHandler: (name) => this.isHandler(name), allowedHosts };
    },

    check(document: unknown, patch: unknown = {}) {
      refuse("policy", [...policyPatchFaults(patch), ...policyFaults(document, this.surroundings())]);
    },

    /** Whether any node has an action of that name, and the action declares itself a handler. */
    isHandler(name: string) {
      const endpoint = this.broker.findNextActionEndpoint(name);
      return !(endpoint instanceof Error) && (endpoint.action as { importHandler?: boolean }).importHandler === true;
    },

    /** Applies a change to the newest version, and tries again if another node was faster. `next` null: nothing changes. */
    change(
      clientId: number,
      next: (current: PolicyVersion) => Policy | null | Promise<Policy | null>,
      audit: Auditing = unaudited,
    ) {
      const attempt = async () => {
        // Reads the database, not the cache: a change must start from the newest version.
        const current = (await this.stored(clientId)) ?? defaults;
        const policy = await next(current);
        return policy ? this.store(clientId, current, policy, audit) : current;
      };
      const isOvertaken = (error: unknown) => error instanceof UniqueConstraintError;
      return this.turns.take(clientId, () => untilWritten("policy", attempt, isOvertaken));
    },

    /** Writes a version. The primary key (client, version) lets only one of several simultaneous changes win. */
    async store(clientId: number, before: PolicyVersion, policy: Policy, audit: Auditing) {
      const { version, webhookSecret, outbox } = await writePolicy(this, { clientId, before, policy, audit });
      await this.renewed([currentKey(clientId), versionKey(clientId, version)], { version, policy });
      await announce(this.broker, "policy.changed", { clientId, version });
      await this.tellPartners(clientId, { version, policy });
      // Comes last: until its event leaves the outbox, the relay would tell batch and clientCache again after a crash.
      publishSoon(this.broker, { rows: outbox });
      return { version, policy, ...(webhookSecret === null ? {} : { webhookSecret }) };
    },

    /**
     * Sends `batch` the newest version. Another node may have sent a newer one first, so it reads again until the last
     * version sent is the last one stored.
     */
    async tellPartners(clientId: number, version: PolicyVersion) {
      let told = version;
      for (let newer: PolicyVersion | null = version; newer; ) {
        told = newer;
        const { maxConcurrentBatches: cap, weight } = told.policy;
        await actors.batch.configureQueue(this.broker, { clientId, cap, weight });
        const stored = await this.stored(clientId);
        newer = stored && stored.version > told.version ? stored : null;
      }
      await actors.clientCache.policyChanged(this.broker, {
        id: clientId,
        policyVersion: told.version,
        hasWebhook: told.policy.webhook !== null,
      });
    },
  },

  actions: {
    get(ctx) {
      return this.current(ctx.params.clientId);
    },

    async version(ctx) {
      const { clientId, version } = ctx.params;
      if (version === 0) return defaults;
      const read = () => this.stored(clientId, version);
      const found =
        version < 0
          ? await this.datasets.pinned(clientId, version)
          : await this.cached(versionKey(clientId, version), read);
      if (!found || !("policy" in found))
        throw new Problem("not-found", `There is no version ${version} of this policy.`);
      return found;
    },

    async check(ctx) {
      const { policy } = ctx.params;
      this.check(policy);
      const whole = completePolicy(policy as Partial<Policy>);
      refuse("policy", await this.tableChecks.faults(whole, { mayCreate: false }));
      return whole;
    },

    async apply(ctx) {
      const client = await actors.clientCache.get(this.broker, { publicId: ctx.params.clientPublicId });
      const stored = client && (await this.stored(client.id));
      if (stored) await this.tellPartners(client.id, stored);
    },

    async change(ctx) {
      const { clientId, mode, document, ifVersion, isDryRun = false } = ctx.params;
      let whole: Policy | null = null;
      const changed = await this.change(
        clientId,
        async ({ version, policy }) => {
          if (ifVersion !== undefined && ifVersion !== version)
            throw new Problem(
              "precondition-failed",
              `The policy is at version ${version}, and If-Match names another. Read the policy again before you change it.`,
            );
          const isPatch = mode === "patch";
          const wanted = isPatch ? mergePatch(policy, document) : document;
          this.check(wanted, isPatch ? document : {});
          whole = completePolicy(wanted as Partial<Policy>);
          if (!isPatch || !isSameTarget(whole, policy))
            refuse("policy", await this.tableChecks.faults(whole, { mayCreate: !isDryRun }));
          return isDryRun || isSameDocument(policy, whole) ? null : whole;
        },
        auditing(ctx),
      );
      return isDryRun && whole ? { ...changed, policy: whole } : changed;
    },

    evaluate(ctx) {
      const { policy, ...body } = ctx.params;
      return evaluatePolicy(policy, { ...body, nowMs: Date.now() });
    },
    ...datasetHandlers,
    ...versionHandlers,
    ...webhookHandlers,

    figures() {
      return this.cacheFigures();
    },
    emptyRedis() {
      return this.emptyRedis();
    },
  },

  async started() {
    this.secrets = new WebhookSecrets(this.database.models);
    this.tableChecks = new TableChecks(this.tables);
    this.datasets = new Datasets({
      broker: this.broker,
      tables: this.tableChecks,
      database: this.database,
      surroundings: this.surroundings(),
      cached: (key, load) => this.cached(key, load),
      renewed: (keys, known) => this.renewed(keys, known),
      policyOf: (clientId) => this.current(clientId),
    });
    this.schedule("Removal of old policy versions", this.settings.forgetMs, () => this.forgetVersions(), 0.2);
  },
});
