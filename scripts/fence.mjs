// The lint for what may import what, and who reads the environment. `node scripts/fence.mjs [FOLDER]` prints a line per
// fault and exits 1. It reads syntax trees, so comments and strings are no faults, and `import type` counts as an import.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix, relative, sep } from "node:path";
import { parseSync } from "@swc/core";

const skipped = new Set(["node_modules", "data", "dist", "coverage", "tmp"]);
const root = process.argv[2] ?? ".";
/** What files import of each other, by path, in folders that have no circles; filled as they are read. */
const imported = new Map();
const faults = sourcesIn(root).flatMap((file) => faultsOf(relative(root, file).split(sep).join("/"), file));
faults.push(...circles(imported));

for (const fault of faults) console.error(fault);
process.exitCode = faults.length > 0 ? 1 : 0;

function sourcesIn(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.name.startsWith(".") || skipped.has(entry.name)) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sourcesIn(path);
    return /(?<!\.d)\.[cm]?[jt]s$/.test(entry.name) ? [path] : [];
  });
}

function faultsOf(path, file) {
  const syntax = /\.[cm]?ts$/.test(path) ? "typescript" : "ecmascript";
  const { imports, readsEnv } = lookInto(parseSync(readFileSync(file, "utf8"), { syntax, target: "es2023" }));
  const messages = [...imports].map((target) => importFault(path, target));
  if (/^(services|database|formats)\//.test(path))
    imported.set(
      path,
      [...imports].map((target) => posix.join(dirname(path), target)),
    );
  if (readsEnv && !mayReadEnv(path)) messages.push("reads process.env: take the value from config/config.ts");
  return messages.filter(Boolean).map((message) => `${path}: ${message}`);
}

function importFault(path, target) {
  if (target === "node:sqlite" || target === "sqlite") {
    return path.startsWith("database/dialects/sqlite") ? "" : "imports node:sqlite: only database/dialects/sqlite may";
  }
  if (!target.startsWith(".")) return "";
  const wanted = posix.join(dirname(path), target);
  if (path.startsWith("formats/") && wanted.startsWith("services/") && !/^services\/errors(\.ts)?$/.test(wanted)) {
    return `imports ${wanted}: formats/ may import of services/ only errors.ts`;
  }
  if (path.startsWith("database/") && wanted.startsWith("mixins/"))
    return `imports ${wanted}: mixins/ stand on database/`;
  const actor = actorOf(wanted);
  if (!path.startsWith("services/") || !actor || actor === actorOf(path)) return "";
  // The schema is what the OpenAPI document says of it: made from its checks, so it is no part of the contract.
  const isOpen = new RegExp(`^services/${actor}/${actor}\\.(contract|schema)(\\.ts)?$`).test(wanted);
  return isOpen ? "" : `imports ${wanted}: of another actor only ${actor}.contract.ts`;
}

/** A line for each import circle, type imports included: files in a circle cannot be understood one after the other. */
function circles(graph) {
  const found = [];
  const seen = new Set();
  const visit = (path, way) => {
    if (way.includes(path)) {
      const circle = way.slice(way.indexOf(path));
      found.push(`${path}: imports itself in a circle: ${[...circle, path].join(" > ")}`);
    }
    if (seen.has(path) || !graph.has(path)) return;
    seen.add(path);
    for (const target of graph.get(path)) visit(target, [...way, path]);
  };
  for (const path of graph.keys()) visit(path, []);
  return found;
}

function actorOf(path) {
  return /^services\/([^/]+)\//.exec(path)?.[1];
}

function mayReadEnv(path) {
  return (
    path.startsWith("config/") || /^(test|bench|scripts|cli|examples)\//.test(path) || /\.config\.[^/]+$/.test(path)
  );
}

/** Every module that the tree names, and whether it reads `process.env` or imports `env` from node:process. */
function lookInto(node, seen = { imports: new Set(), readsEnv: false }) {
  if (node === null || typeof node !== "object") return seen;
  const source = sourceOf(node);
  if (source) seen.imports.add(source);
  if (isEnv(node)) seen.readsEnv = true;
  for (const child of Object.values(node)) lookInto(child, seen);
  return seen;
}

function sourceOf(node) {
  if (/^(Import|Export(All|Named|Default)?)Declaration$/.test(node.type)) return node.source?.value;
  if (node.type === "TsImportType") return node.argument.value;
  if (node.type === "TsExternalModuleReference") return node.expression.value;
  const isCall = node.type === "CallExpression" && (node.callee.type === "Import" || node.callee.value === "require");
  return isCall ? node.arguments[0]?.expression.value : undefined;
}

function isEnv(node) {
  if (node.type === "MemberExpression") return isProcess(node.object) && nameOf(node.property) === "env";
  if (node.type === "VariableDeclarator") return node.init && isProcess(node.init) && takesEnv(node.id);
  if (node.type !== "ImportDeclaration" || !/^(node:)?process$/.test(node.source.value)) return false;
  return node.specifiers.some(({ imported, local }) => (imported ?? local).value === "env");
}

function takesEnv({ type, properties = [] }) {
  return type === "ObjectPattern" && properties.some(({ key }) => key && nameOf(key) === "env");
}

function isProcess(node) {
  return node.value === "process" || (isProcessOf(node) && nameOf(node.property) === "process");
}

function isProcessOf(node) {
  return node.type === "MemberExpression" && node.object.value === "globalThis";
}

/** Of `a.env`, `a["env"]` and `{ env }`. */
function nameOf(property) {
  return property.type === "Computed" ? property.expression.value : property.value;
}
