import { _, type CodeKeywordDefinition } from "ajv/dist/2020.js";
import { isObject } from "./walk.ts";

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

  /** A keyword that reads the whole of a text or counts names, `times` over. Short ones are covered by the count of keywords. */
  spendOnSize(value: unknown, times: number): void {
    if (typeof value === "string") this.spend(times * (value.length >>> 4));
    else if (isObject(value)) this.spend(times * Object.keys(value).length);
  }

  /** Each name of an object is tried on each pattern. */
  spendOnNames(value: unknown, patterns: number): void {
    if (isObject(value)) this.spend(patterns * Object.keys(value).length);
  }
}

/** The keyword that we add to our copy of a schema. In a partner's schema it is refused before, as unknown. */
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
      const readings = readingsOf(parentSchema);
      if (readings > 0) gen.code(_`${held}.spendOnSize(${data}, ${readings})`);
    },
  };
}

/** Keywords whose cost grows with the value: a text of 1 MiB takes up to 3 ms each. */
const READING = ["pattern", "format", "minLength", "maxLength", "minProperties", "maxProperties"];

/** How many keywords of the schema read the whole value. */
export const readingsOf = (schema: Record<string, unknown>): number =>
  READING.filter((name) => Object.hasOwn(schema, name)).length;

/** A default is put in as a copy: 16 bytes of its text, which may take 64 in memory, weigh as much as a keyword. */
const DEFAULT_BITS = 4;

/** What one evaluation of this schema object costs: its keywords, and the names and values that they list. */
export function workOf(schema: Record<string, unknown>): number {
  let work = 0;
  for (const [name, value] of Object.entries(schema)) {
    if (name === "default") work += JSON.stringify(value).length >>> DEFAULT_BITS;
    work += typeof value === "object" && value !== null ? Math.max(1, Object.keys(value).length) : 1;
  }
  return work;
}
