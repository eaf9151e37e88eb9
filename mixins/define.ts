/**
 * Defines services and mixins with full types. In every part of a definition, `this` is a Moleculer service with the settings,
 * fields and methods of the definition and of its mixins. No type is written twice.
 */
import type { Service, ServiceSchema } from "moleculer";
import type { QueueHandler } from "../lib/queue/driver.ts";

declare const given: unique symbol;
declare const needed: unique symbol;

/**
 * A definition in the form that Moleculer takes. `Gives`: what a service with it finds on `this`. `Needs`: what that service must
 * have besides.
 */
export type Defined<Gives = unknown, Needs = unknown> = ServiceSchema & {
  readonly [given]?: Gives;
  readonly [needed]?: Needs;
};

/** What a service finds on `this` with a mixin: `GivenBy<typeof scheduleMixin>`. */
export type GivenBy<D> = D extends { readonly [given]?: infer Gives } ? Gives : unknown;
type NeededBy<D> = D extends { readonly [needed]?: infer Needs } ? Needs : unknown;

type Mixins = readonly Partial<ServiceSchema>[];
type AllGiven<Ms> = Ms extends readonly [infer M, ...infer Rest] ? GivenBy<M> & AllGiven<Rest> : unknown;
type AllNeeded<Ms> = Ms extends readonly [infer M, ...infer Rest] ? NeededBy<M> & AllNeeded<Rest> : unknown;

type Satisfied<Given, Needed> = Given extends Needed ? unknown : { readonly [needed]: Needed };

/** The type of `this` in a definition. */
export type This<Ms, Needs, State, Settings, Methods> = Service<Settings> & AllGiven<Ms> & Needs & State & Methods;

/** The parts of a service or mixin that we use. `Methods` has no functions as its bound, so that one may use the others' answers. */
export interface Definition<Ms extends Mixins, Needs, State, Settings, Methods, Actions = object, Events = object> {
  name?: string;
  /** What a mixin needs must come from another mixin, or from the definition's own fields. Otherwise this does not compile. */
  mixins?: readonly [...Ms] & Satisfied<Service & AllGiven<Ms> & Needs & State, AllNeeded<Ms>>;
  /** `fields<WithDatabase>()`: what a service with this mixin must have from other mixins. */
  needs?: Needs;
  /** `fields<{ loop: WorkLoop }>()`: the fields that `created` and `started` set. */
  state?: State;
  settings?: Settings;
  methods?: Methods;
  actions?: Actions;
  events?: Events;
  hooks?: { error: { "*": (ctx: unknown, error: Error) => never } };
  AMQPQueues?: Record<string, QueueHandler>;
  created?(): void;
  started?(): Promise<void>;
  stopped?(): Promise<void>;
  /** Gives work back while all services of the node still answer (middlewares/drain.ts). They stop afterwards. */
  drain?(): Promise<void>;
}

/** Names the types of fields, as a class does; there is no value. */
export const fields = <T>(): T => undefined as T;

/** Defines a mixin, or a service without a contract. A service with one is a `defineActor`. */
export const define = <
  const Ms extends Mixins = [],
  Needs = unknown,
  State = unknown,
  Settings = Service["settings"],
  Methods extends object = object,
>(
  definition: Definition<Ms, Needs, State, Settings, Methods> & ThisType<This<Ms, Needs, State, Settings, Methods>>,
): Defined<AllGiven<Ms> & State & Methods, Needs> => {
  const { drain, ...parts } = definition;
  const methods = drain ? { methods: { ...definition.methods, drain } } : {};
  // Moleculer's type of a schema knows neither our queues nor the inferred types (moleculer issue 1321).
  return { ...parts, ...methods } as unknown as Defined<AllGiven<Ms> & State & Methods, Needs>;
};
