/** fastest-validator, with types that fit how Node loads it. */

import type { SyncCheckFunction, ValidationSchema, ValidatorConstructorOptions } from "fastest-validator";
import * as module from "fastest-validator";
import { Validators } from "moleculer";

export type { SyncCheckFunction, ValidationError, ValidationSchema } from "fastest-validator";

// Its types declare `export default`; its CommonJS module is the class itself, which Node gives as `default`.
const Validator = module.default as unknown as typeof module.default.default;

/**
 * The check of a schema, made when it is first called: a start that made them all would take a tenth longer, and most nodes are
 * never asked for most of them. It gets a copy, for fastest-validator writes into what it compiles.
 */
export function compiled(schema: object, options?: ValidatorConstructorOptions): SyncCheckFunction {
  const check = whenFirstCalled(
    () => new Validator(options).compile(structuredClone(schema) as ValidationSchema) as SyncCheckFunction,
  );
  return Object.assign(check, { async: false as const });
}

/** Moleculer's validator of params. It makes a check, too, when it is first called. */
export class ParamsValidator extends Validators.Fastest {
  override compile(schema: Parameters<Fastest["compile"]>[0]): ReturnType<Fastest["compile"]> {
    return whenFirstCalled(() => super.compile(schema));
  }
}

type Fastest = InstanceType<typeof Validators.Fastest>;

function whenFirstCalled<A extends unknown[], R>(make: () => (...given: A) => R): (...given: A) => R {
  let made: ((...given: A) => R) | undefined;
  return (...given) => {
    made ??= make();
    return made(...given);
  };
}
