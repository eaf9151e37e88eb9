/** The secrets that sign webhooks. They are never stored in the policy, because many read its versions. */
import { randomBytes } from "node:crypto";
import type { Transaction } from "sequelize";
import { rowsLike } from "../../database/found.ts";
import type { Models } from "../../database/models.ts";
import { LONGEST_URL, urlFault } from "../../lib/net/allowed-target.ts";
import { type WebhookEvent, webhookEvents } from "../webhook/webhook.contract.ts";
import { type Check, checkOf, nullOr, object, someOf } from "./policy.fields.ts";

export interface PolicyWebhook {
  url: string;
  events: WebhookEvent[];
}

export const defaultWebhookEvents: readonly WebhookEvent[] = Object.freeze(["batch.completed"] as const);

/** The check of the policy's `webhook`; `allowedHosts`: see WEBHOOK_ALLOWED_HOSTS. */
export function webhookCheck(allowedHosts: readonly string[]): Check {
  const url = checkOf({ type: "string", format: "uri", maxLength: LONGEST_URL }, (value) => {
    const fault = urlFault(value, allowedHosts);
    return fault === null ? [] : [{ pointer: "", detail: fault }];
  });
  return nullOr(object({ url, events: someOf(...webhookEvents) }, { required: ["url"] }));
}

/** Whether two webhooks have the same receiver. A new receiver gets a new secret, which the old one must not know. */
export const isAnotherReceiver = (before: PolicyWebhook | null, after: PolicyWebhook | null): boolean =>
  before?.url !== after?.url;

interface OldSecret {
  secret: string;
  /** Epoch ms. */
  until: number;
}

/** The most valid secrets: each adds a signature to the header. */
const MOST_OLD = 4;

/** As Standard Webhooks writes them: 24 to 64 bytes. */
const newSecret = (): string => `whsec_${randomBytes(32).toString("base64")}`;

export class WebhookSecrets {
  private readonly table: Models["WebhookSecret"];

  constructor({ WebhookSecret }: Models) {
    this.table = WebhookSecret;
  }

  /** In the transaction that gives the webhook another receiver, or none: the new secret. */
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

  /** A new one; the others count until then. Null: there is none to rotate, or another rotation was faster. */
  async rotate(clientId: number, nowMs: number, until: number): Promise<string | null> {
    const row = await this.row(clientId);
    if (!row) return null;
    const secret = newSecret();
    const rest = row.old.map((one) => ({ ...one, until: Math.min(one.until, until) }));
    const old = [{ secret: row.secret, until }, ...rest].filter((one) => one.until > nowMs).slice(0, MOST_OLD);
    const [changed] = await this.table.update(
      { secret, oldSecrets: JSON.stringify(old), changedAt: nowMs },
      { where: { clientId, secret: row.secret } },
    );
    return changed === 1 ? secret : null;
  }

  private async row(clientId: number): Promise<{ secret: string; old: OldSecret[] } | null> {
    const [row] = await rowsLike(this.table, { clientId });
    if (!row) return null;
    return { secret: row.get("secret") as string, old: JSON.parse(row.get("oldSecrets") as string) };
  }
}
