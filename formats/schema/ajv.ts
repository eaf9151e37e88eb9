import { _, Ajv2020, type CodeKeywordDefinition, type Options } from "ajv/dist/2020.js";
import contains from "ajv/dist/vocabularies/applicator/contains.js";
import prefixItems from "ajv/dist/vocabularies/applicator/prefixItems.js";
import constant from "ajv/dist/vocabularies/validation/const.js";
import enumeration from "ajv/dist/vocabularies/validation/enum.js";
import limitNumber from "ajv/dist/vocabularies/validation/limitNumber.js";
import multipleOf from "ajv/dist/vocabularies/validation/multipleOf.js";
import { fullFormats } from "ajv-formats/dist/formats.js";
import { alternativeKeywords } from "./alternatives.ts";
import { LOOPING, withCut } from "./cut.ts";
import { type Filled, fillKeyword } from "./defaults.ts";
import type { Verdicts } from "./evaluated.ts";
import { isPattern, type Patterns } from "./linear-pattern.ts";
import { int64Format, limitKeywords, multipleOfKeyword, type NumbersInCheck } from "./numbers.ts";
import { unevaluatedKeywords } from "./unevaluated.ts";
import { uniqueItemsKeyword } from "./unique-items.ts";
import { type CodeTable, valueKeywords } from "./values.ts";
import { WorkBudget, workKeyword } from "./work-budget.ts";

const WEB = /^(?:https?|ftp):\/\//i;

/** Nearly every time matches this. Days beyond 28 need the calendar, so ajv-formats checks those: it is slower. */
const PLAIN_TIME =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])[Tt ](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:[Zz]|[+-][01]\d:[0-5]\d)$/;
const { validate: isDateTime } = fullFormats["date-time"] as { validate: (text: string) => boolean };

/** Our own: the `url` of ajv-formats takes seconds for 100 kB. `regex` differs for each schema, see below. */
const formats = {
  ...fullFormats,
  "date-time": (text: string) => PLAIN_TIME.test(text) || isDateTime(text),
  url: (text: string) => WEB.test(text) && URL.canParse(text),
};

export const isKnownFormat = (name: string): boolean => Object.hasOwn(formats, name);

/**
 * Ajv's strict mode is off: it refuses what JSON Schema allows, without telling the place. Unknown keywords and formats
 * are refused before (faults.ts).
 */
const options: Options = {
  strict: false,
  strictNumbers: true,
  messages: true,
  logger: false,
  meta: false,
  validateSchema: false,
  allErrors: true,
  formats,
};

interface Parts {
  budget: WorkBudget;
  patterns: Patterns;
  numbers: NumbersInCheck;
  filled: Filled;
  verdicts: Verdicts;
  $ref: CodeKeywordDefinition;
  table: CodeTable;
}

/** An Ajv for one prepared schema of a partner. It fetches nothing and knows no other schema. */
export function schemaAjv(
  { budget, patterns, numbers, filled, verdicts, $ref, table }: Parts,
  { ownProperties, useDefaults }: Options,
): Ajv2020 {
  const regExp = Object.assign((source: string) => patterns.get(source), { code: "patterns.get" });
  // Ajv's optimizer takes longer than all the rest, and V8 has a better one.
  const ajv = new Ajv2020({ ...options, ownProperties, useDefaults, code: { regExp, optimize: false } });
  // Ajv2020 sets both again, whatever its options say.
  Object.assign(ajv.opts, { unevaluated: false, dynamicRef: false });
  ajv.addFormat("int64", int64Format(numbers));
  // A value with `format: regex` is valid only if it is a pattern that we accept.
  ajv.addFormat("regex", (text: string) => isPattern(text, budget));
  const ours = [
    $ref,
    prefixItemsKeyword(),
    containsKeyword(),
    ...valueKeywords(definitionOf(enumeration), definitionOf(constant), table),
    ...limitKeywords(definitionOf(limitNumber), numbers, table),
    multipleOfKeyword(definitionOf(multipleOf), numbers, budget, table),
    uniqueItemsKeyword(budget, numbers),
    ...alternativeKeywords(budget),
    ...unevaluatedKeywords(verdicts, budget, table),
  ];
  for (const keyword of ours) replaceKeyword(ajv, keyword);
  for (const name of LOOPING) replaceKeyword(ajv, withCut(ajv.getKeyword(name) as CodeKeywordDefinition));
  ajv.addKeyword(workKeyword(budget));
  ajv.addKeyword(fillKeyword(filled));
  return ajv;
}

/** A schema is bounded by its bytes. */
const NO_BUDGET = Object.assign(new WorkBudget(), { left: Number.POSITIVE_INFINITY });

let ofSchemas: Ajv2020 | undefined;

/** Checks schemas by the meta-schema of 2020-12. Patterns are checked elsewhere, so that the fault has RE2's message. */
export function metaAjv(): Ajv2020 {
  if (ofSchemas === undefined) {
    ofSchemas = new Ajv2020({
      strict: false,
      allErrors: true,
      logger: false,
      formats: { ...fullFormats, regex: true },
    });
    for (const keyword of alternativeKeywords(NO_BUDGET)) replaceKeyword(ofSchemas, keyword);
  }
  return ofSchemas;
}

/**
 * `prefixItems` that holds for an empty list. Ajv's gives no verdict there, and within `not` or `if` its code skips the
 * keywords that come after one without.
 */
function prefixItemsKeyword(): CodeKeywordDefinition {
  const definition = definitionOf(prefixItems);
  return {
    ...definition,
    code(cxt, ruleType) {
      const { data, ok } = cxt;
      cxt.ok = (valid) => ok.call(cxt, _`${data}.length === 0 || ${valid}`);
      definition.code(cxt, ruleType);
    },
  };
}

/**
 * `contains` without the errors of items that it does not mean: they are nobody's. For an empty list Ajv's, without
 * counts, goes by what the list before it in a list of lists had.
 */
function containsKeyword(): CodeKeywordDefinition {
  const definition = definitionOf(contains);
  return {
    ...definition,
    code(cxt, ruleType) {
      const { subschema, result, data, parentSchema } = cxt;
      const { minContains = 1, maxContains } = parentSchema;
      if (minContains === 1 && maxContains === undefined)
        cxt.result = (valid, ...rest) => result.call(cxt, _`${data}.length > 0 && ${valid}`, ...rest);
      cxt.subschema = (appl, valid) => {
        const context = subschema.call(cxt, { ...appl, allErrors: false, createErrors: false }, valid);
        cxt.reset();
        return context;
      };
      definition.code(cxt, ruleType);
    },
  };
}

/** Node gives a CommonJS module's `default` one level deeper than Jest's transform does. */
function definitionOf(module: unknown): CodeKeywordDefinition {
  return ((module as { default?: unknown }).default ?? module) as CodeKeywordDefinition;
}

function replaceKeyword(ajv: Ajv2020, definition: CodeKeywordDefinition): void {
  ajv.removeKeyword(definition.keyword as string);
  ajv.addKeyword(definition);
}
