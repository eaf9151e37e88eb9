/**
 * Bundles the product into a few large files, from which tests start their nodes. Finding and loading 1,500 modules one by one
 * costs a node 0.4 s of CPU time, and a run starts 80 nodes. esbuild only puts the code together; its behaviour stays the same.
 */
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../root.cjs";
import { kept } from "./kept.ts";

const CONFIG = "moleculer.config.ts";
const THREADS = "database/dialects/sqlite/**/*thread.ts";
const sources = [
  CONFIG,
  "{config,database,formats,lib,middlewares,mixins,services}/**/*.ts",
  "root.cjs",
  "package-lock.json",
  "test/helpers/bundle.ts",
];

/** Makes the bundle, and sets TEST_BUNDLE to its folder. */
export async function makeBundle(): Promise<void> {
  process.env.TEST_BUNDLE = await kept(sources, "", make);
}

/**
 * The command of a script of package.json. A run of all tests starts nodes from the bundle. The tests package, readme and
 * first-start start them from their source files.
 */
export function startCommand(script: string): string {
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  const { TEST_BUNDLE: bundle } = process.env;
  const command = scripts[script] as string;
  return bundle ? command.replace(/scripts\/start\.sh$/, `$& "${bundle}" "${bundle}/runner.js"`) : command;
}

async function make(outdir: string, path: string): Promise<void> {
  // esbuild is imported here, because only a run of all tests needs it.
  const { build, stop } = await import("esbuild");
  // Other files are still read from the repository. Only worker threads run files of the bundle.
  const rootModule = `export const root = ${JSON.stringify(root)};
    export const threadFile = (path) => ${JSON.stringify(path)} + "/" + path + ".js";`;
  const ours = globSync([CONFIG, "services/*/*.service.ts", THREADS], { cwd: root });
  await build({
    absWorkingDir: root,
    outdir,
    entryPoints: [
      ...ours.map((path) => ({ in: path, out: path.replace(/\.ts$/, "") })),
      // The runner and the services must share one copy of Moleculer, so they are built together.
      { in: "node_modules/moleculer/bin/moleculer-runner.mjs", out: "runner" },
    ],
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node24",
    // A third less text to read and to check at each start. Function names stay as they are.
    minifyWhitespace: true,
    // Few nodes need these packages, so they load them separately. `pg-native` and `pg-hstore` are not installed.
    external: ["mssql", "tedious", "umzug", "pg-hstore", "pg-native"],
    // The package's own main file uses a `require` that esbuild cannot follow.
    alias: { "jsonc-parser": "jsonc-parser/lib/esm/main.js" },
    banner: { js: 'const require = process.getBuiltinModule("node:module").createRequire(import.meta.url);' },
    plugins: [
      { name: "root", setup: ({ onLoad }) => onLoad({ filter: /\/root\.cjs$/ }, () => ({ contents: rootModule })) },
    ],
    logLevel: "warning",
  });
  // Without this file Node compiles each module twice, to find out what kind of module it is.
  writeFileSync(join(outdir, "package.json"), '{ "type": "module" }\n');
  await stop();
}
