const swc = {
  jsc: { parser: { syntax: "typescript" }, target: "es2023" },
  module: { type: "commonjs" },
  sourceMaps: "inline",
};

module.exports = {
  testMatch: ["<rootDir>/test/**/*.test.ts"],
  // uuid comes as ES modules alone.
  transform: { "^.+\\.ts$": ["@swc/jest", swc], "node_modules/uuid/.+\\.js$": ["@swc/jest", swc] },
  transformIgnorePatterns: ["/node_modules/(?!uuid/)"],
  testTimeout: 30_000,
  maxWorkers: 2,
};
