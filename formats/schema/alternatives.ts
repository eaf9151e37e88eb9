import { _, type CodeKeywordDefinition, type KeywordCxt, Name } from "ajv/dist/2020.js";
import { alwaysValidSchema } from "ajv/dist/compile/util.js";
import { cutAlternative } from "./cut.ts";
import type { WorkBudget } from "./work-budget.ts";

/**
 * `anyOf` and `oneOf`, whose one error takes the place of their alternatives' errors, which it carries as `causes`: a
 * value that matches none of five has one fault, not twenty. Their code is flat, while Ajv's is nested as deep as there
 * are alternatives, which overflows the stack at some hundred.
 */
export const alternativeKeywords = (budget: WorkBudget): CodeKeywordDefinition[] => [
  keywordOf("anyOf", 1, "must match a schema in anyOf", budget),
  keywordOf("oneOf", 2, "must match exactly one schema in oneOf", budget),
];

/** `enough`: with this many matching alternatives the result is known. */
function keywordOf(keyword: string, enough: number, message: string, budget: WorkBudget): CodeKeywordDefinition {
  return {
    keyword,
    schemaType: "array",
    trackErrors: true,
    error: {
      message,
      params: ({ params: { causes, branches, passing } }) =>
        _`{causes: ${causes}, branches: ${branches}, passing: ${passing}}`,
    },
    code(cxt) {
      const { gen, schema, it } = cxt;
      const holding = gen.let("holding", 0);
      const passing = gen.let("passing", null);
      const valid = gen.name("_valid");
      for (const [index, alternative] of schema.entries()) {
        gen.if(_`${holding} < ${enough}`, () => {
          if (alwaysValidSchema(it, alternative)) gen.var(valid, true);
          else cutAlternative(cxt, { keyword, schemaProp: index, compositeRule: true }, valid);
          gen.if(valid, () => {
            gen.assign(passing, _`${holding} === 0 ? ${index} : [${passing}, ${index}]`);
            gen.code(_`${holding}++`);
          });
        });
      }
      cxt.result(
        _`${holding} === 1`,
        () => cxt.reset(),
        () => replaceErrors(cxt, passing, budget),
      );
    },
  };
}

/** Keeping causes costs work, because nested lists have nested causes. */
function replaceErrors(cxt: KeywordCxt, passing: Name, budget: WorkBudget): void {
  const { gen, schema, errsCount } = cxt;
  const causes = gen.const("causes", _`(${vErrors} || []).slice(${errsCount})`);
  gen.code(_`${gen.scopeValue("obj", { ref: budget })}.spend(${FAILURE} + ${CAUSE} * ${causes}.length)`);
  cxt.setParams({ causes, branches: schema.length, passing });
  cxt.reset();
  cxt.error();
}

const FAILURE = 50;
const CAUSE = 4;

/** The errors so far, in Ajv's generated code. */
const vErrors = new Name("vErrors");
