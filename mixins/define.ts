import type { ServiceSchema } from "moleculer";

/** The parts of a service or mixin that we use, with `this` as it is at run time. */
export interface Definition<This> {
  name?: string;
  mixins?: Partial<ServiceSchema>[];
  settings?: Record<string, unknown>;
  dependencies?: string[];
  actions?: object;
  events?: Record<string, (this: This, ctx: { params: never }) => unknown>;
  methods?: Record<string, (this: This, ...args: never[]) => unknown>;
  hooks?: { error: { "*": (this: This, ctx: unknown, error: Error) => never } };
  AMQPQueues?: Record<string, unknown>;
  created?(this: This): void;
  started?(this: This): Promise<void>;
  stopped?(this: This): Promise<void>;
}

/** The one cast between our typed definitions and Moleculer's loosely typed schema (moleculer issue 1321). */
export const define = <This>(definition: Definition<This>): ServiceSchema => definition as unknown as ServiceSchema;
