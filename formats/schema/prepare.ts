import type { Fault } from "../../lib/errors.ts";
import { jsonValue } from "../check/json-value.ts";
import { FILL_KEYWORD, fillsIn } from "./defaults.ts";
import { askedBranches } from "./evaluated.ts";
import { type Place, schemaRefs } from "./refs.ts";
import { isObject, type SchemaNode } from "./walk.ts";
import { readingsOf, WORK_KEYWORD, workOf } from "./work-budget.ts";

/** Our copy of a schema, as Ajv gets it: nothing in it has a name, and each reference has its target beside it. */
export interface PreparedSchema {
  root: SchemaNode;
  /** The target of each object with `$ref`. The first one is the one that Ajv follows. */
  targets: Map<SchemaNode, Place[]>;
  /** The nodes that stand for a branch whose result is asked for separately. */
  branches: Set<SchemaNode>;
  hasDefaults: boolean;
  /** Whether the schema names what every object inherits, `toString` for one: then only a record's own properties count. */
  namesInherited: boolean;
  /** For example references without a target. With any fault the schema cannot be used. */
  faults: Fault[];
}

export function prepareSchema(schema: object): PreparedSchema {
  const root = jsonValue(JSON.stringify(schema)) as SchemaNode;
  const { places, targets, faults } = schemaRefs(root);
  const nodes = places.map((place) => place.schema).filter(isObject);
  const isWorkCounted = isCounted(nodes);
  for (const node of nodes) {
    const work = workOf(node);
    if (isWorkCounted && work > 0) node[WORK_KEYWORD] = work;
  }
  for (const [node, found] of targets) pointTo(node, found, targets);
  const asking = places.filter(({ schema }) => isObject(schema) && asksForRest(schema));
  const branches = ownBranches(
    asking.map((place) => place.schema as SchemaNode),
    targets,
  );
  if (branches.size > MAX_BRANCHES) faults.push(tooManyBranches(asking[0] as Place));
  for (const node of nodes) {
    for (const name of NAMES) delete node[name];
    moveProto(node);
    if (fillsIn(node)) node[FILL_KEYWORD] = true;
  }
  const hasDefaults = nodes.some((node) => Object.hasOwn(node, "default"));
  return { root, targets, branches, hasDefaults, namesInherited: nodes.some(namesInherited), faults };
}

/** Keywords that name a schema. They are not needed once each reference has its target. */
const NAMES = ["$schema", "$id", "$anchor", "$dynamicAnchor", "$dynamicRef"];

/** An object with both kinds of reference keeps one of them in an `allOf`. */
function pointTo(node: SchemaNode, [first, second]: Place[], targets: Map<SchemaNode, Place[]>): void {
  const place = first as Place;
  node.$ref = place.pointer;
  if (second === undefined) return;
  const other = { $ref: second.pointer };
  node.allOf = [...((node.allOf as unknown[]) ?? []), other];
  targets.set(node, [place]).set(other, [second]);
}

/** Compiling a function takes about 0.3 ms. */
const MAX_BRANCHES = 200;

const asksForRest = (node: SchemaNode): boolean => "unevaluatedProperties" in node || "unevaluatedItems" in node;

function tooManyBranches({ schema, pointer }: Place): Fault {
  const keyword = "unevaluatedItems" in (schema as SchemaNode) ? "unevaluatedItems" : "unevaluatedProperties";
  return {
    pointer: `${pointer}/${keyword}`,
    detail: `expected at most ${MAX_BRANCHES} alternatives, conditions and contains for it to look at`,
  };
}

/** Gives each branch whose verdict `unevaluatedProperties` or `unevaluatedItems` asks for a function of its own. */
function ownBranches(asking: SchemaNode[], targets: Map<SchemaNode, Place[]>): Set<SchemaNode> {
  const branches = new Set<SchemaNode>();
  const refs = (node: SchemaNode) => targets.get(node)?.map(({ schema }) => schema) ?? [];
  for (const { holder, key, branch } of askedBranches(asking, refs)) {
    const reference = { $ref: "" };
    Object.defineProperty(holder, key, { value: reference });
    targets.set(reference, [{ schema: branch, pointer: "" }]);
    branches.add(reference);
  }
  return branches;
}

/** Keywords that look at many values, or at one value several times. Beside them each schema object costs work. */
const MULTIPLYING = [
  ["items", "prefixItems", "contains", "propertyNames", "patternProperties", "$ref", "$dynamicRef"],
  ["additionalProperties", "unevaluatedProperties", "unevaluatedItems"],
].flat();

/** A flat schema reads one value of a record at most this often. Further reads are counted and bounded. */
const MOST_READINGS = 32;

/** A flat and short schema costs no more than its size, so its work is not counted. */
function isCounted(nodes: SchemaNode[]): boolean {
  const multiplies = nodes.some((node) =>
    MULTIPLYING.some((name) => typeof node[name] !== "boolean" && Object.hasOwn(node, name)),
  );
  return multiplies || nodes.reduce((sum, node) => sum + readingsOf(node), 0) > MOST_READINGS;
}

/** Ajv leaves out a property named `__proto__`; as a pattern it is a property like any other. */
function moveProto(node: SchemaNode): void {
  if (!isObject(node.properties) || !Object.hasOwn(node.properties, "__proto__")) return;
  const { ["__proto__"]: schema, ...properties } = node.properties;
  node.properties = properties;
  node.patternProperties = { ...(node.patternProperties as object), "^__proto__$": schema };
}

function namesInherited(node: SchemaNode): boolean {
  const named = [node.properties, node.dependentRequired, node.dependentSchemas].flatMap((part) =>
    Object.keys(part ?? {}),
  );
  const wanted = [node.required, ...Object.values(node.dependentRequired ?? {})].flat();
  return [...named, ...wanted].some((name) => typeof name === "string" && name in Object.prototype);
}
