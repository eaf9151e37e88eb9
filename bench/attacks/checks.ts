/** Attacks by records that are costly to check against a schema that looks harmless. */
import { type Attack, imported, loops, packed } from "./attack.ts";

const ndjson = "application/x-ndjson";
const csv = "text/csv";

/** The schema for all attacks: each property is a different trap. */
export const schema = {
  type: "object",
  properties: {
    wrong: { type: "object", additionalProperties: { type: "string" } },
    filled: { type: "string", default: "z".repeat(20_000) },
    items: { type: "array", items: { type: "string" } },
    word: { type: "string", pattern: "^\\w+\\w{99}$" },
    again: { type: "string", pattern: "^(\\w+\\s?)*$" },
  },
  patternProperties: {
    "^x": { type: "object", additionalProperties: { type: "string" } },
    ...Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`^c\\d*${i}$`, { type: "integer" }])),
  },
  anyOf: [{ minProperties: 1 }, { required: Array.from({ length: 10 }, (_, i) => `needed${i}`) }],
};

export const checks: Record<string, Attack> = {
  items: {
    name: "records with 500,000 wrong items each",
    async run(target, stop) {
      const row = `${JSON.stringify({ items: Array.from({ length: 500_000 }, () => 1) }).slice(0, 1_000_000)}]}\n`;
      await loops(2, stop, () => imported(target, packed(ndjson, [[row.replace(",]", "]"), 8]]), stop));
    },
  },
  defaults: {
    name: "a body of 500,000 records into which a default of 20 kB is written",
    async run(target, stop) {
      await imported(target, packed(ndjson, [['{"n":1}\n', 500_000]]), stop);
    },
  },
  patterns: {
    name: "texts of 1 MB against patterns that backtrack",
    async run(target, stop) {
      const rows: [string, number][] = [
        [`${JSON.stringify({ word: `${"a".repeat(500_000)}!` })}\n`, 4],
        [`${JSON.stringify({ again: `${"a".repeat(500_000)}!` })}\n`, 4],
      ];
      await loops(2, stop, () => imported(target, packed(ndjson, rows), stop));
    },
  },
  columns: {
    name: "a CSV of 10,000 columns against patternProperties",
    async run(target, stop) {
      const header = `${Array.from({ length: 10_000 }, (_, i) => `c${i}`).join(",")}\n`;
      const row = `${Array.from({ length: 10_000 }, (_, i) => i).join(",")}\n`;
      await loops(2, stop, () =>
        imported(
          target,
          packed(csv, [
            [header, 1],
            [row, 100],
          ]),
          stop,
        ),
      );
    },
  },
};
