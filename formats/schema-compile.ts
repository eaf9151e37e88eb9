import type { ValidateFunction } from "ajv/dist/2020.js";
import { schemaAjv } from "./schema-ajv.ts";
import { NumbersInCheck } from "./schema-numbers.ts";
import { isObject, type SchemaNode, walkSchema } from "./schema-walk.ts";
import { readingsOf, WORK_KEYWORD, WorkBudget, workOf } from "./work-budget.ts";

/** Ajv's function for the schema. Throws whatever Ajv throws: bad references, contradictions, RangeError. */
export function compileSchema(
  schema: object,
  budget = new WorkBudget(),
  numbers = new NumbersInCheck(),
): ValidateFunction {
  const copy = prepared(schema);
  return schemaAjv(budget, numbers, namesInherited(copy)).compile(copy);
}

/** Keywords that look at many values, or again at the same: beside them each schema object costs work. */
const MULTIPLYING = [
  ["items", "prefixItems", "contains", "propertyNames", "patternProperties", "$ref", "$dynamicRef"],
  ["additionalProperties", "unevaluatedProperties", "unevaluatedItems"],
].flat();

/** So often at most a flat schema reads one value of a record: beyond it the reading is counted, and bounded, too. */
const MOST_READINGS = 32;

/** Our copy of the schema, with its work told. What is flat and short costs no more than its own size, and needs no count. */
function prepared(schema: object): SchemaNode {
  const copy: SchemaNode = JSON.parse(JSON.stringify(schema));
  const nodes: SchemaNode[] = [];
  walkSchema(copy, (node) => nodes.push(node));
  const multiplies = nodes.some((node) =>
    MULTIPLYING.some((name) => typeof node[name] !== "boolean" && Object.hasOwn(node, name)),
  );
  const readings = nodes.reduce((sum, node) => sum + readingsOf(node), 0);
  const isCounted = multiplies || readings > MOST_READINGS;
  for (const node of nodes) {
    const work = workOf(node);
    moveProto(node);
    if (isCounted && work > 0) node[WORK_KEYWORD] = work;
  }
  return copy;
}

/** Ajv leaves out a property named `__proto__`; as a pattern it is a property like any other. */
function moveProto(node: SchemaNode): void {
  if (!isObject(node.properties) || !Object.hasOwn(node.properties, "__proto__")) return;
  const { ["__proto__"]: schema, ...properties } = node.properties;
  node.properties = properties;
  node.patternProperties = { ...(node.patternProperties as object), "^__proto__$": schema };
}

/** Whether the schema names what every object inherits, `toString` for one: then only a record's own properties count. */
function namesInherited(schema: SchemaNode): boolean {
  let found = false;
  walkSchema(schema, (node) => {
    const named = [node.properties, node.dependentRequired, node.dependentSchemas].flatMap((part) =>
      Object.keys(part ?? {}),
    );
    const wanted = [node.required, ...Object.values(node.dependentRequired ?? {})].flat();
    found ||= [...named, ...wanted].some((name) => typeof name === "string" && name in Object.prototype);
  });
  return found;
}
