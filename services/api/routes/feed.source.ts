/** What the event streams of a node read, and how they show it. */
import type { ServiceBroker } from "moleculer";
import { actors } from "../../actors.ts";
import { isFinal } from "../../batch/batch.domain.ts";
import { NEWEST_DELIVERIES } from "../http/feed.deliveries.ts";
import { Feed } from "../http/feed.ts";
import { deliveryView, ownDeliveryView } from "./deliveries.ts";
import { besideOf, watchedView } from "./events.ts";
import { batchView } from "./views.ts";

/** The most batches that a feed begins with. */
const NEWEST = 200;

export const feedOf = (broker: ServiceBroker, onFailure: (error: unknown) => void): Feed =>
  new Feed({
    stats: () => actors.monitor.stats(broker, { isCalm: true }),
    changed: (seen) => actors.batch.changed(broker, { seen }),
    async live() {
      const working = await actors.batch.list(broker, { state: "processing", limit: NEWEST });
      const newest = await actors.batch.list(broker, { limit: NEWEST });
      return [...working, ...newest.filter(({ state }) => !isFinal(state))];
    },
    deliveries: () => actors.webhook.list(broker, { limit: NEWEST_DELIVERIES }),
    async showBatch(batch, isForOperator) {
      if (!isForOperator) return batchView(batch);
      return watchedView(batch, await besideOf(broker, batch));
    },
    showDelivery: (row, isForOperator) => (isForOperator ? deliveryView : ownDeliveryView)({ ctx: broker }, row),
    onFailure,
  });
