/**
 * Checks the lists of `npm run test:mutants`. The command takes too long for each run, so nobody would notice that the code has
 * moved.
 */
import { globSync } from "node:fs";
import { root } from "../../root.cjs";
import { all } from "../mutants/all.ts";
import { mutantsIn } from "../mutants/mutant.ts";

test("each line to be changed is in its file once", () => {
  expect(mutantsIn(root, all).length).toBeGreaterThan(all.length);
});

test("each test that has to fail is there", () => {
  const paths = globSync("test/**/*.test.ts", { cwd: root });
  const wanted = [...new Set(all.flatMap(({ tests }) => tests))];
  expect(wanted.filter((test) => !paths.some((path) => path.startsWith(`test/${test}`)))).toEqual([]);
});
