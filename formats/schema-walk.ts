/** Where JSON Schema 2020-12 keeps schemas within a schema; every other keyword that is known is a plain value. */
const IN_VALUE = [
  ["additionalProperties", "propertyNames", "contains", "items", "not", "if", "then", "else"],
  ["unevaluatedItems", "unevaluatedProperties"],
].flat();
const IN_MEMBERS = ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"];
const IN_ELEMENTS = ["allOf", "anyOf", "oneOf", "prefixItems"];
const PLAIN = [
  ["$schema", "$id", "$anchor", "$dynamicAnchor", "$ref", "$dynamicRef", "$comment", "type", "enum", "const"],
  ["multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength", "minLength", "pattern"],
  ["maxItems", "minItems", "uniqueItems", "maxContains", "minContains", "maxProperties", "minProperties"],
  ["required", "dependentRequired", "format", "contentEncoding", "contentMediaType", "contentSchema"],
  ["title", "description", "default", "deprecated", "readOnly", "writeOnly", "examples"],
].flat();

const known = new Set([...IN_VALUE, ...IN_MEMBERS, ...IN_ELEMENTS, ...PLAIN]);

export type SchemaNode = Record<string, unknown>;

export const isKnownKeyword = (name: string): boolean => known.has(name);

export const isObject = (value: unknown): value is SchemaNode =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A step of a JSON Pointer (RFC 6901). */
export const pointerStep = (name: string | number): string =>
  `/${String(name).replaceAll("~", "~0").replaceAll("/", "~1")}`;

/** Visits each schema object within `schema`, itself first. What stands where a schema belongs but is none is left out. */
export function walkSchema(schema: unknown, visit: (node: SchemaNode, pointer: string) => void, pointer = ""): void {
  if (!isObject(schema)) return;
  visit(schema, pointer);
  for (const [name, value] of Object.entries(schema)) {
    const at = pointer + pointerStep(name);
    if (IN_VALUE.includes(name)) walkSchema(value, visit, at);
    else if (holdsSchemas(name, value)) {
      for (const [key, sub] of Object.entries(value)) walkSchema(sub, visit, at + pointerStep(key));
    }
  }
}

const holdsSchemas = (name: string, value: unknown): value is object =>
  (IN_MEMBERS.includes(name) && isObject(value)) || (IN_ELEMENTS.includes(name) && Array.isArray(value));

/** How deep arrays and objects are nested; without recursion, since a hostile value would overflow the stack. */
export function isDeeperThan(limit: number, value: unknown): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > limit) return true;
    level = level.flatMap((item) => (typeof item === "object" && item !== null ? Object.values(item) : []));
  }
  return false;
}
