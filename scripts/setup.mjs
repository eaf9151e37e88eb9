// Runs before every npm script, also on Node 20 with nothing installed: makes node_modules what package-lock.json says.
// Silent and quick when it already is. It works in the current folder, which npm makes the package's.
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

/** Whether somebody's own `npm ci` has done it: npm writes its hidden lock file as the last step of an install. */
function isInstalled() {
  const hidden = "node_modules/.package-lock.json";
  if (!existsSync(hidden)) return false;
  const installed = JSON.parse(readFileSync(hidden, "utf8")).packages;
  return Object.entries(JSON.parse(lockText).packages).every(
    ([path, entry]) => path === "" || entry.optional || installed[path]?.version === entry.version,
  );
}

/** With the Node that npm itself runs on: the one in node_modules is deleted by `npm ci`. */
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

/** A folder that cannot be written is only looked at again the next time. */
function remember() {
  try {
    writeFileSync(stampFile, stamp);
  } catch {}
}
