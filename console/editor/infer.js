/**
 * Proposes a schema from sample records: for each field the narrowest type that all its values have. People look at it before
 * they save it.
 */

/** @typedef {Record<string, unknown>} Sample */

/** @type {[test: RegExp, schema: Record<string, unknown>][]} the narrowest first */
const texts = [
  [/^(?:true|false)$/i, { type: "boolean" }],
  // A number with a leading zero is a code, such as a postcode.
  [/^-?(?:0|[1-9]\d{0,14})$/, { type: "integer" }],
  [/^-?(?:0|[1-9]\d{0,14})(?:\.\d+)?$/, { type: "number" }],
  [/^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$/, { type: "string", format: "date" }],
  [/^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)$/, { type: "string", format: "date-time" }],
  [/^[^\s@]+@[^\s@]+\.[^\s@]+$/, { type: "string", format: "email" }],
];

/** @param {unknown[]} values @returns {Record<string, unknown>} */
function schemaOfValues(values) {
  const there = values.filter((value) => value !== null && value !== undefined && value !== "");
  if (there.length === 0) return {};
  if (there.every((value) => typeof value === "object" && !Array.isArray(value)))
    return schemaOfSamples(/** @type {Sample[]} */ (there));
  if (there.every(Array.isArray)) return { type: "array", items: schemaOfValues(there.flat()) };
  if (there.every((value) => typeof value === "boolean")) return { type: "boolean" };
  if (there.every((value) => typeof value === "number"))
    return { type: there.every(Number.isInteger) ? "integer" : "number" };
  if (!there.every((value) => typeof value === "string")) return {};
  const found = texts.find(([test]) => there.every((value) => test.test(value)));
  return found ? found[1] : { type: "string" };
}

/**
 * @param {Sample[]} samples
 * @returns {Record<string, unknown>} a JSON Schema; a field that every sample has is required
 */
export function schemaOfSamples(samples) {
  const names = [...new Set(samples.flatMap((sample) => Object.keys(sample)))];
  const isThere = (/** @type {unknown} */ value) => value !== undefined && value !== null && value !== "";
  const required = names.filter((name) => samples.every((sample) => isThere(sample[name])));
  const properties = Object.fromEntries(
    names.map((name) => [name, schemaOfValues(samples.map((sample) => sample[name]))]),
  );
  return { type: "object", ...(required.length > 0 && { required }), properties };
}
