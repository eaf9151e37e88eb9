import { _, type Code, type CodeKeywordDefinition } from "ajv/dist/2020.js";
import { isObject } from "./walk.ts";

type CodeGen = Parameters<CodeKeywordDefinition["code"]>[0]["gen"];

/**
 * What the generated code of one Ajv calls, all of it behind one name. Ajv would give each function a name of its own, and
 * takes the square of their number to declare them: 4 s for 4,000 limits.
 */
export class CodeTable {
  readonly #values: unknown[] = [];

  /** The value, as the generated code has it. */
  add(gen: CodeGen, value: unknown): Code {
    const index = this.#values.push(value) - 1;
    return _`${gen.scopeValue("obj", { ref: this.#values })}[${index}]`;
  }
}

/**
 * `enum` and `const`; the definitions are Ajv's own. Its comparison of objects asks them for their `valueOf` and
 * `constructor`, which a record may name as it likes; and it takes no `enum` without values, which JSON Schema allows.
 */
export const valueKeywords = (
  enumeration: CodeKeywordDefinition,
  constant: CodeKeywordDefinition,
  table: CodeTable,
): CodeKeywordDefinition[] => [
  { ...enumeration, code: (cxt) => failUnless(cxt, cxt.schema, table) },
  { ...constant, code: (cxt) => failUnless(cxt, [cxt.schema], table) },
];

function failUnless(cxt: Parameters<CodeKeywordDefinition["code"]>[0], values: unknown[], table: CodeTable): void {
  const plain = new Set(values.filter((value) => !isComposite(value)));
  const composite = values.filter(isComposite);
  const isOne = (value: unknown) => plain.has(value) || composite.some((other) => isSame(value, other));
  cxt.pass(_`${table.add(cxt.gen, isOne)}(${cxt.data})`);
}

const isComposite = (value: unknown): boolean => typeof value === "object" && value !== null;

/** Whether two JSON values are the same; the order of names does not count. */
function isSame(one: unknown, other: unknown): boolean {
  if (Array.isArray(one)) {
    return Array.isArray(other) && one.length === other.length && one.every((item, i) => isSame(item, other[i]));
  }
  if (!isObject(one) || !isObject(other)) return one === other;
  const names = Object.keys(one);
  const isLikeOther = (name: string) => Object.hasOwn(other, name) && isSame(one[name], other[name]);
  return names.length === Object.keys(other).length && names.every(isLikeOther);
}
