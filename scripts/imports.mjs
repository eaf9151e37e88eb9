// Checks which files may import which. `node scripts/imports.mjs [FOLDER]` prints a line for each fault, and then exits with 1.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { cruise } from "dependency-cruiser";
import rules from "../.dependency-cruiser.cjs";

const root = process.argv[2] ?? ".";
const folders = [
  "config",
  "console",
  "database",
  "formats",
  "lib",
  "middlewares",
  "mixins",
  "repl",
  "services",
  "moleculer.config.ts",
];
const found = folders.filter((folder) => existsSync(join(root, folder)));
const { output } = await cruise(found, { ...rules.options, ruleSet: rules, validate: true, baseDir: root });

for (const { from, to, cycle, rule } of output.summary.violations) {
  const way = cycle ? [from, ...cycle.map(({ name }) => name)].join(" > ") : `${from} > ${to}`;
  console.error(`${way}: ${rules.forbidden.find(({ name }) => name === rule.name).comment}`);
}
process.exitCode = output.summary.violations.length > 0 ? 1 : 0;
