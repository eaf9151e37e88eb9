/** Where JSON Schema 2020-12 keeps schemas within a schema; every other keyword that is known is a plain value. */
const IN_VALUE = new Set(
  [
    ["additionalProperties", "propertyNames", "contains", "items", "not", "if", "then", "else"],
    ["unevaluatedItems", "unevaluatedProperties"],
  ].flat(),
);
const IN_MEMBERS = new Set(["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"]);
const IN_ELEMENTS = new Set(["allOf", "anyOf", "oneOf", "prefixItems"]);
const PLAIN = [
  ["$schema", "$id", "$anchor", "$dynamicAnchor", "$ref", "$dynamicRef", "$comment", "type", "enum", "const"],
  ["multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength", "minLength", "pattern"],
  ["maxItems", "minItems", "uniqueItems", "maxContains", "minContains", "maxProperties", "minProperties"],
  ["required", "dependentRequired", "format", "contentEncoding", "contentMediaType", "contentSchema"],
  ["title", "description", "default", "deprecated", "readOnly", "writeOnly", "examples"],
  // OpenAPI 3.1 adds these; they check nothing. Generators of schemas write `discriminator` beside a `oneOf`.
  ["discriminator", "example", "externalDocs", "xml"],
].flat();

const known = new Set([...IN_VALUE, ...IN_MEMBERS, ...IN_ELEMENTS, ...PLAIN]);

export type SchemaNode = Record<string, unknown>;

export const isKnownKeyword = (name: string): boolean => known.has(name);

export const isObject = (value: unknown): value is SchemaNode =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A step of a JSON Pointer (RFC 6901). */
export const pointerStep = (name: string | number): string =>
  `/${String(name).replaceAll("~", "~0").replaceAll("/", "~1")}`;

/** The direct subschemas of a schema, each with its relative pointer: objects and booleans, and wrong values in their places. */
export function childSchemas(node: SchemaNode): [pointer: string, schema: unknown][] {
  return Object.entries(node).flatMap(([name, value]): [string, unknown][] => {
    if (IN_VALUE.has(name)) return [[pointerStep(name), value]];
    if (!holdsSchemas(name, value)) return [];
    return Object.entries(value).map(([key, sub]) => [pointerStep(name) + pointerStep(key), sub]);
  });
}

const holdsSchemas = (name: string, value: unknown): value is object =>
  (IN_MEMBERS.has(name) && isObject(value)) || (IN_ELEMENTS.has(name) && Array.isArray(value));

/** Visits each schema object within `schema`, itself first. Skips values that are no schema. */
export function walkSchema(schema: unknown, visit: (node: SchemaNode, pointer: string) => void, pointer = ""): void {
  if (!isObject(schema)) return;
  visit(schema, pointer);
  for (const [step, child] of childSchemas(schema)) walkSchema(child, visit, pointer + step);
}

/** How deep arrays and objects are nested; without recursion, since a hostile value would overflow the stack. */
export function isDeeperThan(limit: number, value: unknown): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > limit) return true;
    level = level.flatMap((item) => (typeof item === "object" && item !== null ? Object.values(item) : []));
  }
  return false;
}
