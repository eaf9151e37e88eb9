/**
 * The product in a few large files, for the nodes that tests start. To find and load 1,500 modules one by one takes a node
 * 0.4 s of a core, and a run starts 80 nodes. What is loaded is the same: esbuild puts it together and changes nothing.
 */
import { globSync } from "node:fs";
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

/** The folder is in TEST_BUNDLE from then on. */
export async function makeBundle(): Promise<void> {
  process.env.TEST_BUNDLE = await kept(sources, "", make);
}

async function make(outdir: string, path: string): Promise<void> {
  // Imported here, because only a run of all tests needs it.
  const { build, stop } = await import("esbuild");
  // The files beside the code are those of the repository; threads run what is here.
  const rootModule = `export const root = ${JSON.stringify(root)};
    export const threadFile = (path) => ${JSON.stringify(path)} + "/" + path + ".js";`;
  const ours = globSync([CONFIG, "services/*/*.service.ts", THREADS], { cwd: root });
  await build({
    absWorkingDir: root,
    outdir,
    entryPoints: [
      ...ours.map((path) => ({ in: path, out: path.replace(/\.ts$/, "") })),
      // The runner and the services share one Moleculer.
      { in: "node_modules/moleculer/bin/moleculer-runner.mjs", out: "runner" },
    ],
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node24",
    // Few nodes need these, and load them by themselves. `pg-native` and `pg-hstore` are not installed.
    external: ["mssql", "tedious", "umzug", "pg-hstore", "pg-native"],
    // Its own main file calls a `require` that esbuild does not see.
    alias: { "jsonc-parser": "jsonc-parser/lib/esm/main.js" },
    banner: { js: 'const require = process.getBuiltinModule("node:module").createRequire(import.meta.url);' },
    plugins: [
      { name: "root", setup: ({ onLoad }) => onLoad({ filter: /\/root\.cjs$/ }, () => ({ contents: rootModule })) },
    ],
    logLevel: "warning",
  });
  await stop();
}
