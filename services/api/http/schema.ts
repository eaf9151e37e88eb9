/** Translates the fastest-validator rules that request bodies use into JSON Schema. */

import { input, type JsonSchema } from "../../../lib/json-schema.ts";
import type { Params, Rule } from "../../declare.ts";

/** The JSON Schema of a rule. The rule's member `jsonSchema` adds what the rule itself cannot say. */
function ruleSchema({ type, jsonSchema = {}, ...rule }: Rule): JsonSchema {
  return { ...(kinds[type] ?? unknownType(type))(rule), ...(jsonSchema as JsonSchema) };
}

const unknownType = (type: string) => {
  throw new Error(`There is no JSON Schema for the type "${type}".`);
};

type Options = { readonly [option: string]: unknown };

/** The JSON Schema keywords for a rule's options. Absent options are left out. */
const keywords = (rule: Options, names: Record<string, string>): JsonSchema =>
  Object.fromEntries(
    Object.entries(names)
      .filter(([option]) => rule[option] !== undefined)
      .map(([option, keyword]) => [keyword, rule[option]]),
  );

const kinds: Record<string, (rule: Options) => JsonSchema> = {
  any: () => ({}),
  boolean: () => ({ type: "boolean" }),
  enum: ({ values }) => ({ type: "string", enum: values }),
  number: (rule) => ({
    type: rule.integer ? "integer" : "number",
    ...keywords(rule, { min: "minimum", max: "maximum" }),
  }),
  string: (rule) => ({
    type: "string",
    ...keywords(rule, { min: "minLength", max: "maxLength" }),
    ...(rule.pattern instanceof RegExp ? { pattern: rule.pattern.source } : {}),
  }),
};

/** Translates the rules of a body. Throws for a rule type that is unknown here. */
export const jsonSchemaOf = (params: Params): JsonSchema =>
  input(
    Object.fromEntries(Object.entries(params).map(([name, rule]) => [name, ruleSchema(rule)])),
    Object.keys(params).filter((name) => !params[name]?.optional),
  );
