/** The promise: `npm pack` makes a package that installs, starts, and gives the author of a handler its types. */
import { execFileSync, spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";
import { root } from "../../root.cjs";

interface Locked {
  dev?: boolean;
}
const text = (path: string) => readFileSync(join(root, path), "utf8");
const { name, version, dependencies, overrides, bin } = JSON.parse(text("package.json"));
const { packages } = JSON.parse(text("package-lock.json")) as { packages: Record<string, Locked> };

let folder: string;
const env = { ...process.env, PATH: [join(root, "node_modules/.bin"), process.env.PATH].join(delimiter) };
const npm = (cwd: string, ...args: string[]) =>
  execFileSync("npm", args, { cwd, env, encoding: "utf8", stdio: "pipe" });
const dataflow = (...args: string[]) =>
  spawnSync(join(folder, "node_modules/.bin/dataflow"), args, { cwd: folder, env, encoding: "utf8" });

/** Node itself is an optional package of 190 MB. */
const isNode = /\/node-(linux|win)-/;

const wanted = Object.entries(packages).filter(([path, { dev }]) => path && !dev && !isNode.test(path));

/** Writes a lock file with the versions of our own one, which follow our `overrides`. */
function writeLock(tarball: string): void {
  const own = { version, resolved: `file:${tarball}`, dependencies, bin };
  const project = { name: "shop", dependencies: { [name]: `file:${tarball}` } };
  writeFileSync(join(folder, "package.json"), JSON.stringify({ ...project, overrides, type: "module" }));
  const all = { "": project, [`node_modules/${name}`]: own, ...Object.fromEntries(wanted) };
  writeFileSync(join(folder, "package-lock.json"), JSON.stringify({ ...project, lockfileVersion: 3, packages: all }));
}

/** Links all files of a package, without the packages inside it. If the file system is the same, a link costs no space. */
function link(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isFile()) linkOrCopy(source, target);
    else if (entry.isDirectory() && entry.name !== "node_modules") link(source, target);
  }
}

function linkOrCopy(source: string, target: string): void {
  try {
    linkSync(source, target);
  } catch {
    copyFileSync(source, target);
  }
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "dataflow-package-"));
  npm(root, "pack", "--pack-destination", folder);
  writeLock(`dataflow-${version}.tgz`);
  // npm would need six seconds of CPU time to unpack 320 packages. Packages that exist already are only checked.
  for (const [path] of wanted) if (existsSync(join(root, path))) link(join(root, path), join(folder, path));
  npm(folder, "install", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund");
});
afterAll(() => rmSync(folder, { recursive: true }));

test("the command dataflow lists its subcommands, and refuses others", () => {
  expect(dataflow("--help")).toMatchObject({ status: 0, stdout: expect.stringContaining("migrate") });
  expect(dataflow("--version").stdout.trim()).toBe(version);
  expect(dataflow("push", "--help")).toMatchObject({ status: 0, stdout: expect.stringContaining("--idempotency-key") });
  expect(dataflow("fly")).toMatchObject({ status: 1, stderr: expect.stringContaining('There is no command "fly".') });
});

test("the whole system runs from node_modules", () => {
  const { status, stdout, stderr } = dataflow("demo", "--exit");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toContain("10,000");
});

test("it has the console, and finds the libraries that the console imports", () => {
  const built = pathToFileURL(join(folder, "node_modules/dataflow/dist/services/api/routes/console.files.js"));
  const names = [
    "main.js",
    "console.css",
    "lib/preact.js",
    "lib/uplot.js",
    "lib/codemirror-view.js",
    "errors.md",
    "types.d.ts",
  ];
  const script = `const { consoleFiles } = await import("${built}"); const files = await consoleFiles();
    console.log(JSON.stringify(${JSON.stringify(names)}.filter((name) => files.file(name))));`;
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
  expect([stderr, JSON.parse(stdout)]).toEqual(["", names.filter((name) => name !== "types.d.ts")]);
});

test("migrate and start read .env of the folder that they are called in", () => {
  writeFileSync(join(folder, ".env"), "DATABASE_URL=sqlite:./own.db\nPORT=none\n");
  expect(dataflow("migrate")).toMatchObject({ status: 1, stderr: expect.stringContaining("PORT") });
  expect(dataflow("start")).toMatchObject({ status: 1, stderr: expect.stringContaining("PORT") });
});

test("an old Node ends with a line that says which version it needs", () => {
  const preload = join(folder, "old.cjs");
  writeFileSync(preload, 'Object.defineProperty(process.versions, "node", { value: "20.1.0" });');
  const old = spawnSync(process.execPath, [
    "-r",
    preload,
    join(folder, "node_modules/dataflow/cli/dataflow.mjs"),
    "start",
  ]);
  expect(old).toMatchObject({ status: 1 });
  expect(String(old.stderr)).toContain("needs Node.js 24");
});

test("the example handler is checked against dataflow/handlers", () => {
  for (const types of ["@types/node"]) {
    mkdirSync(join(folder, "node_modules/@types"), { recursive: true });
    rmSync(join(folder, "node_modules", types), { recursive: true, force: true });
    symlinkSync(join(root, "node_modules", types), join(folder, "node_modules", types));
  }
  const source = text("examples/handlers/ledger.service.ts");
  writeFileSync(join(folder, "right.ts"), source);
  writeFileSync(join(folder, "wrong.ts"), source.replace("importHandler: true", "importHandler: false"));
  const options = [
    "--ignoreConfig",
    "--noEmit",
    "--strict",
    "--module",
    "nodenext",
    "--skipLibCheck",
    "--types",
    "node",
  ];
  const tsc = [join(root, "node_modules/typescript/bin/tsc"), ...options, "right.ts", "wrong.ts"];
  const { stdout, status } = spawnSync(process.execPath, tsc, { cwd: folder, encoding: "utf8" });
  const faults = stdout.split("\n").filter((line) => /^\S.*error/.test(line));
  expect(faults).toEqual([expect.stringMatching(/^wrong\.ts.*Type 'false' is not assignable to type 'true'/)]);
  expect(status).not.toBe(0);
});
