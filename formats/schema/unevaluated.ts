import { _, type CodeKeywordDefinition, type JSONType, Name } from "ajv/dist/2020.js";
import { alwaysValidSchema, Type } from "ajv/dist/compile/util.js";
import { unevaluatedItems, unevaluatedProperties, type Verdicts } from "./evaluated.ts";
import type { CodeTable } from "./values.ts";
import type { SchemaNode } from "./walk.ts";
import type { WorkBudget } from "./work-budget.ts";

/** `unevaluatedProperties` and `unevaluatedItems` in place of Ajv's, whose tracking is switched off. */
export function unevaluatedKeywords(verdicts: Verdicts, budget: WorkBudget, table: CodeTable): CodeKeywordDefinition[] {
  return [
    keywordOf("unevaluatedProperties", "object", Type.Str, table, (node, value) =>
      unevaluatedProperties(node, value, verdicts, budget),
    ),
    keywordOf("unevaluatedItems", "array", Type.Num, table, (node, value) =>
      unevaluatedItems(node, value as unknown[], verdicts, budget),
    ),
  ];
}

type Left = (node: SchemaNode, value: object) => (string | number)[];

/** Checks each property or item that the rest of the schema has not evaluated. */
function keywordOf(
  keyword: string,
  type: JSONType,
  dataPropType: Type,
  table: CodeTable,
  left: Left,
): CodeKeywordDefinition {
  return {
    keyword,
    type,
    schemaType: ["boolean", "object"],
    trackErrors: true,
    error: { message: "must NOT be there", params: ({ params }) => _`{unevaluated: String(${params.key})}` },
    code(cxt) {
      const { gen, schema, parentSchema, data, it, errsCount } = cxt;
      if (alwaysValidSchema(it, schema)) return;
      const look = table.add(gen, (value: object) => left(parentSchema as SchemaNode, value));
      gen.forOf("key", _`${look}(${data})`, (key) => {
        if (schema === false) {
          cxt.setParams({ key });
          cxt.error();
        } else {
          cxt.subschema({ keyword, dataProp: key, dataPropType }, gen.name("valid"));
        }
        if (!it.allErrors) gen.if(_`${errsCount} !== ${errors}`, () => gen.break());
      });
      cxt.ok(_`${errsCount} === ${errors}`);
    },
  };
}

/** How many errors there are so far, in Ajv's generated code. */
const errors = new Name("errors");
