import { _, type CodeKeywordDefinition, str } from "ajv/dist/2020.js";
import type { NumbersInCheck } from "./numbers.ts";
import type { WorkBudget } from "./work-budget.ts";

/** `uniqueItems` by hash: Ajv's own compares each pair of objects, 6.4 s for 20,000 of them. Each value in the list costs work. */
export function uniqueItemsKeyword(budget: WorkBudget, numbers: NumbersInCheck): CodeKeywordDefinition {
  const find = (items: unknown[]) => firstTwin(items, budget, numbers);
  return {
    keyword: "uniqueItems",
    type: "array",
    schemaType: "boolean",
    error: {
      message: ({ params: { twin } }) =>
        str`must not have duplicate items (items ${_`${twin}[0]`} and ${_`${twin}[1]`} are the same)`,
      params: ({ params: { twin } }) => _`{i: ${twin}[0], j: ${twin}[1]}`,
    },
    code(cxt) {
      const { gen, schema, data } = cxt;
      if (schema === false) return;
      const twin = gen.const("twin", _`${gen.scopeValue("func", { ref: find })}(${data})`);
      cxt.setParams({ twin });
      cxt.fail(_`${twin} !== null`);
    },
  };
}

function firstTwin(items: unknown[], budget: WorkBudget, numbers: NumbersInCheck): [number, number] | null {
  const seen = new Map<string, number>();
  for (const [index, item] of items.entries()) {
    const text = canonical(item, budget, numbers);
    const earlier = seen.get(text);
    if (earlier !== undefined) return [earlier, index];
    seen.set(text, index);
  }
  return null;
}

/** Equal JSON values, and only they, have the same text: the order of names does not count. */
function canonical(value: unknown, budget: WorkBudget, numbers: NumbersInCheck): string {
  budget.spend(3 + (typeof value === "string" ? value.length >>> 4 : 0));
  if (typeof value === "number") return numbers.textOf(value);
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((item) => canonical(item, budget, numbers)).join(",")}]`;
  const record = value as Record<string, unknown>;
  const names = Object.keys(record).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(record[name], budget, numbers)}`).join(",")}}`;
}
