/**
 * Checks commands of the documents without running them: their scripts, options, routes, bodies, settings and files must exist.
 */
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { optionsOf } from "../../cli/push.options.mjs";
import { settings } from "../../config/settings.ts";
import { root } from "../../root.cjs";
import { bodyFaults, operations } from "../helpers/openapi.ts";

const { scripts, version, bin } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  scripts: Record<string, string>;
  version: string;
  bin: Record<string, string>;
};
/**
 * Variables that are no settings of a node: those of its commands, of Node, of OpenTelemetry, of tests, and names in examples.
 */
const OTHERS =
  /^(DATAFLOW_(URL|CLIENT|SECRET)|ADMIN_TOKEN|NODE_OPTIONS|OTEL_\w+|PATH|(CHAOS|TEST|SOAK|BENCH)_\w+|url|token|login|client|batch|orders)$/;
const named = new Set(Object.values(settings).map(({ name }) => name as string));
export const isVariable = (name: string) => named.has(name) || OTHERS.test(name);

/** The words of each command in a text, without quotes and comments. Variables are not replaced. */
export function commandsOf(text: string): string[][] {
  const commands: string[][] = [[]];
  const token =
    /\\\n|(\s*#[^\n]*)|(\n|;|&&|\|\|?|<<<?|>)|[ \t]+|((?:\$\([^)]*\)|'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^\s;|&<>'"\\])+)/gy;
  for (const [, , end, word] of text.matchAll(token)) {
    if (end !== undefined) commands.push([]);
    if (word !== undefined)
      commands
        .at(-1)
        ?.push(
          word.replaceAll(
            /'([^']*)'|"((?:\\.|[^"\\])*)"|\\(.)/g,
            (_all, one?: string, two?: string, three?: string) =>
              one ?? three ?? (two ?? "").replaceAll(/\\(.)/g, "$1"),
          ),
        );
  }
  return commands.filter((words) => words.length > 0);
}

/** The faults of a command. Null: this file does not know the command. */
export function commandFaults(words: string[]): string[] | null {
  const rest = [...words];
  const faults: string[] = [];
  while (rest[0] === "export" || /^\w+=/.test(rest[0] ?? "")) {
    const [name = ""] = (rest.shift() ?? "").split("=");
    if (name !== "export" && !isVariable(name)) faults.push(`no setting ${name}`);
  }
  const [command, ...args] = rest;
  if (command === undefined) return faults;
  const found = known[command]?.(args);
  return found === undefined ? null : [...faults, ...found];
}

const known: Record<string, (args: string[]) => string[]> = {
  npm: npmFaults,
  npx: ([name = "", ...args]) => (name in bin ? binFaults(name, args) : [`no command ${name}`]),
  node: ([file = ""]) => missing([file]),
  python3: ([file = ""]) => missing([file]),
  jest: jestFaults,
  curl: curlFaults,
  // These commands appear beside a checked command. Of psql only the file that it reads is checked.
  psql: () => [],
  gzip: () => [],
  grep: () => [],
};

const missing = (paths: string[]) =>
  paths.filter((path) => !existsSync(join(root, path))).map((path) => `no file ${path}`);

/** Checks that the repository has the files that a command names. */
export const fileFaults = (words: string[]): string[] =>
  words
    .filter((word) => /^(deploy|examples|scripts|docs)\/[\w./*-]+$/.test(word))
    // Users make such a file from its `.example`, so it is enough that one of the two exists.
    .filter((word) => globSync([word, `${word}.example`], { cwd: root }).length === 0)
    .map((word) => `no file ${word}`);

function npmFaults([verb = "", ...args]: string[]): string[] {
  if (verb === "start" || verb === "test") return scriptFaults(verb);
  if (verb === "run") {
    const [name = "", ...options] = args.filter((arg) => arg !== "-s" && arg !== "--");
    return [...scriptFaults(name), ...binFaults(name, options)];
  }
  if (verb !== "install") return [`no check of npm ${verb}`];
  return args
    .filter((arg) => /\.tgz$/.test(arg) && arg !== `dataflow-${version}.tgz`)
    .map((arg) => `no package ${arg}`);
}

const scriptFaults = (name: string) => (name in scripts ? [] : [`no script ${name}`]);

/** Checks that a command of ours has these options. */
function binFaults(name: string, args: string[]): string[] {
  if (name === "dataflow")
    return name in bin && (args[0] === "start" || (args[0] ?? "") in scripts) ? [] : [`no ${args[0]}`];
  if (name === "push" || name === "dataflow-push") return pushFaults(args);
  const source = { apply: "scripts/apply-run.ts", migrate: "scripts/migrate-run.ts", demo: "scripts/demo-options.ts" }[
    name
  ];
  const options = args.filter((arg) => arg.startsWith("--"));
  if (options.length === 0) return [];
  const text = source ? readFileSync(join(root, source), "utf8") : "";
  return options.filter((option) => !text.includes(option)).map((option) => `${name} has no ${option}`);
}

/** A partner's files do not exist here, so another file takes their place. */
function pushFaults([file = "", ...options]: string[]): string[] {
  try {
    const here = existsSync(join(root, file)) ? join(root, file) : join(root, "examples/orders.csv");
    optionsOf([here, ...options], { DATAFLOW_CLIENT: "a-shop", DATAFLOW_SECRET: "s" });
    return [];
  } catch (error) {
    return [(error as Error).message];
  }
}

function jestFaults(args: string[]): string[] {
  const end = args.findIndex((arg) => arg.startsWith("-"));
  const paths = end < 0 ? args : args.slice(0, end);
  return paths.filter((path) => globSync(`${path}*`, { cwd: root }).length === 0).map((path) => `no test ${path}`);
}

const WITH_VALUE = new Set(["-H", "-u", "-d", "-F", "-X", "-o", "--json", "--data-binary", "--cacert"]);

interface Call {
  url: string;
  method: string;
  body: string | null;
}

function callOf(args: string[]): Call {
  const values: Record<string, string> = {};
  let url = "";
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] as string;
    if (WITH_VALUE.has(arg)) values[arg] = args[++at] ?? "";
    else if (!arg.startsWith("-")) url = arg;
  }
  const body = values["--json"] ?? values["-d"] ?? values["--data-binary"] ?? null;
  return { url, method: values["-X"] ?? (body !== null || "-F" in values ? "POST" : "GET"), body };
}

/** The API's route for a path. Parts in braces, and parts of an example (`0193…`), match any parameter. */
export function routeOf(method: string, path: string) {
  const segments = path.split("/");
  const isAny = (part = "") => /^[{:$]|…/.test(part);
  const fits = (template: string) => {
    const parts = template.split("/");
    return (
      parts.length === segments.length &&
      parts.every((part, i) => part === segments[i] || (isAny(part) && segments[i] !== "") || isAny(segments[i]))
    );
  };
  // A fixed path comes before one with a parameter.
  return operations
    .filter((one) => one.method === method && fits(one.path))
    .toSorted((one, other) => one.path.split("{").length - other.path.split("{").length)[0];
}

/** Checks that a curl command is a call of the API, with parameters and a body of the OpenAPI document. */
function curlFaults(args: string[]): string[] {
  const { url, method, body } = callOf(args);
  const [path = "", query = ""] = url.replace(/^(\$\w+|localhost:3000|https?:\/\/[^/]+)(?=\/)/, "").split("?");
  const operation = routeOf(method, path);
  if (!operation) return [`no route ${method} ${path}`];
  const parameters = operation.parameters.filter((one) => one.in === "query").map(({ name }) => name);
  const unknown = [...new URLSearchParams(query).keys()].filter((name) => !parameters.includes(name));
  const json = operation.bodies["application/json"] ?? operation.bodies["application/merge-patch+json"];
  const shown = body?.startsWith("{") && !body.includes("$") ? body : null;
  const faults = shown && json ? bodyFaults("application/json", json.schema, shown) : [];
  return [...unknown.map((name) => `${operation.path} has no ?${name}`), ...faults];
}
