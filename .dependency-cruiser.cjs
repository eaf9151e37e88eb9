// What may import what, types included. scripts/imports.mjs runs it; dependency-cruiser documents the rules.
const ours = "^(config|database|formats|lib|middlewares|mixins|repl|services)/";

/** What delivery into tables speaks of: types and plain values, which everybody may know. */
const tableWords = "^database/targets/target\\.ts$";

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
      "Services and mixins stand on database/, which speaks the services' domain types.",
      { path: "^database/" },
      { path: "^(services|mixins|middlewares|repl)/", pathNot: "^services/[^/]+/[^/]+\\.domain\\.ts$" },
    ),
    never(
      "costly-imports",
      "An import of node:http or node:tls by its name costs each start: lib/net/http.ts does not.",
      { path: ours },
      { path: "^(node:)?(http|tls)$", dependencyTypesNot: ["type-only"] },
    ),
    never(
      "mixins-are-below",
      "Services stand on mixins/ and middlewares/.",
      { path: "^(mixins|middlewares)/" },
      { path: "^(services|repl)/" },
    ),
    never(
      "actors-by-contract",
      "Of another actor import only its contract and its domain types; call it through the broker.",
      { path: "^services/([^/]+)/" },
      { path: "^services/[^/]+/", pathNot: "^services/($1/|[^/]+/[^/]+\\.(contract|domain|schema)\\.ts$)" },
    ),
    never(
      "contracts-without-database",
      "A contract speaks its actor's domain types; how they are stored is none of its business.",
      { path: "^services/(contracts\\.ts|declare\\.ts|[^/]+/[^/]+\\.(contract|domain|schema)\\.ts)$" },
      { path: "^database/", pathNot: tableWords },
    ),
    never(
      "domain-alone",
      "Domain types stand on formats/, the words of tables and other domain types: the database imports them.",
      { path: "^services/[^/]+/[^/]+\\.domain\\.ts$" },
      { path: ours, pathNot: `^(formats/|services/[^/]+/[^/]+\\.domain\\.ts$)|${tableWords}` },
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
      "console-alone",
      "The console runs in browsers: it imports itself, and the few libraries that a node serves with it.",
      { path: "^console/", pathNot: "^console/types\\.d\\.ts$" },
      {
        pathNot:
          "^(console/|(node_modules/)?(preact|htm|@preact/signals|uplot|@codemirror/[^/]+|@lezer/highlight)(/|$))",
      },
    ),
    never(
      "console-types-alone",
      "Of the services the console knows the types of contracts, of domains, and of what the API answers.",
      { path: "^console/types\\.d\\.ts$" },
      {
        pathNot:
          "^(console/|(node_modules/)?preact(/|$)|services/[^/]+/[^/]+\\.(contract|domain|schema)\\.ts$|services/messages\\.ts$|services/api/routes/[^/]+\\.ts$)",
      },
    ),
    never(
      "nobody-imports-the-console",
      "Nodes send the console's files, and never run them.",
      { path: ours },
      { path: "^console/" },
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
