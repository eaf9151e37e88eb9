// `npm pack` runs this script first. It compiles the code to dist/, because Node does not strip types below node_modules.
import { spawnSync } from "node:child_process";
import { cpSync, rmSync } from "node:fs";

const HANDLER_TYPES = "services/batchProcessor/batchProcessor.handlerTypes.ts";
const BESIDE_THE_CODE = [
  "package.json",
  "lib/log/visible.cjs",
  "services/api/api.docs.html",
  "services/api/api.docs.js",
  "services/api/api.guide.css",
  "examples/orders.csv",
  "examples/datasets/orders.yaml",
];

rmSync("dist", { recursive: true, force: true });
// The types are not checked here, because `npm run types` does so and it would take four times as long as the rest.
tsc("-p", "tsconfig.build.json", "--noCheck");
const declared = [
  "--declaration",
  "--emitDeclarationOnly",
  "--module",
  "nodenext",
  "--target",
  "es2024",
  "--skipLibCheck",
];
tsc(HANDLER_TYPES, "--ignoreConfig", ...declared, "--rootDir", ".", "--outDir", "dist");
for (const path of BESIDE_THE_CODE) cpSync(path, `dist/${path}`);
// The console is copied without a change, because browsers run it as it is.
cpSync("console", "dist/console", { recursive: true, filter: (path) => !/(\.ts|tsconfig\.json)$/.test(path) });

/** @param {string[]} args */
function tsc(...args) {
  const { status } = spawnSync(process.execPath, ["node_modules/typescript/bin/tsc", ...args], { stdio: "inherit" });
  if (status !== 0) process.exit(1);
}
