/**
 * Actions of `webhook` that users call: read a delivery, send it again, test the receiver. See `webhook.contract.ts`.
 */
import type { Context, ServiceBroker } from "moleculer";
import { configOf } from "../../config/config.ts";
import { Problem } from "../../lib/errors.ts";
import type { Sent } from "../../lib/net/send.ts";
import type { WithDatabase } from "../../mixins/database.ts";
import { actors } from "../actors.ts";
import { auditing, clientSubject, named } from "../audits.ts";
import type { Contracts } from "../contracts.ts";
import { draftEvent } from "../events.ts";
import type { ParamsOf } from "../messages.ts";
import { MOST_REPLAYED, TEST_EVENT, TEST_MESSAGE } from "./webhook.contract.ts";
import type { Replayed, WebhookTest, WholeDelivery } from "./webhook.domain.ts";

type Asked<Name extends keyof Contracts["webhook"] & string> = Context<ParamsOf<`webhook.${Name}`>>;

/** The URL of a webhook, and the secrets that sign its requests. */
export interface Target {
  url: string;
  secrets: string[];
}

/** The parts of the service `webhook` that these actions use. */
interface Own extends Pick<WithDatabase, "database"> {
  broker: ServiceBroker;
  loop: { wake(): Promise<void> };
  receiver(of: { clientId: number; event: null }): Promise<Target | { refusal: string }>;
  post(target: Target, id: string, body: string): Promise<Sent & { ms: number }>;
}

const EXAMPLES = 5;

const noSuchDelivery = () => new Problem("not-found", "There is no such delivery.");

/** The client's webhook. Throws no-webhook if the client has none. */
async function targetOf(own: Own, clientId: number): Promise<Target> {
  const target = await own.receiver({ clientId, event: null });
  if ("refusal" in target) throw new Problem("no-webhook", `Nothing can be sent: ${target.refusal}.`);
  return target;
}

/**
 * The error of a test that is answered 410. At a real event this answer turns the webhook off; at a test it does not.
 */
const GONE_AT_TEST = "gone (410): at a real event the webhook would be turned off";

export const deliveryHandlers = {
  async get(this: Own, { params }: Asked<"get">): Promise<WholeDelivery> {
    const { deliveries } = this.database;
    const [delivery] = await deliveries.listDeliveries({ ...params, limit: 1 });
    const body = delivery && (await deliveries.deliveryBody(delivery.id));
    if (!body) throw noSuchDelivery();
    return { ...delivery, body };
  },

  async replay(this: Own, ctx: Asked<"replay">) {
    const { deliveries } = this.database;
    const entry = auditing(ctx)({ action: "delivery.replay", subject: named("delivery", ctx.params.publicId) });
    await deliveries.replayDelivery(ctx.params, entry ?? undefined);
    const [delivery] = await deliveries.listDeliveries({ ...ctx.params, limit: 1 });
    if (!delivery) throw noSuchDelivery();
    void this.loop.wake();
    return delivery;
  },

  /**
   * Sends the failed deliveries of a client again. One row of the audit tells how many were found. A delivery that is
   * no longer failed stays as it is.
   */
  async replayFailed(this: Own, ctx: Asked<"replayFailed">): Promise<Replayed> {
    const { clientId, since, isDryRun } = ctx.params;
    const { deliveries } = this.database;
    await targetOf(this, clientId);
    const found = await deliveries.failedDeliveries({ clientId, since, limit: MOST_REPLAYED + 1 });
    const examples = await deliveries.listDeliveries({ clientId, state: "failed", from: since, limit: EXAMPLES });
    const ids = found.slice(0, MOST_REPLAYED);
    const told = { matched: ids.length, isMore: found.length > ids.length, examples };
    if (isDryRun || ids.length === 0) return { ...told, done: 0 };
    const entry = auditing(ctx)({
      action: "delivery.replay-failed",
      subject: clientSubject(await actors.clientCache.get(ctx, { id: clientId })),
      change: { "/since": [null, new Date(since).toISOString()], "/deliveries": [null, ids.length] },
    });
    const done = await deliveries.replayFailed(ids, entry ?? undefined);
    void this.loop.wake();
    return { ...told, done };
  },

  /** Sends a test event once. A test event is not a delivery, and is not stored. */
  async test(this: Own, ctx: Asked<"test">): Promise<WebhookTest> {
    const { clientId } = ctx.params;
    const target = await targetOf(this, clientId);
    const client = await actors.clientCache.get(ctx, { id: clientId });
    const { namespace } = configOf(this.broker);
    const data = { clientId: client?.publicId, message: TEST_MESSAGE };
    const { body } = draftEvent(namespace, TEST_EVENT, client?.publicId ?? "", data);
    const { id: eventId } = JSON.parse(body) as { id: string };
    const at = await this.database.now();
    const { status, error, ms } = await this.post(target, eventId, body);
    return { url: target.url, eventId, at, status, error: status === 410 ? GONE_AT_TEST : error, ms };
  },
};
