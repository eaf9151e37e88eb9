import { isObject, type SchemaNode } from "./walk.ts";
import type { WorkBudget } from "./work-budget.ts";

/** What the evaluation needs of the compiled schema. */
export interface Verdicts {
  /** The schemas that a schema's references lead to. */
  refs(node: SchemaNode): unknown[];
  matches(pattern: string, name: string): boolean;
  isValid(schema: unknown, value: unknown): boolean;
}

/** Names of an object, or indexes of an array. */
type Seen = Set<string | number>;
type Looker = (evaluation: Evaluation, node: SchemaNode) => void;

/**
 * Which properties or items a schema has left out, for `unevaluatedProperties` and `unevaluatedItems`. Ajv counts while
 * it checks, and is wrong where `contains`, or a branch that does not hold, has looked at some. We ask again, branch by
 * branch: each counts only if it holds.
 */
export function unevaluatedProperties(
  node: SchemaNode,
  value: object,
  verdicts: Verdicts,
  budget: WorkBudget,
): string[] {
  const names = Object.keys(value);
  const seen = new Evaluation(value, names, verdicts, budget).of(node, seenProperties);
  return names.filter((name) => !seen.has(name));
}

/** The same for the indexes of an array. */
export function unevaluatedItems(node: SchemaNode, value: unknown[], verdicts: Verdicts, budget: WorkBudget): number[] {
  const indexes = [...value.keys()];
  const seen = new Evaluation(value, indexes, verdicts, budget).of(node, seenItems);
  return indexes.filter((index) => !seen.has(index));
}

class Evaluation {
  readonly seen: Seen = new Set();
  readonly value: object;
  readonly all: readonly (string | number)[];
  readonly verdicts: Verdicts;
  readonly budget: WorkBudget;

  constructor(value: object, all: readonly (string | number)[], verdicts: Verdicts, budget: WorkBudget) {
    this.value = value;
    this.all = all;
    this.verdicts = verdicts;
    this.budget = budget;
  }

  of(node: SchemaNode, look: Looker): Seen {
    this.budget.spend(this.all.length);
    look(this, node);
    this.#within(node, look);
    return this.seen;
  }

  add(keys: Iterable<string | number>): void {
    for (const key of keys) this.seen.add(key);
  }

  #schema(schema: unknown, look: Looker): void {
    if (!isObject(schema)) return;
    this.budget.spend(1 + this.all.length);
    look(this, schema);
    if (schema.unevaluatedProperties !== undefined && look === seenProperties) this.add(this.all);
    if (schema.unevaluatedItems !== undefined && look === seenItems) this.add(this.all);
    this.#within(schema, look);
  }

  /** The subschemas that apply to the same value, if they are valid for it. */
  #within(node: SchemaNode, look: Looker): void {
    const holds = (schema: unknown) => this.verdicts.isValid(schema, this.value);
    for (const schema of [...this.verdicts.refs(node), ...list(node.allOf)]) this.#schema(schema, look);
    for (const schema of alternatives(node)) if (holds(schema)) this.#schema(schema, look);
    if (node.if !== undefined) {
      const isTrue = holds(node.if);
      if (isTrue) this.#schema(node.if, look);
      this.#schema(isTrue ? node.then : node.else, look);
    }
    for (const [name, schema] of Object.entries(node.dependentSchemas ?? {})) {
      if (Object.hasOwn(this.value, name)) this.#schema(schema, look);
    }
  }
}

function seenProperties(evaluation: Evaluation, node: SchemaNode): void {
  if (node.additionalProperties !== undefined) evaluation.add(evaluation.all);
  const { value, all, verdicts, budget } = evaluation;
  evaluation.add(Object.keys(node.properties ?? {}).filter((name) => Object.hasOwn(value, name)));
  for (const pattern of Object.keys(node.patternProperties ?? {})) {
    budget.spend(all.length);
    evaluation.add(all.filter((name) => verdicts.matches(pattern, name as string)));
  }
}

function seenItems(evaluation: Evaluation, node: SchemaNode): void {
  const { value, all, verdicts } = evaluation;
  if (node.items !== undefined) evaluation.add(all);
  else evaluation.add(all.slice(0, list(node.prefixItems).length));
  if (node.contains === undefined) return;
  evaluation.add(all.filter((index) => verdicts.isValid(node.contains, (value as unknown[])[index as number])));
}

const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

const alternatives = ({ anyOf, oneOf }: SchemaNode): unknown[] => [...list(anyOf), ...list(oneOf)];

/** A branch, and where it is. */
interface Branch {
  holder: object;
  key: string | number;
  branch: SchemaNode;
}

/** The branches whose verdict the evaluation of `asking` needs. */
export function askedBranches(asking: SchemaNode[], refs: Verdicts["refs"]): Branch[] {
  const asked: Branch[] = [];
  const visited = new Set<SchemaNode>();
  const visit = (schema: unknown): void => {
    if (!isObject(schema) || visited.has(schema)) return;
    visited.add(schema);
    asked.push(...branchesOf(schema));
    const dependent = Object.values(schema.dependentSchemas ?? {});
    const parts = [
      ...refs(schema),
      ...list(schema.allOf),
      ...alternatives(schema),
      schema.if,
      schema.then,
      schema.else,
    ];
    for (const part of [...parts, ...dependent]) visit(part);
  };
  for (const node of asking) visit(node);
  return asked;
}

function branchesOf(node: SchemaNode): Branch[] {
  const lists = [node.anyOf, node.oneOf].filter(Array.isArray);
  const places = lists.flatMap((holder) => holder.map((_, key): [object, string | number] => [holder, key]));
  return [...places, [node, "if"] as const, [node, "contains"] as const]
    .map(([holder, key]) => ({ holder, key, branch: (holder as SchemaNode)[key] }))
    .filter((found): found is Branch => isObject(found.branch));
}
