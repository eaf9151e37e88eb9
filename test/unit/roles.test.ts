import { readFileSync } from "node:fs";
import { join } from "node:path";
import { serviceNames } from "../../config/services.ts";
import { root } from "../../root.cjs";

const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: Record<string, string> };
const servicesOf = (script: string) =>
  /SERVICES=([\w,]+)/
    .exec(scripts[script] ?? "")?.[1]
    ?.split(",")
    .sort();
const allBut = (...left: string[]) => serviceNames.filter((name) => !left.includes(name)).sort();

test("an api node runs all that no worker alone needs, a worker all but the API and its uploads", () => {
  expect(servicesOf("start:api")).toEqual(allBut("batchProcessor", "batchLock"));
  expect(servicesOf("start:worker")).toEqual(allBut("api", "imports", "operator", "audit"));
  expect(scripts["start:api"]?.replace(/env SERVICES=\S+ /, "")).toBe(scripts.start);
  expect(scripts["start:worker"]?.replace(/env SERVICES=\S+ /, "")).toBe(scripts.start);
});
