const { createRequire, isBuiltin } = require("node:module");
const { dirname, join, relative, sep } = require("node:path");
const { isModuleNamespaceObject } = require("node:util/types");
const { default: Runtime } = require("jest-runtime");

const root = join(__dirname, "../..");
const isPackage = (name) => !/^[./#]/.test(name) && !isBuiltin(name) && !name.startsWith("@jest/");

/** Files of the product: all of ours but tests and benchmarks. */
function isProduct(path) {
  const [folder] = relative(root, path).split(sep);
  return !["..", "bench", "node_modules", "test"].includes(folder);
}

// A file that runs alone runs in the process of the global setup, which Jest has compiled. Its copies of the product are other ones.
for (const path of Object.keys(require.cache)) if (path.endsWith(".ts") && isProduct(path)) delete require.cache[path];

const shown = new WeakMap();

/** An ES module as code that swc has compiled knows it: `import * as all` would give `all` a member `default` otherwise. */
function asCompiled(module) {
  if (!isModuleNamespaceObject(module) || module.__esModule) return module;
  const getters = Object.keys(module).map((name) => [name, { enumerable: true, get: () => module[name] }]);
  const made =
    shown.get(module) ?? Object.defineProperties({}, Object.fromEntries([...getters, ["__esModule", { value: true }]]));
  shown.set(module, made);
  return made;
}

/**
 * Packages and the files of the product are loaded once in a process, by Node itself, as users run them. Loading the product's 600
 * files anew for each test file, as Jest does, took 0.15 s of a core each time, and what was fast by then was slow again. So the state
 * that one of them keeps for the process reaches the next test file. The tests' own files are loaded anew.
 */
module.exports = class extends Runtime {
  /** Within `jest.isolateModules` the product's files are loaded anew, too. */
  isApart = false;
  isWatching;

  constructor(...given) {
    super(...given);
    const { watch, watchAll } = given.at(-1);
    // There files change while the process lives.
    this.isWatching = watch || watchAll;
  }

  requireModuleOrMock(from, name) {
    if (from.includes("/node_modules/")) return super.requireModuleOrMock(from, name);
    if (isPackage(name)) return createRequire(from)(name);
    if (name.startsWith(".") && this.isOnce(join(dirname(from), name))) return asCompiled(createRequire(from)(name));
    return super.requireModuleOrMock(from, name);
  }

  isOnce(path) {
    return !this.isApart && !this.isWatching && isProduct(path);
  }

  isolateModules(load) {
    this.isApart = true;
    try {
      super.isolateModules(load);
    } finally {
      this.isApart = false;
    }
  }
};
module.exports.default = module.exports;
