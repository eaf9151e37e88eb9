const { readFileSync } = require("node:fs");
const { default: Sequencer } = require("@jest/test-sequencer");

/**
 * The order of test files. Those that start processes keep a core busy, most others wait for something: in turn, each
 * kind with its longest first, they fill both cores, and no long one is left for the end.
 */
module.exports = class extends Sequencer {
  async sort(tests) {
    const sorted = await super.sort(tests);
    const longestFirst = [...sorted.filter(isLong), ...sorted.filter((test) => !isLong(test))];
    const busy = longestFirst.filter(startsProcesses);
    const waiting = longestFirst.filter((test) => !busy.includes(test));
    const busyFiles = busy.length;
    const busyAmong = (first) => Math.ceil((first * busyFiles) / longestFirst.length);
    return longestFirst.map((_, i) => (busyAmong(i + 1) > busyAmong(i) ? busy : waiting).shift());
  }
};

/** More than 15 s each. A first run, as CI's, knows sizes only, and these files are small. */
const isLong = ({ path }) =>
  /\/(?:mssql\/(?:logic|start)|mixins\/database|chaos\/(?:cluster|links|stop|kill)|e2e\/(?:starts|cluster|package|push|revoked|bad-input|openapi|connections|demo)|console\/(?:clients|editor)|imports\.body|postgres\/(?:lost-answer|pgbouncer|retention)|amqp\/(?:blocked|handler-nodes)|batch\/(?:tables|elsewhere|read-only|undo)|store\/sqlite|targets\/postgres-delivery)\.test/.test(
    path,
  );

const startsProcesses = ({ path }) =>
  /helpers\/process|cluster\/cluster|node:child_process/.test(readFileSync(path, "utf8"));
