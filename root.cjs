// The project's folder. CommonJS, because `import.meta` does not exist where Jest runs our code and `__dirname` not elsewhere.
module.exports = { root: __dirname };
