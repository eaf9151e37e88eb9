import { _, type CodeKeywordDefinition } from "ajv/dist/2020.js";
import { isObject, type SchemaNode } from "./walk.ts";

/** The defaults that the check of a record has filled in. */
export class Filled {
  /** Whether it has filled in any. */
  any = false;
}

/** The keyword that we put into our copy of a schema beside `properties` with a `default`. */
export const FILL_KEYWORD = "x-fills";

export const fillsIn = ({ properties }: SchemaNode): boolean => isObject(properties) && namesOf(properties).length > 0;

/** Notes that a default is filled in. Ajv fills it in right after the keywords without a type, and does not report it. */
export function fillKeyword(filled: Filled): CodeKeywordDefinition {
  return {
    keyword: FILL_KEYWORD,
    schemaType: "boolean",
    code({ gen, data, it, parentSchema }) {
      if (!it.opts.useDefaults || it.compositeRule) return;
      const held = gen.scopeValue("obj", { ref: filled });
      gen.if(_`typeof ${data} == "object" && ${data} && !Array.isArray(${data})`, () => {
        for (const name of namesOf(parentSchema.properties))
          gen.if(_`${data}[${name}] === undefined`, () => gen.assign(_`${held}.any`, true));
      });
    },
  };
}

/** The names of the properties that have a default. */
const namesOf = (properties: SchemaNode): string[] =>
  Object.entries(properties).flatMap(([name, schema]) =>
    isObject(schema) && schema.default !== undefined ? [name] : [],
  );
