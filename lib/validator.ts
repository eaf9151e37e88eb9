/** fastest-validator, with types that fit how Node loads it. */

import type { SyncCheckFunction, ValidationSchema, ValidatorConstructorOptions } from "fastest-validator";
import * as module from "fastest-validator";

export type { SyncCheckFunction, ValidationError, ValidationSchema } from "fastest-validator";

// Its types declare `export default`; its CommonJS module is the class itself, which Node gives as `default`.
const Validator = module.default as unknown as typeof module.default.default;

/** The check of a schema. It gets a copy, for fastest-validator writes into what it compiles. */
export const compiled = (schema: object, options?: ValidatorConstructorOptions): SyncCheckFunction =>
  new Validator(options).compile(structuredClone(schema) as ValidationSchema) as SyncCheckFunction;
