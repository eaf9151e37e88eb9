const { join } = require("node:path");

// Tests start hundreds of nodes and database threads; each would strip the types of all our files anew (1.6 s of a core
// for a node, 1.0 s with the cache).
process.env.NODE_COMPILE_CACHE ??= join(__dirname, "node_modules/.cache/node-compile");

// The statements of tests have the tables' plain names, also where a test starts a node as a process.
process.env.DATABASE_SCHEMA ??= "none";

const swc = {
  jsc: { parser: { syntax: "typescript" }, target: "es2023" },
  module: { type: "commonjs" },
  sourceMaps: "inline",
};

const common = {
  // uuid comes as ES modules alone.
  transform: { "^.+\\.ts$": ["@swc/jest", swc], "node_modules/uuid/.+\\.js$": ["@swc/jest", swc] },
  transformIgnorePatterns: ["/node_modules/(?!uuid/)"],
};

module.exports = {
  // On two cores: a third of the time of most files is waiting for a link or a lease to be over.
  maxWorkers: 3,
  // Only what hangs meets it: a test that waits for too long says so itself (test/helpers/patience.ts).
  testTimeout: 120_000,
  testSequencer: "<rootDir>/test/helpers/sequencer.cjs",
  globalSetup: "<rootDir>/test/helpers/global-setup.ts",
  globalTeardown: "<rootDir>/test/helpers/global-teardown.ts",
  projects: [
    { ...common, displayName: "all", testMatch: ["<rootDir>/test/**/*.test.ts"] },
    {
      ...common,
      // The core once more on PostgreSQL: what a user sees does not depend on the database.
      displayName: "postgres",
      testMatch: [
        "<rootDir>/test/e2e/{import,http,reports,values,limits,admin,admin-policy,admin-batches}.test.ts",
        "<rootDir>/test/e2e/{repeats,same-content,quotas,short-length,waiting,events,webhook,webhook-changes}.test.ts",
        "<rootDir>/test/integration/batch/*.test.ts",
      ],
      setupFilesAfterEnv: ["<rootDir>/test/helpers/on-postgres.ts"],
    },
    {
      ...common,
      // A part of it on SQL Server, where TEST_MSSQL_URL or Docker gives one.
      displayName: "mssql",
      testMatch: [
        "<rootDir>/test/e2e/{import,http,reports,values,limits,repeats,same-content}.test.ts",
        "<rootDir>/test/integration/batch/{fence,unique}.test.ts",
      ],
      setupFilesAfterEnv: ["<rootDir>/test/helpers/on-mssql.ts"],
    },
  ],
};
