/** Calls, events and queue messages, typed by the contracts: a wrong name or payload does not compile. */

import type { CallingOptions, ServiceBroker } from "moleculer";
import { Fields } from "../lib/log/fields.ts";
import type { QueueName } from "../lib/queue/driver.ts";
import { compiled } from "../lib/validator.ts";
import type { GivenBy } from "../mixins/define.ts";
import { queueMixinOf } from "../mixins/queue.ts";
import { actors, type Caller } from "./actors.ts";
import { type ActionName, type Contracts, type EventName, events, queues } from "./contracts.ts";
import type { Answered, Infer, Params, Sent } from "./declare.ts";
import { batchOf } from "./events.ts";

/** The params and the answer of an action, by its full name. */
type ContractOf<N> = N extends `${infer A extends keyof Contracts}.${infer S}`
  ? Contracts[A][S & keyof Contracts[A]]
  : never;
export type ParamsOf<N extends ActionName> = Sent<ContractOf<N>>;
export type AnswerOf<N extends ActionName> = Answered<ContractOf<N>>;
export type EventOf<N extends EventName> = (typeof events)[N] extends { readonly payload?: infer T } ? T : never;
export type MessageOf<N extends QueueName> = Infer<(typeof queues)[N]["params"]>;

/** Calls an action whose name is known only at run time; otherwise use a client of `actors`. Typed by the contract. */
export function call<N extends ActionName>(
  via: Caller,
  name: N,
  params: ParamsOf<N>,
  options?: CallingOptions,
): Promise<AnswerOf<N>> {
  return via.call(name, params, options) as Promise<AnswerOf<N>>;
}

/**
 * Sends a declared event to the listeners of every node (`broadcast`). It can be lost; what must not be lost goes
 * through the outbox.
 */
export function announce<N extends EventName>(
  via: { broadcast(name: string, payload: unknown): Promise<unknown> },
  name: N,
  payload: EventOf<N>,
): Promise<unknown> {
  return via.broadcast(name, payload);
}

const compiledAll = (declared: Record<string, { params: Params }>, options: object = {}) =>
  new Map(Object.entries(declared).map(([name, { params }]) => [name, compiled({ ...options, ...params })]));
const checks = compiledAll(queues, { $$strict: true });
const eventChecks = compiledAll(events);

/** The fault of an event's payload. Null: no fault, or not one of our events. */
export function eventFault(name: string, payload: unknown): string | null {
  const check = eventChecks.get(name);
  if (!check) return null;
  const faults = check(typeof payload === "object" && payload ? payload : {});
  return Array.isArray(faults) ? `${name}: ${faults[0]?.message}` : null;
}

/** Checks a payload by its queue's declaration, and answers it. Throws an error with the faults. */
export function checkMessage<N extends QueueName>(name: N, payload: unknown): MessageOf<N> {
  const check = checks.get(name);
  if (!check) throw new Error(`No such queue: ${name}.`);
  const faults =
    typeof payload === "object" && payload ? check(payload) : [{ message: "The message is not an object." }];
  if (Array.isArray(faults)) throw new Error(faults.map(({ message }) => message).join(" "));
  return payload as MessageOf<N>;
}

/** Hands committed events to the outbox relay and does not wait. If the relay loses one, its sweep finds it. */
export function publishSoon(broker: ServiceBroker, committed: ParamsOf<"outbox.publish">): void {
  if (committed.rows.length === 0) return;
  actors.outbox.publish(broker, committed).catch((error: unknown) => {
    for (const batchId of new Set(committed.rows.map(batchOf)))
      broker.logger.warn("Publishing events failed, the sweep will publish them:", error, new Fields({ batchId }));
  });
}

export { QUEUE_CHANGED, type QueueChannel, type QueueMessage } from "../mixins/queue.ts";

/** The queue mixin for our queues: each payload is checked by the contract of its consumer. */
export const queueMixin = queueMixinOf(checkMessage);

/** The members that this mixin adds to a service. */
export type WithQueue = GivenBy<typeof queueMixin>;
