/** How an actor is defined: a Moleculer service, with a handler for each action of its contract. */
import type { Context, Service, ServiceSchema } from "moleculer";
import { type Defined, type Definition, define, type This } from "../mixins/define.ts";
import { type ActorName, type Contracts, contracts, type EventName } from "./contracts.ts";
import type { Answered, Sent } from "./declare.ts";
import type { EventOf } from "./messages.ts";

/** One handler for each action: a missing or an extra one does not compile. */
export type Handlers<Name extends ActorName> = {
  [K in keyof Contracts[Name]]: (
    ctx: Context<Sent<Contracts[Name][K]>>,
  ) => Promise<Answered<Contracts[Name][K]>> | Answered<Contracts[Name][K]>;
};

/** Listeners of our own events, and of Moleculer's. */
type Listeners = { [N in EventName]?: (ctx: Context<EventOf<N>>) => unknown } & {
  [moleculers: `$${string}`]: () => unknown;
};

/** A service's `actions` in Moleculer's form: each contract with its handler. */
const served = <Name extends ActorName>(name: Name, handlers: Handlers<Name>) =>
  Object.fromEntries(
    Object.entries(handlers).map(([short, handler]) => [
      short,
      { ...contracts[name][short as keyof Contracts[Name]], handler },
    ]),
    // Moleculer's handler type does not know contracts.
  ) as ServiceSchema["actions"];

/**
 * Defines an actor. Its `actions` are only handlers: params and answers are in its contract. `actions` stand below `methods`,
 * because TypeScript infers from the top down, and an action's answer may be a method's.
 */
export const defineActor = <
  const Name extends ActorName,
  const Ms extends readonly Partial<ServiceSchema>[] = [],
  State = unknown,
  Settings = Service["settings"],
  Methods extends object = object,
>(
  definition: Definition<Ms, unknown, State, Settings, Methods, Handlers<Name>, Listeners> & {
    name: Name;
    actions: Handlers<Name>;
  } & ThisType<This<Ms, unknown, State, Settings, Methods>>,
): Defined => ({ ...define(definition), actions: served(definition.name, definition.actions) });
