import { _, type CodeKeywordDefinition } from "ajv/dist/2020.js";

/**
 * How many keywords one record may cost. A schema of a few hundred bytes can ask for 2^40 (`allOf` with the same `$ref`
 * twice, forty times over), or for an error on each of a million items, which fills the memory: neither may stop a node.
 * A record of 1 MiB with 100,000 items of ten keywords each still fits.
 */
export const MAX_WORK = 1_000_000;

/** Thrown out of Ajv's generated code when a record has used up its budget. */
export class WorkSpent extends Error {}

export class WorkBudget {
  left = MAX_WORK;
  readonly spent = new WorkSpent("The record needs too many checks.");

  spend(work: number): void {
    this.left -= work;
    if (this.left < 0) throw this.spent;
  }

  /** Each name of an object is tried on each pattern. */
  spendOnNames(value: unknown, patterns: number): void {
    if (typeof value === "object" && value !== null) this.spend(patterns * Object.keys(value).length);
  }
}

/** The keyword that we put into our copy of a schema; a partner's own is refused as unknown before that. */
export const WORK_KEYWORD = "x-work";

export function workKeyword(budget: WorkBudget): CodeKeywordDefinition {
  return {
    keyword: WORK_KEYWORD,
    schemaType: "number",
    code({ gen, schema, parentSchema, data }) {
      const held = gen.scopeValue("obj", { ref: budget });
      gen.if(_`(${held}.left -= ${schema}) < 0`, () => gen.throw(_`${held}.spent`));
      const patterns = Object.keys(parentSchema.patternProperties ?? {}).length;
      if (patterns > 0) gen.code(_`${held}.spendOnNames(${data}, ${patterns})`);
    },
  };
}

/** What one evaluation of this schema object costs: its keywords, and the names and values that they list. */
export function workOf(schema: Record<string, unknown>): number {
  let work = 0;
  for (const value of Object.values(schema)) {
    work += typeof value === "object" && value !== null ? Math.max(1, Object.keys(value).length) : 1;
  }
  return work;
}
