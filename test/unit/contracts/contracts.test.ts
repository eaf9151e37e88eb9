import { execFileSync } from "node:child_process";
import { join } from "node:path";

const root = join(__dirname, "../../..");

/** The files of the repository that `import(path)` loads, found by a process of its own. */
function loadedBy(path: string): string[] {
  const script = `
    const { registerHooks } = require("node:module");
    registerHooks({ load(url, context, next) { console.log(url); return next(url, context); } });
    import(${JSON.stringify(join(root, path))});
  `;
  const urls = execFileSync(process.execPath, ["-e", script], { cwd: root, encoding: "utf8" }).trim().split("\n");
  return urls.map((url) => url.replace(`file://${root}/`, ""));
}

test("the map loads contracts and the schemas that they are written in, no library and no implementation", () => {
  const loaded = loadedBy("services/contracts.ts");
  expect(loaded).toContain("services/batch/batch.contract.ts");
  const allowed =
    /^(services\/(contracts|declare)|lib\/json-schema|formats\/formats|services\/(\w+)\/\3\.(contract|domain)|services\/monitor\/monitor\.schema)\.ts$/;
  expect(loaded.filter((file) => !allowed.test(file))).toEqual([]);
});
