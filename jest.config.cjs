const { join } = require("node:path");

// Tests start hundreds of nodes and database threads. Each would strip the types of all our files again (1.6 s of a core
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
  testEnvironment: "<rootDir>/test/helpers/environment.cjs",
  runtime: "<rootDir>/test/helpers/runtime.cjs",
  transform: { "^.+\\.ts$": ["@swc/jest", swc] },
};

module.exports = {
  // On two cores: most files spend half of their time waiting for a link or a lease to end.
  maxWorkers: 6,
  // Only a hanging test reaches this limit, also on a machine as slow as a tenth of ours: other waits end by themselves
  // (test/helpers/patience.ts).
  testTimeout: 600_000,
  // A worker that has run half of the suite takes a while to give back its memory; Jest would call that a leak after 500 ms.
  workerGracefulExitTimeout: 30_000,
  testSequencer: "<rootDir>/test/helpers/sequencer.cjs",
  globalSetup: "<rootDir>/test/helpers/global-setup.ts",
  globalTeardown: "<rootDir>/test/helpers/global-teardown.ts",
  projects: [
    { ...common, displayName: "all", testMatch: ["<rootDir>/test/**/*.test.ts"] },
    {
      ...common,
      // The core again on PostgreSQL: users must see the same on every database. What is decided before the database is not in the
      // list, or runs once within its file (test/helpers/once.ts).
      displayName: "postgres",
      testMatch: [
        "<rootDir>/test/e2e/{import,reports,values,limits,admin,admin-batches,audit}.test.ts",
        "<rootDir>/test/e2e/{alerts,datasets,datasets-tables,idempotency,dedup,quotas,webhook}.test.ts",
        // What a costly schema takes, where a handler may be, when its circuit is open, what becomes of digits and of a body that comes
        // again, and what is in a file of SQLite elsewhere, is the same on every database. read-only has a PostgreSQL of its own.
        "<rootDir>/test/integration/batch/!(costly|circuit|digits|elsewhere-mssql|elsewhere-sqlite|handler-places|kept-body|read-only).test.ts",
      ],
      setupFilesAfterEnv: ["<rootDir>/test/helpers/on-postgres.ts"],
    },
    {
      ...common,
      // A part of it on SQL Server, if TEST_MSSQL_URL or Docker provides one.
      displayName: "mssql",
      testMatch: [
        "<rootDir>/test/e2e/{import,reports,values,limits,idempotency,dedup}.test.ts",
        "<rootDir>/test/integration/batch/{fence,unique,tables,elsewhere-sqlite}.test.ts",
      ],
      setupFilesAfterEnv: ["<rootDir>/test/helpers/on-mssql.ts"],
    },
  ],
};
