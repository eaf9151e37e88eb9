import { compilePattern } from "./linear-pattern.ts";
import { isExact, isPlain, jsonNumber } from "./number-text.ts";
import { isStandIn, type RecordNumbers } from "./record-numbers.ts";
import { isObject, type SchemaNode } from "./schema-walk.ts";

/** Which types the text of a cell may become. */
type Kinds = { number: boolean; boolean: boolean };

/** A validator outlives many batches, whose headers come from outside: beyond so many names it begins anew. */
const MAX_NAMES = 10_000;
/** Each digit can be read in one way only: where two could, a long cell takes the square of its length. */
const DECIMAL = /^\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?0*\d{1,15})?\s*$/;

/**
 * Converts the cells of a CSV record that the schema types as number, integer or boolean; where it allows a string too,
 * the text stays. Done here, not by Ajv, which reads "0x10" as 16, "Infinity" as a number, and digits beyond 2^53 as
 * other digits. Text that is no such value stays text, for the schema to refuse; so does a number whose exponent has more
 * than 15 digits.
 */
export class TextConversion {
  readonly #schema: SchemaNode;
  readonly #byName = new Map<string, Kinds | null>();

  constructor(schema: SchemaNode) {
    this.#schema = schema;
  }

  /** A number that no double holds goes to `numbers`, and its stand-in into the record. */
  convert(record: Record<string, unknown>, numbers: RecordNumbers): void {
    for (const name in record) {
      const kinds = this.#kinds(name);
      if (kinds === null) continue;
      const text = record[name];
      if (typeof text === "string") record[name] = converted(text, kinds, numbers);
    }
  }

  #kinds(name: string): Kinds | null {
    let kinds = this.#byName.get(name);
    if (kinds === undefined) {
      kinds = kindsOf(typesOf(this.#schema, name));
      if (this.#byName.size >= MAX_NAMES) this.#byName.clear();
      this.#byName.set(name, kinds);
    }
    return kinds;
  }
}

function converted(text: string, kinds: Kinds, numbers: RecordNumbers): unknown {
  if (kinds.number && DECIMAL.test(text)) return numberOf(text, numbers);
  if (kinds.boolean) {
    const word = text.trim().toLowerCase();
    if (word === "true") return true;
    if (word === "false") return false;
  }
  return text;
}

function numberOf(text: string, numbers: RecordNumbers): number {
  const value = Number(text);
  if (isPlain(text, value)) return value;
  const source = jsonNumber(text);
  return isExact(source, value) && !isStandIn(value) ? value : Number(numbers.add(source));
}

function kindsOf(types: Set<unknown>): Kinds | null {
  const kinds = { number: types.has("number") || types.has("integer"), boolean: types.has("boolean") };
  return types.has("string") || !(kinds.number || kinds.boolean) ? null : kinds;
}

/** The types that any part of the record's schema gives to the property. */
function typesOf(root: SchemaNode, name: string): Set<unknown> {
  const schemas = partsOf(root, root).flatMap((part) => schemasOfProperty(part, name));
  const parts = schemas.flatMap((schema) => partsOf(schema, root));
  return new Set(parts.flatMap((part) => part.type ?? []));
}

/** A property's own schema and those whose pattern it matches; else that of all further ones. */
function schemasOfProperty(node: SchemaNode, name: string): unknown[] {
  const found: unknown[] = [];
  if (isObject(node.properties) && Object.hasOwn(node.properties, name)) found.push(node.properties[name]);
  for (const [pattern, schema] of Object.entries(node.patternProperties ?? {})) {
    if (compilePattern(pattern).test(name)) found.push(schema);
  }
  return found.length > 0 ? found : [node.additionalProperties, node.unevaluatedProperties];
}

/** The schema objects that apply to the same value: the schema, what it refers to, its alternatives. Each once. */
function partsOf(node: unknown, root: SchemaNode, seen = new Set<SchemaNode>()): SchemaNode[] {
  if (!isObject(node) || seen.has(node)) return [];
  seen.add(node);
  for (const part of applied(node)) partsOf(part, root, seen);
  if (typeof node.$ref === "string") partsOf(resolve(root, node.$ref), root, seen);
  return [...seen];
}

function applied(node: SchemaNode): unknown[] {
  const lists = [node.allOf, node.anyOf, node.oneOf].flatMap((list) => (Array.isArray(list) ? list : []));
  return [...lists, node.then, node.else, ...Object.values(node.dependentSchemas ?? {})];
}

/** A local reference by pointer (`#/$defs/amount`) or by anchor among `$defs`. */
function resolve(root: SchemaNode, ref: string): unknown {
  if (ref === "#") return root;
  if (!ref.startsWith("#")) return undefined;
  if (!ref.startsWith("#/"))
    return Object.values(root.$defs ?? {}).find((def) => isObject(def) && `#${def.$anchor}` === ref);
  const steps = decodePointer(ref.slice(2)).split("/");
  return steps.reduce<unknown>((at, step) => {
    const name = step.replaceAll("~1", "/").replaceAll("~0", "~");
    return typeof at === "object" && at !== null && Object.hasOwn(at, name) ? (at as SchemaNode)[name] : undefined;
  }, root);
}

function decodePointer(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
