import { _, type CodeKeywordDefinition, type KeywordCxt, Name } from "ajv/dist/2020.js";
import { childSchemas, isObject } from "./walk.ts";

/**
 * After this many errors Ajv's functions stop. It is more than a partner gets (see record-faults.ts), because some errors
 * represent others. Without the limit a record of 1 MiB makes half a million of them.
 */
export const ENOUGH_ERRORS = 250;

/** Keywords that find any number of errors in one value, since they look at each of its members, or call a function. */
export const LOOPING = [
  ["items", "additionalProperties", "patternProperties", "propertyNames", "unevaluatedItems"],
  ["unevaluatedProperties", "$ref"],
].flat();

/** The keyword, which stops as soon as there are enough errors. */
export function withCut(definition: CodeKeywordDefinition): CodeKeywordDefinition {
  return {
    ...definition,
    code(cxt, ruleType) {
      const { error, subschema } = cxt;
      cxt.error = (...args) => {
        error.apply(cxt, args);
        cut(cxt);
      };
      cxt.subschema = (...args) => {
        const context = subschema.apply(cxt, args);
        cut(cxt);
        return context;
      };
      definition.code(cxt, ruleType);
      if (cxt.keyword === "$ref") cut(cxt);
    },
  };
}

/** Within an alternative: its end, and the errors before it. */
interface Alternative {
  end: Name;
  before: Name;
}
type Context = KeywordCxt["it"] & { alternative?: Alternative };

/** Any error makes the function's value invalid, or the alternative's: both can end with those that they have. */
function cut({ gen, it }: KeywordCxt): void {
  if (!it.allErrors) return;
  const { alternative } = it as Context;
  if (alternative === undefined) {
    gen.if(_`${errors} > ${ENOUGH_ERRORS}`, () => gen.assign(_`${it.validateName}.errors`, vErrors).return(false));
  } else {
    gen.if(_`${errors} - ${alternative.before} > ${ENOUGH_ERRORS}`, () => gen.break(alternative.end));
  }
}

type Subschema = KeywordCxt["subschema"];

/** An alternative of `anyOf` or `oneOf`, which ends at enough errors: another one may still hold. */
export function cutAlternative(cxt: KeywordCxt, ...[appl, valid]: Parameters<Subschema>): void {
  const { gen, it } = cxt;
  if (!it.allErrors || !mayLoop(cxt.schema[appl.schemaProp as number])) {
    cxt.subschema(appl, valid);
    return;
  }
  const alternative = { end: gen.name("alternative"), before: gen.const("before", errors) };
  gen.var(valid, false);
  Object.assign(cxt, { it: { ...it, alternative } });
  gen.label(alternative.end).for(_`;;`, () => {
    cxt.subschema(appl, valid);
    gen.break();
  });
  Object.assign(cxt, { it });
}

function mayLoop(schema: unknown): boolean {
  if (!isObject(schema)) return false;
  return (
    LOOPING.some((name) => Object.hasOwn(schema, name)) || childSchemas(schema).some(([, child]) => mayLoop(child))
  );
}

/** Ajv's own names in the code that it generates. */
const errors = new Name("errors");
const vErrors = new Name("vErrors");
