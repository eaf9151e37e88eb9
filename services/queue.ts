/** The queue mixin with our messages: each payload is checked by the contract of the service that consumes it. */
import type { GivenBy } from "../mixins/define.ts";
import { queueMixinOf } from "../mixins/queue.ts";
import { checkMessage } from "./messages.ts";

export { QUEUE_CHANGED, type QueueChannel, type QueueMessage } from "../mixins/queue.ts";

export const queueMixin = queueMixinOf(checkMessage);

/** What a service finds on `this` with this mixin. */
export type WithQueue = GivenBy<typeof queueMixin>;
