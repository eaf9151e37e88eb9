import { _, Ajv2020, type CodeKeywordDefinition, Name, type Options } from "ajv/dist/2020.js";
import anyOf from "ajv/dist/vocabularies/applicator/anyOf.js";
import contains from "ajv/dist/vocabularies/applicator/contains.js";
import oneOf from "ajv/dist/vocabularies/applicator/oneOf.js";
import limitNumber from "ajv/dist/vocabularies/validation/limitNumber.js";
import multipleOf from "ajv/dist/vocabularies/validation/multipleOf.js";
import { fullFormats } from "ajv-formats/dist/formats.js";
import { compilePattern, patternFault } from "./linear-pattern.ts";
import { int64Format, limitKeywords, multipleOfKeyword, type NumbersInCheck } from "./schema-numbers.ts";
import { uniqueItemsKeyword } from "./unique-items.ts";
import { type WorkBudget, workKeyword } from "./work-budget.ts";

const WEB = /^(?:https?|ftp):\/\//i;

/** What nearly every time looks like; days beyond 28 need the calendar. ajv-formats splits the text and matches its parts. */
const PLAIN_TIME =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])[Tt ](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:[Zz]|[+-][01]\d:[0-5]\d)$/;
const { validate: isDateTime } = fullFormats["date-time"] as { validate: (text: string) => boolean };

/** A record's text that is a pattern must be one that we would take. The `url` of ajv-formats takes seconds on 100 kB. */
const formats = {
  ...fullFormats,
  "date-time": (text: string) => PLAIN_TIME.test(text) || isDateTime(text),
  regex: (text: string) => patternFault(text) === null,
  url: (text: string) => WEB.test(text) && URL.canParse(text),
};

export const isKnownFormat = (name: string): boolean => Object.hasOwn(formats, name);

/**
 * Unknown keywords and formats are refused. Not asked of partners' schemas: a `type` beside each keyword, `required`
 * names among `properties`, tuples of fixed length, a property that matches a pattern too.
 */
const options: Options = {
  strict: true,
  strictTypes: false,
  strictTuples: false,
  strictRequired: false,
  allowMatchingProperties: true,
  allErrors: true,
  useDefaults: true,
  messages: true,
  logger: false,
  // A definition that is used often would be pasted in each time: megabytes of code from a schema of 64 kB.
  inlineRefs: false,
  formats,
};

/** An Ajv for one schema from outside: it can fetch nothing, and knows no schema but that one. */
export function schemaAjv(budget: WorkBudget, numbers: NumbersInCheck, ownProperties: boolean): Ajv2020 {
  const regExp = Object.assign((source: string) => compilePattern(source, budget), { code: "compilePattern" });
  const ajv = new Ajv2020({ ...options, ownProperties, meta: false, validateSchema: false, code: { regExp } });
  for (const keyword of [anyOf, oneOf, contains]) replaceKeyword(ajv, withoutNoise(keyword));
  for (const keyword of limitKeywords(definitionOf(limitNumber), numbers)) replaceKeyword(ajv, keyword);
  replaceKeyword(ajv, multipleOfKeyword(definitionOf(multipleOf), numbers, budget));
  ajv.addFormat("int64", int64Format(numbers));
  ajv.removeKeyword("uniqueItems");
  ajv.addKeyword(uniqueItemsKeyword(budget, numbers));
  ajv.addKeyword(workKeyword(budget));
  return ajv;
}

let ofSchemas: Ajv2020 | undefined;

/** Checks schemas themselves by the meta-schema of 2020-12. Patterns are looked at apart, with RE2's own message. */
export function metaAjv(): Ajv2020 {
  if (ofSchemas === undefined) {
    ofSchemas = new Ajv2020({
      strict: false,
      allErrors: true,
      logger: false,
      formats: { ...fullFormats, regex: true },
    });
    for (const keyword of [anyOf, oneOf]) replaceKeyword(ofSchemas, withoutNoise(keyword));
  }
  return ofSchemas;
}

/**
 * A keyword of alternatives whose one error takes the place of its alternatives' errors, which it carries as `causes`:
 * a value that matches none of five has one fault, not twenty.
 */
function withoutNoise(module: unknown): CodeKeywordDefinition {
  const definition = definitionOf(module);
  const { error } = definition;
  return {
    ...definition,
    error: error && {
      message: error.message,
      params: ({ params }) =>
        _`{causes: ${params.causes ?? _`[]`}, branches: ${params.branches}, passing: ${params.passing ?? null}}`,
    },
    code(cxt, ruleType) {
      const report = cxt.error.bind(cxt);
      cxt.error = (append, params, paths) => {
        const causes = cxt.gen.const("causes", _`(${vErrors} || []).slice(${cxt.errsCount})`);
        cxt.setParams({ ...cxt.params, causes, branches: Array.isArray(cxt.schema) ? cxt.schema.length : 0 });
        cxt.reset();
        report(append, params, paths);
      };
      definition.code(cxt, ruleType);
    },
  };
}

/** The errors so far, in Ajv's generated code. */
const vErrors = new Name("vErrors");

/** Node gives a CommonJS module's `default` one level deeper than Jest's transform does. */
function definitionOf(module: unknown): CodeKeywordDefinition {
  return ((module as { default?: unknown }).default ?? module) as CodeKeywordDefinition;
}

function replaceKeyword(ajv: Ajv2020, definition: CodeKeywordDefinition): void {
  ajv.removeKeyword(definition.keyword as string);
  ajv.addKeyword(definition);
}
