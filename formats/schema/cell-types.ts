import type { CheckTools } from "./compile.ts";
import type { Pattern, Patterns } from "./linear-pattern.ts";
import type { PreparedSchema } from "./prepare.ts";
import { isObject, type SchemaNode } from "./walk.ts";
import type { WorkBudget } from "./work-budget.ts";

/** What one part of a record's schema says of its properties. */
interface Part {
  properties: SchemaNode;
  patterns: [pattern: Pattern, schema: unknown][];
  /** What it says of all others. */
  others: unknown[];
}

/** The types that a schema gives to the properties of a record, also behind references and in branches. */
export class CellTypes {
  readonly #targets: PreparedSchema["targets"];
  readonly #budget: WorkBudget;
  readonly #parts: Part[];
  readonly #tests: number;
  readonly #bySchema = new Map<unknown, ReadonlySet<unknown>>();

  constructor({ root, targets }: PreparedSchema, { patterns, budget }: Pick<CheckTools, "patterns" | "budget">) {
    this.#targets = targets;
    this.#budget = budget;
    this.#parts = this.#partsOf(root).map((node) => partOf(node, patterns));
    this.#tests = this.#parts.reduce((sum, part) => sum + 1 + part.patterns.length, 0);
  }

  /** The types of the property. Costs work as a check does, because partners choose the names. */
  of(name: string): ReadonlySet<unknown> {
    this.#budget.spend(this.#tests);
    const schemas = this.#parts.flatMap((part) => schemasOf(part, name));
    return new Set(schemas.flatMap((schema) => [...this.#typesOf(schema)]));
  }

  #typesOf(schema: unknown): ReadonlySet<unknown> {
    const known = this.#bySchema.get(schema) ?? new Set(this.#partsOf(schema).flatMap(({ type }) => type ?? []));
    this.#bySchema.set(schema, known);
    return known;
  }

  /** The schema objects that apply to the same value: the schema, what it refers to, its alternatives. Each once. */
  #partsOf(schema: unknown, seen = new Set<SchemaNode>()): SchemaNode[] {
    if (!isObject(schema) || seen.has(schema)) return [];
    seen.add(schema);
    const referred = this.#targets.get(schema)?.map((place) => place.schema) ?? [];
    for (const part of [...applied(schema), ...referred]) this.#partsOf(part, seen);
    return [...seen];
  }
}

function partOf(node: SchemaNode, patterns: Patterns): Part {
  const byPattern = Object.entries(node.patternProperties ?? {});
  return {
    properties: isObject(node.properties) ? node.properties : {},
    patterns: byPattern.map(([source, schema]) => [patterns.get(source), schema]),
    others: [node.additionalProperties, node.unevaluatedProperties],
  };
}

/** A property's own schema and those whose pattern it matches; else that of all further ones. */
function schemasOf({ properties, patterns, others }: Part, name: string): unknown[] {
  const found = patterns.filter(([pattern]) => pattern.test(name)).map(([, schema]) => schema);
  if (Object.hasOwn(properties, name)) found.push(properties[name]);
  return found.length > 0 ? found : others;
}

function applied(node: SchemaNode): unknown[] {
  const lists = [node.allOf, node.anyOf, node.oneOf].flatMap((list) => (Array.isArray(list) ? list : []));
  return [...lists, node.then, node.else, ...Object.values(node.dependentSchemas ?? {})];
}
