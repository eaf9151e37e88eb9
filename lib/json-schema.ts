/** The parts of JSON Schema (2020-12) that our OpenAPI document uses. */

export type JsonSchema = { readonly [keyword: string]: unknown };

type Properties = { readonly [name: string]: JsonSchema };

/** An object that we send. All members but the `optional` ones are there; later versions may add some. */
export const record = (properties: Properties, optional: readonly string[] = []): JsonSchema => ({
  type: "object",
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
});

/** An object that we receive. A member that is not listed is a fault. */
export const input = (properties: Properties, required: readonly string[] = []): JsonSchema => ({
  type: "object",
  properties,
  ...(required.length > 0 ? { required } : {}),
  additionalProperties: false,
});

/** The same, or null. */
export function orNull(schema: JsonSchema): JsonSchema {
  const { type, description, ...rest } = schema;
  if (typeof type === "string" && !("enum" in rest)) return { ...schema, type: [type, "null"] };
  const inner = type === undefined ? rest : { type, ...rest };
  return { ...(description === undefined ? {} : { description }), anyOf: [inner, { type: "null" }] };
}

/** A schema of the document's own, by its name there. */
export const schemaRef = (name: string): JsonSchema => ({ $ref: `#/components/schemas/${name}` });

export const text = (description?: string): JsonSchema => ({ type: "string", ...(description ? { description } : {}) });
export const described = (description: string, schema: JsonSchema): JsonSchema => ({ ...schema, description });
export const choice = (values: readonly string[]): JsonSchema => ({ type: "string", enum: [...values] });
export const listOf = (items: JsonSchema): JsonSchema => ({ type: "array", items });

export const count: JsonSchema = { type: "integer", minimum: 0 };
export const id: JsonSchema = { type: "string", format: "uuid" };
/** ISO 8601 UTC with milliseconds. */
export const instant: JsonSchema = { type: "string", format: "date-time" };
export const flag: JsonSchema = { type: "boolean" };
