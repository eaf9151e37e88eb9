// What may import what, types included. scripts/imports.mjs runs it; dependency-cruiser documents the rules.
const ours = "^(config|database|formats|lib|middlewares|mixins|repl|services)/";

/** A rule: files of `from` import nothing of `to`. Paths are regular expressions. */
const never = (name, comment, from, to) => ({ name, comment, severity: "error", from, to });

module.exports = {
  forbidden: [
    never(
      "no-circle",
      "Files that import each other cannot be read one after the other.",
      { path: ours },
      { circular: true },
    ),
    never(
      "lib-is-below",
      "lib/ knows no service, no database and no mixin.",
      { path: "^lib/" },
      { path: ours, pathNot: "^(lib|config)/" },
    ),
    never(
      "config-is-below",
      "config/ stands on nothing of ours.",
      { path: "^config/" },
      { path: ours, pathNot: "^config/" },
    ),
    never(
      "formats-are-below",
      "formats/ knows how to read text, and nothing of services.",
      { path: "^formats/" },
      { path: ours, pathNot: "^(lib|formats)/" },
    ),
    never(
      "database-is-below",
      "Services and mixins stand on database/.",
      { path: "^database/" },
      { path: "^(services|mixins|middlewares|repl)/" },
    ),
    never(
      "mixins-are-below",
      "Services stand on mixins/ and middlewares/.",
      { path: "^(mixins|middlewares)/" },
      { path: "^(services|repl)/" },
    ),
    never(
      "actors-by-contract",
      "Of another actor import only its contract; call it through the broker.",
      { path: "^services/([^/]+)/" },
      { path: "^services/[^/]+/", pathNot: "^services/($1/|[^/]+/[^/]+\\.(contract|schema)\\.ts$)" },
    ),
    never(
      "contracts-alone",
      "The map imports contracts alone.",
      { path: "^services/contracts\\.ts$" },
      { path: "^services/[^/]+/", pathNot: "\\.contract\\.ts$" },
    ),
    never(
      "sqlite-in-its-dialect",
      "Only the dialect of SQLite loads node:sqlite.",
      { path: ours, pathNot: "^database/dialects/sqlite/" },
      { path: "^(node:)?sqlite$" },
    ),
    never(
      "settings-from-config",
      "config/ alone reads the environment.",
      { path: ours, pathNot: "^config/" },
      { path: "^(node:)?process$" },
    ),
    never(
      "product-alone",
      "The product imports neither tests nor benchmarks.",
      { path: ours },
      { path: "^(test|bench|scripts)/" },
    ),
  ],
  options: {
    // Of TypeScript 7 there is no API yet. swc sees `import type` as well.
    parser: "swc",
    tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules" },
  },
};
