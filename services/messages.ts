/** How messages are sent and answered, typed by the contracts: a wrong action name or payload does not compile. */

import FastestValidator, { type SyncCheckFunction } from "fastest-validator";
import type { CallingOptions, ServiceBroker } from "moleculer";
import type { QueueName } from "../lib/queue/driver.ts";
import { actors, type Caller } from "./actors.ts";
import { type ActionName, type Contracts, type EventName, events, queues } from "./contracts.ts";
import type { Answered, Infer, Params, Sent } from "./declare.ts";

/** What the contract of an action declares, by the action's full name. */
type ContractOf<N> = N extends `${infer A extends keyof Contracts}.${infer S}`
  ? Contracts[A][S & keyof Contracts[A]]
  : never;
export type ParamsOf<N extends ActionName> = Sent<ContractOf<N>>;
export type AnswerOf<N extends ActionName> = Answered<ContractOf<N>>;
export type EventOf<N extends EventName> = (typeof events)[N] extends { readonly payload?: infer T } ? T : never;
export type MessageOf<N extends QueueName> = Infer<(typeof queues)[N]["params"]>;

/** Calls an action whose name is not known before: else a client of `actors` does. Typed by the contract all the same. */
export function call<N extends ActionName>(
  via: Caller,
  name: N,
  params: ParamsOf<N>,
  options?: CallingOptions,
): Promise<AnswerOf<N>> {
  return via.call(name, params, options) as Promise<AnswerOf<N>>;
}

/** Tells every node's listeners (`broadcast`) of a declared event. For news only: what must not be lost goes through the outbox. */
export function announce<N extends EventName>(
  via: { broadcast(name: string, payload: unknown): Promise<unknown> },
  name: N,
  payload: EventOf<N>,
): Promise<unknown> {
  return via.broadcast(name, payload);
}

const validator = new (FastestValidator as unknown as typeof FastestValidator.default)();
const compiled = (declared: Record<string, { params: Params }>, options: object = {}) =>
  new Map(
    Object.entries(declared).map(([name, { params }]) => [
      name,
      validator.compile({ ...options, ...structuredClone(params) } as never) as SyncCheckFunction,
    ]),
  );
const checks = compiled(queues, { $$strict: true });
const eventChecks = compiled(events);

/** The fault of an event's payload. Null: none, or it is no event of ours. */
export function eventFault(name: string, payload: unknown): string | null {
  const check = eventChecks.get(name);
  if (!check) return null;
  const faults = check(typeof payload === "object" && payload ? payload : {});
  return Array.isArray(faults) ? `${name}: ${faults[0]?.message}` : null;
}

/** The payload, checked by the queue's declaration. Throws with the faults. */
export function checkMessage<N extends QueueName>(name: N, payload: unknown): MessageOf<N> {
  const check = checks.get(name);
  if (!check) throw new Error(`No such queue: ${name}.`);
  const faults = typeof payload === "object" && payload ? check(payload) : [{ message: "It is no object." }];
  if (Array.isArray(faults)) throw new Error(faults.map(({ message }) => message).join(" "));
  return payload as MessageOf<N>;
}

/** Hands committed events to the relay and does not wait. If the relay loses one, its sweep finds it. */
export function publishSoon(broker: ServiceBroker, committed: ParamsOf<"outbox.publish">): void {
  if (committed.rows.length === 0) return;
  actors.outbox
    .publish(broker, committed)
    .catch((error: unknown) => broker.logger.warn("Publishing is left to the sweep:", error));
}
