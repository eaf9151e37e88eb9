/**
 * Operators and their tokens. The api calls it for every request of an operator, so it answers from a cache; every change is
 * announced to all nodes, and without the event they notice within 6 s. It is the only writer of the operator table.
 */
import { Op, type Transaction, UniqueConstraintError } from "sequelize";
import { configOf } from "../../config/config.ts";
import { addAudit, changeSilently } from "../../database/change.ts";
import { rowsWhere } from "../../database/model-reads.ts";
import { overtaken, Turns, untilWritten } from "../../lib/batching/flight.ts";
import { Problem } from "../../lib/errors.ts";
import { type CacheOptions, cacheMixin } from "../../mixins/cache.ts";
import { databaseMixin, type WithDatabase } from "../../mixins/database.ts";
import { fields } from "../../mixins/define.ts";
import { defineActor } from "../define.ts";
import { announce } from "../messages.ts";
import type { KnownOperator, Operator, TokenParts } from "./operator.domain.ts";
import {
  type AuditOf,
  auditOf,
  bytesOf,
  type Change,
  isTokenOf,
  knownOf,
  newTag,
  newToken,
  partsOf,
  publicPart,
  tokenHashOf,
} from "./operator.known.ts";

interface State {
  /** Runs the changes of one operator on this node one after another. */
  turns: Turns<string>;
}

type Write = (transaction: Transaction, nowMs: number) => Promise<KnownOperator>;

const noSuchOperator = (name: string) => new Problem("not-found", `There is no operator "${name}".`);

const keyOf = ({ tag }: { tag: string }) => `tag:${tag}`;

const cache: CacheOptions<KnownOperator, WithDatabase> = {
  name: "operator",
  localTtlMs: ({ broker }) => configOf(broker).localCacheTtlMs,
  redisTtlMs: ({ broker }) => configOf(broker).clientCacheTtlMs,
  absentTtlMs: Number.POSITIVE_INFINITY,
  maxEntries: 10_000,
  invalidatedBy: {
    "operator.changed": ({ tag, version }: { tag: string; version: number }) => ({ keys: [keyOf({ tag })], version }),
  },
  async changes({ database }, ms) {
    const since = (await database.now()) - ms;
    const rows = await rowsWhere(database.models.Operator, { changedAt: { atLeast: since } });
    return rows.map((row) => {
      const value = knownOf(row.get({ plain: true }));
      return { keys: [keyOf(value)], value };
    });
  },
};

export default defineActor({
  name: "operator",
  mixins: [databaseMixin, cacheMixin(cache)],
  state: fields<State>(),

  created() {
    this.turns = new Turns();
  },

  methods: {
    async row(wanted: { tag: string } | { name: string }, transaction?: Transaction): Promise<KnownOperator | null> {
      const [row] = await rowsWhere(this.database.models.Operator, wanted, transaction ? { transaction } : {});
      return row ? knownOf(row.get({ plain: true })) : null;
    },

    async holderOf({ tag, tokenHash }: TokenParts): Promise<Operator | null> {
      const known = await this.cached(keyOf({ tag }), () => this.row({ tag }));
      return known && isTokenOf(known, tokenHash, Date.now()) ? publicPart(known) : null;
    },

    /** Commits a change, writes it to the caches, announces it to all nodes. */
    async written(write: Write): Promise<Operator> {
      const known = await changeSilently(this.database, write);
      await this.renewed([keyOf(known)], known);
      await announce(this.broker, "operator.changed", { tag: known.tag, version: known.version });
      return publicPart(known);
    },

    /**
     * Reads an operator, writes its change, and starts again if another change was faster. `valuesOf` throws if the change is not
     * allowed for this operator.
     */
    change(name: string, valuesOf: (before: KnownOperator) => Change, entryOf: AuditOf): Promise<Operator> {
      const attempt: Write = async (transaction, changedAt) => {
        const before = await this.row({ name }, transaction);
        if (!before) throw noSuchOperator(name);
        const { tag, version } = before;
        const values = valuesOf(before);
        const [changed] = await this.database.models.Operator.update(
          { ...bytesOf(values), version: version + 1, changedAt },
          { where: { tag, version }, transaction },
        );
        if (changed === 0) throw overtaken;
        const after = { ...before, ...values, version: version + 1 };
        await addAudit(this.database.models, entryOf(before, after), { transaction, nowMs: changedAt });
        return after;
      };
      return this.turns.take(name, () => untilWritten("operator", () => this.written(attempt)));
    },

    changeLiving(name: string, values: Change, entryOf: AuditOf): Promise<Operator> {
      const valuesOf = ({ deletedAt }: KnownOperator) => {
        if (deletedAt !== null) throw noSuchOperator(name);
        return values;
      };
      return this.change(name, valuesOf, entryOf);
    },

    /** The row of a deleted operator of this name is taken over, with its tag: caches notice by its version. */
    async made(name: string, values: Required<Pick<Change, "role" | "expiresAt">>, entryOf: AuditOf) {
      const gone = await this.row({ name });
      const tag = gone?.tag ?? newTag();
      const token = newToken(tag);
      const tokenHash = tokenHashOf(token);
      const taken = () => new Problem("conflict", `The operator "${name}" exists already.`);
      if (gone) {
        const createdAt = await this.database.now();
        const valuesOf = ({ deletedAt }: KnownOperator) => {
          if (deletedAt === null) throw taken();
          return { ...values, tokenHash, deletedAt: null, createdAt };
        };
        const operator = await this.change(name, valuesOf, entryOf);
        return { operator, token };
      }
      const insert: Write = async (transaction, nowMs) => {
        const draft = { tag, name, ...values, deletedAt: null, version: 1, createdAt: nowMs };
        const row = { ...draft, tokenHash: Buffer.from(tokenHash, "hex"), changedAt: nowMs };
        await this.database.models.Operator.create(row, { transaction });
        const known = { ...draft, tokenHash };
        await addAudit(this.database.models, entryOf(null, known), { transaction, nowMs });
        return known;
      };
      const operator = await this.written(insert).catch((error: unknown) => {
        throw error instanceof UniqueConstraintError ? taken() : error;
      });
      return { operator, token };
    },
  },

  actions: {
    async authenticate(ctx) {
      const parts = partsOf(ctx.params.token);
      const operator = parts && (await this.holderOf(parts));
      return operator && { operator, parts };
    },

    recognise(ctx) {
      return this.holderOf(ctx.params);
    },

    create(ctx) {
      const { name, role, expiresAt = null } = ctx.params;
      return this.made(name, { role, expiresAt }, auditOf(ctx, "operator.create"));
    },

    async get(ctx) {
      const known = await this.row({ name: ctx.params.name });
      return known && known.deletedAt === null ? publicPart(known) : null;
    },

    async list(ctx) {
      const { after, limit } = ctx.params;
      const rows = await this.database.models.Operator.findAll({
        where: { deletedAt: null, ...(after !== undefined && { name: { [Op.gt]: after } }) },
        order: [["name", "ASC"]],
        limit,
      });
      return rows.map((row) => publicPart(knownOf(row.get({ plain: true }))));
    },

    update(ctx) {
      const { name, ...values } = ctx.params;
      return this.changeLiving(name, values, auditOf(ctx, "operator.change"));
    },

    async rotate(ctx) {
      const { name } = ctx.params;
      const known = await this.row({ name });
      if (!known) throw noSuchOperator(name);
      const token = newToken(known.tag);
      const values = { tokenHash: tokenHashOf(token) };
      return { operator: await this.changeLiving(name, values, auditOf(ctx, "operator.rotate")), token };
    },

    async remove(ctx) {
      const deletedAt = await this.database.now();
      await this.changeLiving(ctx.params.name, { deletedAt }, auditOf(ctx, "operator.delete"));
    },

    figures() {
      return this.cacheFigures();
    },

    emptyRedis() {
      return this.emptyRedis();
    },
  },
});
