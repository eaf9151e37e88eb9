/** The fields of a schema that columns of a file can fill. */
import { type PreparedSchema, prepareSchema } from "../schema/prepare.ts";
import { isObject, type SchemaNode } from "../schema/walk.ts";

/** Bounds of depth and number, because a schema may refer to itself. Deeper or further fields cannot be filled. */
const MOST_DEPTH = 8;
const MOST_FIELDS = 2_000;

export type Path = readonly string[];

/** All schemas that apply to one value, each once: the schema itself, what it refers to, and its alternatives. */
function partsOf(schema: unknown, targets: PreparedSchema["targets"], isSure = false): SchemaNode[] {
  const seen = new Set<SchemaNode>();
  const due = [schema];
  while (due.length > 0) {
    const next = due.pop();
    if (!isObject(next) || seen.has(next)) continue;
    seen.add(next);
    due.push(...(targets.get(next)?.map((place) => place.schema) ?? []));
    due.push(...list(next.allOf));
    if (isSure) continue;
    due.push(...list(next.anyOf), ...list(next.oneOf), next.then, next.else);
    due.push(...Object.values(isObject(next.dependentSchemas) ? next.dependentSchemas : {}));
  }
  return [...seen];
}

const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

const propertiesOf = (nodes: readonly SchemaNode[]): [string, unknown][] =>
  nodes.flatMap(({ properties }) => (isObject(properties) ? Object.entries(properties) : []));

export class SchemaFields {
  /** The paths of all properties, including those of inner objects. Outer properties come first. */
  readonly paths: readonly Path[];
  /** The paths of required properties without a default, including those in required inner objects. */
  readonly required: readonly Path[];
  /** Whether a record may have no other property. */
  readonly isClosed: boolean;
  readonly #prepared: PreparedSchema;
  readonly #known = [new Map<unknown, SchemaNode[]>(), new Map<unknown, SchemaNode[]>()] as const;

  constructor(schema: object) {
    this.#prepared = prepareSchema(schema);
    const sure = this.#parts([this.#prepared.root], true);
    this.paths = this.#paths();
    this.required = this.#required(sure, []);
    const isOpen = sure.some(
      (node) => Object.keys(isObject(node.patternProperties) ? node.patternProperties : {}).length > 0,
    );
    this.isClosed = !isOpen && sure.some(({ additionalProperties }) => additionalProperties === false);
  }

  /** Whether a record may have a property of this name, whatever else its schema says of it. */
  allows(name: string): boolean {
    if (!this.isClosed) return true;
    return propertiesOf(this.#parts([this.#prepared.root])).some(([known]) => known === name);
  }

  /** All schemas that may apply to the value at a path. `items`: to the items of the list there. */
  at(path: Path, isItems = false): SchemaNode[] {
    let nodes = this.#parts([this.#prepared.root]);
    for (const step of path)
      nodes = this.#parts(propertiesOf(nodes).flatMap(([name, schema]) => (name === step ? [schema] : [])));
    return isItems ? this.#parts(nodes.map(({ items }) => items)) : nodes;
  }

  #parts(schemas: readonly unknown[], isSure = false): SchemaNode[] {
    return [...new Set(schemas.flatMap((schema) => this.#partsOf(schema, isSure)))];
  }

  #partsOf(schema: unknown, isSure: boolean): SchemaNode[] {
    const found = this.#known[isSure ? 1 : 0].get(schema) ?? partsOf(schema, this.#prepared.targets, isSure);
    this.#known[isSure ? 1 : 0].set(schema, found);
    return found;
  }

  #paths(): Path[] {
    const found = new Map<string, Path>();
    let level: [Path, SchemaNode[]][] = [[[], this.#parts([this.#prepared.root])]];
    for (let depth = 0; depth < MOST_DEPTH && level.length > 0; depth++) {
      const next: typeof level = [];
      for (const [path, nodes] of level)
        for (const [name, schemas] of Map.groupBy(propertiesOf(nodes), ([name]) => name)) {
          if (found.size >= MOST_FIELDS) return [...found.values()];
          const inner = [...path, name];
          const key = JSON.stringify(inner);
          if (!found.has(key)) found.set(key, inner);
          next.push([inner, this.#parts(schemas.map(([, schema]) => schema))]);
        }
      level = next;
    }
    return [...found.values()];
  }

  #required(nodes: readonly SchemaNode[], path: Path): Path[] {
    if (path.length >= MOST_DEPTH) return [path];
    const names = new Set(nodes.flatMap(({ required }) => list(required) as string[]));
    const byName = Map.groupBy(propertiesOf(nodes), ([name]) => name);
    return [...names].flatMap((name) => {
      const schemas = (byName.get(name) ?? []).map(([, schema]) => schema);
      if (schemas.some((schema) => isObject(schema) && schema.default !== undefined)) return [];
      const inner = this.#required(this.#parts(schemas, true), [...path, name]);
      return inner.length > 0 ? inner : [[...path, name]];
    });
  }
}

/**
 * The path of a field that the schema does not know: steps with dots in between. `Price incl. VAT` and `No.` are single names.
 */
export function declaredPath(name: string): Path {
  const steps = name.split(".");
  return steps.some((step) => step === "" || step !== step.trim()) ? [name] : steps;
}

const known = new WeakMap<object, SchemaFields>();

/** The fields of a schema, found once. */
export function fieldsOf(schema: object): SchemaFields {
  const found = known.get(schema) ?? new SchemaFields(schema);
  known.set(schema, found);
  return found;
}
