/**
 * How messages are declared: one fastest-validator schema, written `as const`, is both the validator and the TypeScript type.
 */

/** One rule of a schema, in fastest-validator's long form. */
export interface Rule {
  readonly type: string;
  readonly optional?: boolean;
  readonly nullable?: boolean;
  readonly [option: string]: unknown;
}
export type Params = { readonly [field: string]: Rule };

declare const of: unique symbol;
/** A rule that checks little (bulk data, a row) but has an exact TypeScript type. */
export const typed = <T>(rule: Rule): Rule & { readonly [of]: T } => rule as Rule & { readonly [of]: T };

type InferRule<R> = R extends { readonly [of]: infer T }
  ? T
  : R extends { type: "string" | "uuid" }
    ? string
    : R extends { type: "number" }
      ? number
      : R extends { type: "boolean" }
        ? boolean
        : R extends { type: "enum"; values: readonly (infer V)[] }
          ? V
          : R extends { type: "array"; items: infer I }
            ? InferRule<I>[]
            : R extends { type: "object"; props: infer P }
              ? Infer<P>
              : unknown;
type OrNull<R> = R extends { nullable: true } ? null : never;
type Optional<S> = { [K in keyof S]: S[K] extends { optional: true } ? K : never }[keyof S];

/** The TypeScript type of a schema. */
export type Infer<S> = { [K in Exclude<keyof S, Optional<S>>]: InferRule<S[K]> | OrNull<S[K]> } & {
  [K in Optional<S>]?: InferRule<S[K]> | OrNull<S[K]>;
};

/** A declared action: its params schema, and the type of its answer. */
export interface ActionContract<P extends Params, A> {
  params: P;
  timeout?: number;
  readonly answer?: A;
}

/** The params of an action, and its answer. */
export type Sent<C> = C extends { params: infer P } ? Infer<P> : never;
export type Answered<C> = C extends ActionContract<Params, infer A> ? A : never;

/**
 * Declares an action: `action({ id: { type: "string" } }).answers<Client>()`. `timeout: 0` switches Moleculer's timer off.
 * It is for hot actions that limit their own time, where the timer would be a tenth of the cost.
 */
export const action = <const P extends Params>(params: P, options: { timeout?: number } = {}) => ({
  answers: <A>(): ActionContract<P, A> => ({ params, ...options }),
});

/** A declared queue: the schema of its messages. */
export interface QueueContract<P extends Params> {
  params: P;
}

/** Declares a queue. Its messages are checked by the sender and by the receiver. */
export const queue = <const P extends Params>(params: P): QueueContract<P> => ({ params });

/** A declared event: what its listeners read of its payload, and the payload's type. */
export interface EventContract<T> {
  params: Params;
  readonly payload?: T;
}

/** Declares an event. If another node sends it with other fields, it is dropped before any listener gets it. */
export const event = <T>(params: Params): EventContract<T> => ({ params });
