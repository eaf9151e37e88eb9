// CommonJS: `import.meta` does not exist where Jest runs our code, and `__dirname` exists nowhere else.
const { existsSync } = require("node:fs");
const { join } = require("node:path");

// Node strips no types below node_modules, so a package that npm installs holds the compiled JavaScript.
const extension = existsSync(join(__dirname, "moleculer.config.ts")) ? ".ts" : ".js";

const threadFile = (path) => join(__dirname, path + extension);

module.exports = { root: __dirname, threadFile };
