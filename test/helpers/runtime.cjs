const { createRequire, isBuiltin } = require("node:module");
const { dirname, join, relative, sep } = require("node:path");
const { isModuleNamespaceObject } = require("node:util/types");
const { default: Runtime } = require("jest-runtime");

const root = join(__dirname, "../..");
/** The packages of Jest that keep state of a test file, such as its tests and its serializers. */
const OF_FILE = new Set(["jest-circus", "@jest/expect", "expect", "jest-snapshot"]);
const isPackage = (name) => !/^[./#]/.test(name) && !isBuiltin(name) && !name.startsWith("@jest/");

/** Whether a file belongs to the product, not to tests or benchmarks. */
function isProduct(path) {
  const [folder] = relative(root, path).split(sep);
  return !["..", "bench", "node_modules", "test"].includes(folder);
}

// A test file that runs alone runs in the process of the global setup. Jest has compiled the product's files there. They are
// dropped, because Node must load them itself.
for (const path of Object.keys(require.cache)) if (path.endsWith(".ts") && isProduct(path)) delete require.cache[path];

const loaded = new Map();

/** Loads a module with Node's own loader. Without the map, Node would look for its file again for each test file. */
function loadOnce(from, name) {
  const asked = `${from} ${name}`;
  if (!loaded.has(asked)) loaded.set(asked, createRequire(from)(name));
  return loaded.get(asked);
}

const shown = new WeakMap();

/** Makes an ES module look like code that swc has compiled. Otherwise `import * as all` would add a member `default` to `all`. */
function asCompiled(module) {
  if (!isModuleNamespaceObject(module) || module.__esModule) return module;
  const getters = Object.keys(module).map((name) => [name, { enumerable: true, get: () => module[name] }]);
  const made =
    shown.get(module) ?? Object.defineProperties({}, Object.fromEntries([...getters, ["__esModule", { value: true }]]));
  shown.set(module, made);
  return made;
}

/**
 * Loads packages and the product's files once in a process, with Node's own loader, as users run them. Jest would load the
 * product's 600 files anew for each test file. That took 0.15 s of CPU time each, and V8's optimized code was lost. So state that
 * one of these files keeps for the process reaches the next test file. The tests' own files are loaded anew.
 */
module.exports = class extends Runtime {
  /** Whether the code runs within `jest.isolateModules`. There the product's files are loaded anew, too. */
  isApart = false;
  isWatching;

  constructor(...given) {
    super(...given);
    const { watch, watchAll } = given.at(-1);
    // In watch mode files change while the process lives.
    this.isWatching = watch || watchAll;
  }

  requireModuleOrMock(from, name) {
    if (from.includes("/node_modules/")) return super.requireModuleOrMock(from, name);
    if (isPackage(name)) return loadOnce(from, name);
    if (name.startsWith(".") && this.isOnce(join(dirname(from), name))) return asCompiled(loadOnce(from, name));
    return super.requireModuleOrMock(from, name);
  }

  /**
   * Loads Jest's other packages once in a process, too, because they keep no state of a test file. That saves 6 ms of CPU time
   * for each file.
   */
  requireInternalModule(from, name) {
    if (name && !name.startsWith(".") && !OF_FILE.has(name)) return loadOnce(from, name);
    return super.requireInternalModule(from, name);
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
