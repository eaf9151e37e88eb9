/** The actions of `policy` that are about webhooks: their secrets, and turning one off (`policy.contract.ts`). */
import type { Context, ServiceBroker } from "moleculer";
import { Problem } from "../../lib/errors.ts";
import type { WithDatabase } from "../../mixins/database.ts";
import { actors } from "../actors.ts";
import { auditing, clientSubject } from "../audits.ts";
import type { Contracts } from "../contracts.ts";
import type { ParamsOf } from "../messages.ts";
import type { PolicyVersion } from "./policy.contract.ts";
import type { Policy } from "./policy.document.ts";
import { tooQuick, type WebhookSecrets } from "./policy.webhook.ts";

type Asked<Name extends keyof Contracts["policy"] & string> = Context<ParamsOf<`policy.${Name}`>>;

/** On the service, which has them. */
interface Own extends Pick<WithDatabase, "database"> {
  broker: ServiceBroker;
  secrets: WebhookSecrets;
  current(clientId: number): Promise<PolicyVersion>;
  change(clientId: number, next: (current: PolicyVersion) => Policy | null): Promise<unknown>;
}

export const webhookHandlers = {
  async webhookSecrets(this: Own, { params }: Asked<"webhookSecrets">) {
    return this.secrets.current(params.clientId, await this.database.now());
  },
  async webhookSecretTimes(this: Own, { params }: Asked<"webhookSecretTimes">) {
    return this.secrets.times(params.clientId, await this.database.now());
  },
  async rotateWebhookSecret(this: Own, ctx: Asked<"rotateWebhookSecret">) {
    const { clientId, graceSeconds } = ctx.params;
    const { policy } = await this.current(clientId);
    if (!policy.webhook) throw new Problem("not-found", "This client has no webhook.");
    const now = await this.database.now();
    const previousValidUntil = now + graceSeconds * 1000;
    const entry = auditing(ctx)({
      action: "client.rotate-webhook-secret",
      subject: clientSubject(await actors.clientCache.get(ctx, { id: clientId })),
      change: { "/graceSeconds": [null, graceSeconds] },
    });
    const secret = await this.secrets.rotate(clientId, now, previousValidUntil, entry);
    if (!secret) throw tooQuick("webhook");
    return { secret, previousValidUntil };
  },
  async turnWebhookOff(this: Own, { params }: Asked<"turnWebhookOff">) {
    const { clientId, url } = params;
    let isOff = false;
    await this.change(clientId, ({ policy }) => {
      isOff = policy.webhook?.url === url;
      return isOff ? { ...policy, webhook: null } : null;
    });
    // This call may be lost, or meet only nodes of an older version. Then operators see only the failed delivery.
    if (isOff) await actors.clientCache.webhookGone(this.broker, { id: clientId }).catch(() => {});
    return isOff;
  },
};
