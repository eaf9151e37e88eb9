const { createRequire, isBuiltin } = require("node:module");
const { default: Runtime } = require("jest-runtime");

const isPackage = (name) => !/^[./#]/.test(name) && !isBuiltin(name) && !name.startsWith("@jest/");

/** Packages are loaded once in a process, by Node itself. Our own files are loaded anew for each test file, as always with Jest. */
module.exports = class extends Runtime {
  requireModuleOrMock(from, name) {
    if (!isPackage(name) || from.includes("/node_modules/")) return super.requireModuleOrMock(from, name);
    return createRequire(from)(name);
  }
};
module.exports.default = module.exports;
