// Runs before every npm script, also on Node 20 with nothing installed. It installs in node_modules what package-lock.json lists.
// If nothing has to be done, it is quick and prints nothing. It works in the current folder, which npm sets to the package's
// folder.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";

const stampFile = "node_modules/.setup-stamp";
const lockText = readFileSync("package-lock.json", "utf8");
const stamp = createHash("sha256").update(lockText).digest("hex");

if (!isStamped()) {
  if (!isInstalled()) install();
  remember();
}

function isStamped() {
  return existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp;
}

/** Whether the user's own `npm ci` has installed everything. npm writes its hidden lock file as the last step. */
function isInstalled() {
  const hidden = "node_modules/.package-lock.json";
  if (!existsSync(hidden)) return false;
  const installed = JSON.parse(readFileSync(hidden, "utf8")).packages;
  return Object.entries(JSON.parse(lockText).packages).every(
    ([path, entry]) => path === "" || entry.optional || installed[path]?.version === entry.version,
  );
}

/** Uses the Node that npm runs on, because `npm ci` deletes the one in node_modules. */
function install() {
  console.error("Setting up: npm ci (once, and again when package-lock.json changes) …");
  const { npm_execpath: npm, npm_node_execpath: node = process.execPath } = process.env;
  const args = ["ci", "--loglevel=error"];
  const run = npm
    ? spawnSync(node, [npm, ...args], { stdio: "inherit" })
    : spawnSync("npm", args, { stdio: "inherit" });
  if (run.error) console.error(`Setting up failed: ${run.error.message}`);
  if (run.status !== 0) process.exit(run.status ?? 1);
}

/** Notes that everything is installed. If the folder cannot be written, the next run checks again. */
function remember() {
  try {
    writeFileSync(stampFile, stamp);
  } catch {}
}
