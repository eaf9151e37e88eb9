/**
 * A typed client for each actor: `actors.batch.get(ctx, { publicId })`. In an editor, "go to definition" on `get` leads to
 * its contract; the actor's service has its handler under the same name. It is Moleculer's own `call`: it prefers this
 * node, and its timeouts and middlewares apply.
 */
import type { CallingOptions } from "moleculer";
import { type Contracts, contracts } from "./contracts.ts";
import type { Answered, Sent } from "./declare.ts";

/** A broker, or the context of a request. */
export interface Caller {
  call(name: string, params: unknown, options?: CallingOptions): Promise<unknown>;
}

type Client<Contract> = {
  readonly [Name in keyof Contract]: (
    via: Caller,
    params: Sent<Contract[Name]>,
    options?: CallingOptions,
  ) => Promise<Answered<Contract[Name]>>;
};
type Actors = { readonly [Name in keyof Contracts]: Client<Contracts[Name]> };

const called = (name: string) => (via: Caller, params: unknown, options?: CallingOptions) =>
  via.call(name, params, options);

const clientOf = (actor: string, contract: object) =>
  Object.fromEntries(Object.keys(contract).map((name) => [name, called(`${actor}.${name}`)]));

// The clients, built from the same contracts as their type.
export const actors = Object.fromEntries(
  Object.entries(contracts).map(([name, contract]) => [name, clientOf(name, contract)]),
) as Actors;
