/**
 * The files of the console: its own files, and the libraries that they import. The files are read once, when the page
 * is first asked for.
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { extname, join, posix } from "node:path";
import { root } from "../../../root.cjs";
import { docsFolder } from "./guide.pages.ts";
import { type Sendable, sendable } from "./sendable.ts";

const folder = join(root, "console");

const types: Record<string, string> = {
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".md": "text/markdown; charset=utf-8",
};

interface Library {
  /** The package of a library, and the path of its file. */
  from: [string, string];
  /** Text that is put behind the file. The small form of uPlot is a script, and such a text makes a module of it. */
  after?: string;
}

const codemirror = (name: string): Library => ({ from: [`@codemirror/${name}`, "dist/index.js"] });
const lezer = (name: string): Library => ({ from: [`@lezer/${name}`, "dist/index.js"] });

/** The libraries that the page imports by name. Nothing else of `node_modules` can be read. */
const libraries: Record<string, Library> = {
  preact: { from: ["preact", "dist/preact.mjs"] },
  "preact/hooks": { from: ["preact", "hooks/dist/hooks.mjs"] },
  htm: { from: ["htm", "dist/htm.module.js"] },
  "@preact/signals": { from: ["@preact/signals", "dist/signals.mjs"] },
  "@preact/signals-core": { from: ["@preact/signals-core", "dist/signals-core.mjs"] },
  uplot: { from: ["uplot", "dist/uPlot.iife.min.js"], after: "\nexport default uPlot;\n" },
  "@codemirror/commands": codemirror("commands"),
  "@codemirror/lang-json": codemirror("lang-json"),
  "@codemirror/language": codemirror("language"),
  "@codemirror/lint": codemirror("lint"),
  "@codemirror/state": codemirror("state"),
  "@codemirror/streamparser": codemirror("streamparser"),
  "@codemirror/view": codemirror("view"),
  "@lezer/common": lezer("common"),
  "@lezer/highlight": lezer("highlight"),
  "@lezer/json": lezer("json"),
  "@lezer/lr": lezer("lr"),
  "@marijn/find-cluster-break": { from: ["@marijn/find-cluster-break", "src/index.js"] },
  crelt: { from: ["crelt", "index.js"] },
  "style-mod": { from: ["style-mod", "src/style-mod.js"] },
  "w3c-keyname": { from: ["w3c-keyname", "index.js"] },
};

/** The file name under which the page's folder `lib` has the library. */
const fileNameOf = (name: string): string => `${name.replace("@", "").replaceAll("/", "-")}.js`;

const required = createRequire(join(root, "package.json"));

/** The path of a library's file. npm may have put the package beside the product, or further up. */
function pathOf([name, file]: Library["from"]): string {
  const places = (required.resolve.paths(name) ?? []).map((place) => join(place, name, file));
  return places.find((place) => existsSync(place)) ?? join(root, "node_modules", name, file);
}

/** The text of a module without its source map. Browsers would ask for source maps, which the node does not serve. */
const withoutMap = (text: string): string => text.replace(/^\/\/# sourceMappingURL=.*$/m, "");

async function libraryFiles(): Promise<[string, Buffer][]> {
  return Promise.all(
    Object.entries(libraries).map(async ([name, { from, after = "" }]) => {
      const text = await readFile(pathOf(from), "utf8");
      return [`lib/${fileNameOf(name)}`, Buffer.from(withoutMap(text) + after)] satisfies [string, Buffer];
    }),
  );
}

/**
 * A module without its comments that hold types. They are for `tsc`, and without them a module is a fifth smaller.
 * Lines keep their numbers. A module has `/**` in comments alone; a test reads all modules.
 */
const withoutTypes = (text: string): string =>
  text.replaceAll(/\/\*\*[\s\S]*?\*\//g, (comment) => comment.replaceAll(/[^\n]+/g, ""));

async function ownFile(path: string): Promise<Buffer> {
  const bytes = await readFile(path);
  return path.endsWith(".js") ? Buffer.from(withoutTypes(bytes.toString())) : bytes;
}

async function ownFiles(): Promise<[string, Buffer][]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const paths = entries
    .filter((entry) => entry.isFile() && extname(entry.name) in types)
    .map((entry) => join(entry.parentPath, entry.name));
  return Promise.all(
    paths.map(async (path) => [path.slice(folder.length + 1).replaceAll("\\", "/"), await ownFile(path)] as const),
  ).then((files) => files.map(([name, bytes]) => [name, bytes]));
}

/** Finds what a module imports at its start. What `import()` names is loaded later. */
const IMPORTED = /^(?:import|export)\b[^;]*?\bfrom\s*"([^"]+)"/gm;

/**
 * The modules that main.js needs. The page names them, because the browser would otherwise find them one after the
 * other.
 */
function firstModules(files: Map<string, Buffer>): string[] {
  const found = new Set<string>();
  const visit = (name: string) => {
    const text = files.get(name)?.toString();
    if (text === undefined || found.has(name)) return;
    found.add(name);
    for (const [, to = ""] of text.matchAll(IMPORTED)) visit(moduleOf(name, to));
  };
  visit("main.js");
  // Libraries are visited by name. Most have one long line, which the expression for imports does not read.
  for (const name of ["preact", "preact/hooks", "@preact/signals-core"]) visit(`lib/${fileNameOf(name)}`);
  return [...found];
}

/** The file that the module `from` imports as `to`. */
const moduleOf = (from: string, to: string): string =>
  to.startsWith(".") ? posix.join(posix.dirname(from), to) : `lib/${fileNameOf(to)}`;

export interface ConsoleFiles {
  /** A hash over all files. It changes if any file changes. */
  hash: string;
  /** The page as HTML. `{{settings}}` in the page is replaced by the settings of the node. */
  page: string;
  /** The page's script block that has no address of its own: the map of imports. */
  importMap: string;
  /** A file by its path. Undefined if there is no such file. */
  file(path: string): Promise<Sendable> | undefined;
}

/** The page about error codes. The console shows what a code means beside every refusal. */
const errorsPage = async (): Promise<[string, Buffer]> => ["errors.md", await readFile(join(docsFolder, "errors.md"))];

async function read(): Promise<ConsoleFiles> {
  const files = new Map(
    [...(await ownFiles()), ...(await libraryFiles()), await errorsPage()].toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
  const page = await readFile(join(folder, "index.html"), "utf8");
  const digest = createHash("sha256").update(page);
  for (const [name, bytes] of files) digest.update(`${name}\0${bytes.length}\0`).update(bytes);
  const hash = digest.digest("base64url").slice(0, 16);
  const base = `console/${hash}`;
  const imports = Object.fromEntries(
    Object.keys(libraries).map((name) => [name, `./${base}/lib/${fileNameOf(name)}`] as const),
  );
  const importMap = JSON.stringify({ imports });
  const preloads = firstModules(files);
  const packed = new Map<string, Promise<Sendable>>();
  return {
    hash,
    importMap,
    page: page
      .replaceAll("{{base}}", base)
      .replace("<!-- imports -->", `<script type="importmap">${importMap}</script>`)
      .replace(
        "<!-- preloads -->",
        preloads.map((name) => `<link rel="modulepreload" href="${base}/${name}">`).join("\n"),
      ),
    file(path) {
      const bytes = files.get(path);
      if (!bytes) return undefined;
      const known = packed.get(path) ?? sendable(types[extname(path)] as string, bytes);
      packed.set(path, known);
      return known;
    },
  };
}

let loaded: Promise<ConsoleFiles> | undefined;

/** Reads the files at the first call, because most nodes are never asked. */
export function consoleFiles(): Promise<ConsoleFiles> {
  loaded ??= read();
  loaded.catch(() => {
    loaded = undefined;
  });
  return loaded;
}
