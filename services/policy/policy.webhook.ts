/** The secrets that sign webhooks. They are not part of the policy, because many parts of the system read policies. */
import { randomBytes } from "node:crypto";
import type { Sequelize, Transaction } from "sequelize";
import { addAudit } from "../../database/change.ts";
import { rowsWhere } from "../../database/model-reads.ts";
import type { Models } from "../../database/models.ts";
import { Problem } from "../../lib/errors.ts";
import type { AuditDraft } from "../audit/audit.domain.ts";
import type { SecretTimes } from "./policy.contract.ts";
import type { Policy } from "./policy.document.ts";

type PolicyWebhook = Policy["webhook"];

/** Whether two webhooks have the same receiver. A new receiver gets a new secret: the old receiver must not know it. */
export const isAnotherReceiver = (before: PolicyWebhook, after: PolicyWebhook): boolean => before?.url !== after?.url;

/** Several nodes have changed it at the same time, too often. */
export const tooQuick = (what: string) =>
  new Problem("unavailable", `Too many changes of the ${what} came at the same time. Send this one again.`, {
    headers: { "Retry-After": "1" },
  });

interface OldSecret {
  secret: string;
  /** Epoch ms. */
  until: number;
}

/** The most valid secrets: each adds a signature to the header. */
const MOST_OLD = 4;

/** In the form of Standard Webhooks, which allows 24 to 64 bytes. */
const newSecret = (): string => `whsec_${randomBytes(32).toString("base64")}`;

export class WebhookSecrets {
  private readonly table: Models["WebhookSecret"];
  private readonly models: Models;

  constructor(models: Models) {
    this.models = models;
    this.table = models.WebhookSecret;
  }

  /** Replaces the secrets, in the transaction that gives the webhook another receiver or none. Answers the new secret. */
  async renew(clientId: number, hasWebhook: boolean, transaction: Transaction, changedAt: number) {
    await this.table.destroy({ where: { clientId }, transaction });
    if (!hasWebhook) return null;
    const secret = newSecret();
    await this.table.create({ clientId, secret, oldSecrets: "[]", changedAt }, { transaction });
    return secret;
  }

  /** The valid secrets, the newest first. */
  async current(clientId: number, nowMs: number): Promise<string[]> {
    const row = await this.row(clientId);
    return row ? [row.secret, ...row.old.filter(({ until }) => until > nowMs).map(({ secret }) => secret)] : [];
  }

  async times(clientId: number, nowMs: number): Promise<SecretTimes | null> {
    const row = await this.row(clientId);
    if (!row) return null;
    const ends = row.old.map(({ until }) => until).filter((until) => until > nowMs);
    return { createdAt: row.changedAt, previousValidUntil: ends.length > 0 ? Math.max(...ends) : null };
  }

  /**
   * Adds a new secret; the others stay valid until `until`. Null: there is none to rotate, or another rotation was
   * faster.
   */
  async rotate(clientId: number, nowMs: number, until: number, audit: AuditDraft | null): Promise<string | null> {
    const row = await this.row(clientId);
    if (!row) return null;
    const secret = newSecret();
    const rest = row.old.map((one) => ({ ...one, until: Math.min(one.until, until) }));
    const old = [{ secret: row.secret, until }, ...rest].filter((one) => one.until > nowMs).slice(0, MOST_OLD);
    const isChanged = await (this.table.sequelize as Sequelize).transaction(async (transaction) => {
      const [changed] = await this.table.update(
        { secret, oldSecrets: JSON.stringify(old), changedAt: nowMs },
        { where: { clientId, secret: row.secret }, transaction },
      );
      if (changed === 1) await addAudit(this.models, audit, { transaction, nowMs });
      return changed === 1;
    });
    return isChanged ? secret : null;
  }

  private async row(clientId: number): Promise<{ secret: string; old: OldSecret[]; changedAt: number } | null> {
    const [row] = await rowsWhere(this.table, { clientId });
    if (!row) return null;
    const { secret, oldSecrets, changedAt } = row.get({ plain: true });
    return { secret, old: JSON.parse(oldSecrets), changedAt: Number(changedAt) };
  }
}
