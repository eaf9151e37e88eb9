#!/usr/bin/env node
// @ts-check
/**
 * The package's `dataflow`: what `npm run …` does in the repository. Plain JavaScript, so that it also runs below
 * node_modules, where Node strips no types. The commands are compiled there, in `dist`.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const USAGE = `dataflow COMMAND [OPTIONS]
  start     starts a node with the settings of the environment, or of the file .env in this folder
  migrate   brings the database up to date
  apply     creates or changes datasets and clients as files say (apply --help)
  repl      opens the operators' console
  demo      runs the whole system on a temporary database and imports a file (demo --help)
  push      sends a file to a running DataFlow (push --help)
  --help    shows this text
  --version shows the version`;
const OLDEST_NODE = 24;

const home = dirname(dirname(fileURLToPath(import.meta.url)));
const isRepository = existsSync(join(home, "moleculer.config.ts"));
const code = isRepository ? home : join(home, "dist");
const require = createRequire(import.meta.url);

/** @type {Record<string, () => unknown>} */
const commands = {
  start,
  migrate: () => run("scripts/migrate"),
  apply: () => run("scripts/apply"),
  repl: () => run("repl/repl"),
  demo: () => run("scripts/demo"),
  push: () => import("./push.mjs"),
  "--help": () => console.log(USAGE),
  "--version": () => console.log(require("../package.json").version),
};

const [name = "--help"] = process.argv.splice(2, 1);
const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
if (command) await command();
else fail(`There is no command ${JSON.stringify(name)}.\n${USAGE}`);

/** A command reads its options where it is also started as a script of its own. @param {string} path */
async function run(path) {
  requireNode();
  await import(pathToFileURL(join(code, path + (isRepository ? ".ts" : ".js"))).href);
}

/** A process of its own: what keeps memory flat must be set before Node begins. */
function start() {
  requireNode();
  const runner = join(dirname(require.resolve("moleculer")), "bin/moleculer-runner.mjs");
  const node = spawn("sh", [join(home, "scripts/start.sh"), code, runner], {
    stdio: "inherit",
    // The shell finds the Node that runs this, whatever the PATH says.
    env: { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH}` },
  });
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]))
    process.on(signal, () => node.kill(signal));
  node.on("error", (error) => fail(error.message));
  node.on("exit", (status) => {
    process.exitCode = status ?? 1;
  });
}

function requireNode() {
  if (Number.parseInt(process.versions.node, 10) >= OLDEST_NODE) return;
  fail(`dataflow ${name} needs Node.js ${OLDEST_NODE} or later; this is ${process.versions.node}.`);
}

/** @param {string} message @returns {never} */
function fail(message) {
  console.error(message);
  process.exit(1);
}
