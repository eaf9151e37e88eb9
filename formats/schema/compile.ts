import type { ValidateFunction } from "ajv/dist/2020.js";
import { schemaAjv } from "./ajv.ts";
import { Filled } from "./defaults.ts";
import type { Verdicts } from "./evaluated.ts";
import { SchemaFunctions } from "./functions.ts";
import { Patterns } from "./linear-pattern.ts";
import { NumbersInCheck } from "./numbers.ts";
import { type PreparedSchema, prepareSchema } from "./prepare.ts";
import { WorkBudget } from "./work-budget.ts";

/** What the functions of a schema use while they check a record. */
export interface CheckTools {
  budget: WorkBudget;
  patterns: Patterns;
  numbers: NumbersInCheck;
  filled: Filled;
}

export function checkTools(): CheckTools {
  const budget = new WorkBudget();
  return { budget, patterns: new Patterns(budget), numbers: new NumbersInCheck(), filled: new Filled() };
}

/** Ajv's function for the schema, in which no reference leads nowhere. Throws whatever Ajv throws: RangeError, for one. */
export const compileSchema = (schema: object, tools = checkTools()): ValidateFunction =>
  compilePrepared(prepareSchema(schema), tools);

/** The same for a prepared one. */
export function compilePrepared(prepared: PreparedSchema, tools: CheckTools): ValidateFunction {
  const verdicts: Verdicts = {
    refs: (node) => prepared.targets.get(node)?.map(({ schema }) => schema) ?? [],
    matches: (pattern, name) => tools.patterns.get(pattern).test(name),
    isValid: (schema, value) => functions.isValid(schema, value),
  };
  const { namesInherited: ownProperties } = prepared;
  const functions = new SchemaFunctions(prepared, (useDefaults, $ref, table) =>
    schemaAjv({ ...tools, verdicts, $ref, table }, { ownProperties, useDefaults }),
  );
  return functions.compile();
}
