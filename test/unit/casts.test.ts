/** The promise: the product rarely uses a type assertion that TypeScript cannot check, and each one has its reason beside it. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../root.cjs";

const folders = ["config", "database", "formats", "lib", "middlewares", "mixins", "repl", "services"];
const files = globSync(["*.ts", ...folders.map((folder) => `${folder}/**/*.ts`)], { cwd: root });

const casts = files.flatMap((file) => {
  const lines = readFileSync(join(root, file), "utf8").split("\n");
  return lines.flatMap((line, at) =>
    /\bas (unknown as|any|never)\b/.test(line)
      ? [{ place: `${file}:${at + 1}`, isDouble: line.includes("as unknown as"), before: lines[at - 1] ?? "" }]
      : [],
  );
});

test("every cast that TypeScript cannot check has its reason in the line above", () => {
  expect(files.length).toBeGreaterThan(300);
  expect(casts.filter(({ before }) => !/^\s*(\/\/|\*|\/\*\*) ?/.test(before)).map(({ place }) => place)).toEqual([]);
});

test("at most ten of them go by way of unknown", () => {
  expect(casts.filter(({ isDouble }) => isDouble).length).toBeLessThanOrEqual(10);
});
