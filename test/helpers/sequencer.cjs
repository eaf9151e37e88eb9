const { readFileSync } = require("node:fs");
const { default: Sequencer } = require("@jest/test-sequencer");

/**
 * The order of test files. Files that start processes keep a core busy; most others wait for something. The order takes both
 * kinds in turns, the longest of each kind first. So both cores are busy, and no long file is left for the end.
 */
module.exports = class extends Sequencer {
  async sort(tests) {
    const sorted = await super.sort(tests);
    const longestFirst = sorted.toSorted((a, b) => rankOf(a) - rankOf(b));
    const busy = longestFirst.filter(startsProcesses);
    const waiting = longestFirst.filter((test) => !busy.includes(test));
    const busyFiles = busy.length;
    const busyAmong = (first) => Math.ceil((first * busyFiles) / longestFirst.length);
    return longestFirst.map((_, i) => (busyAmong(i + 1) > busyAmong(i) ? busy : waiting).shift());
  }
};

/**
 * Files that take more than 15 s, the longest first. Jest knows no times in a first run, such as in CI, and would order by size;
 * these files are small.
 */
const longest = [
  "chaos/cluster",
  "mssql/logic",
  "e2e/starts",
  "chaos/stop",
  "console/overview",
  "console/clients",
  "chaos/moments",
  "console/shell",
  "mixins/database",
  "chaos/kill",
  "console/editor",
  "e2e/package",
  "console/cluster",
  "mssql/start",
  "e2e/push",
  "e2e/revoked",
  "e2e/bad-input",
  "e2e/openapi",
  "e2e/connections",
  "e2e/demo",
  "console/batches",
  "imports.body",
  "postgres/lost-answer",
  "postgres/pgbouncer",
  "postgres/retention",
  "amqp/blocked",
  "amqp/handler-nodes",
  "batch/tables",
  "batch/elsewhere",
  "batch/read-only",
  "batch/undo",
  "store/sqlite",
  "targets/postgres-delivery",
  "lib/zipkin",
];

function rankOf({ path }) {
  const rank = longest.findIndex((name) => path.endsWith(`${name}.test.ts`));
  return rank === -1 ? longest.length : rank;
}

const startsProcesses = ({ path }) =>
  /helpers\/process|cluster\/cluster|node:child_process/.test(readFileSync(path, "utf8"));
