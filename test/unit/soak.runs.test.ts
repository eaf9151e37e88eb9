/**
 * What `npm run soak` reports and what it does not, shown by recordings of real runs, of which a part of the samples and calls is
 * kept. In all of them the machine's two cores were shared with up to thirty other busy processes.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { judged } from "../../bench/soak/judge.ts";
import { CONTROL, OVERDUE_BATCHES, type Point, Recording } from "../../bench/soak/series.ts";
import { root } from "../../root.cjs";

const load = (name: string) => Recording.load(join(root, "test/unit/soak", `${name}.jsonl`));
/** The names of the figures that grow, sorted. */
const grown = (run: Recording): string[] =>
  judged(run)
    .filter(({ goal }) => goal?.isMet === false)
    .map(({ label }) => label)
    .sort();

test.each(["hour", "busier", "calmer"])("nothing grows in a healthy run (%s)", (name) => {
  expect(grown(load(name))).toEqual([]);
});

test("a leak of 2 MB a minute is found in each node in five minutes, and no other memory", () => {
  const nodes = ["api-1", "api-2", "worker-1", "worker-2"];
  const found = grown(load("leak")).filter((label) => !label.startsWith("CPU"));
  expect(found).toEqual(nodes.map((name) => `${name}: heap after a collection`));
});

test("requests to an api node that take 4 ms more with each minute are found in five minutes, on a machine that gets calmer", () => {
  expect(grown(load("slow"))).toEqual([
    "CPU time of the api nodes",
    "CPU time of the api nodes, beside the others'",
    "single: median",
  ]);
});

test("tables that nothing vacuums are found in ten minutes, by what PostgreSQL computes", () => {
  expect(grown(load("bloat"))).toEqual(["CPU time of PostgreSQL", "CPU time of PostgreSQL, beside the others'"]);
});

/** The long run with a change: one figure gets more with each minute. */
function ill(label: string, change: (value: number, minute: number) => number): Recording {
  const run = load("hour");
  const points = run.calls.get(label) ?? (run.figures.get(label)?.points as Point[]);
  for (const point of points) point.value = change(point.value, point.at / 60);
  return run;
}

test.each<[string, number]>([
  ["api-1: heap after a collection", 1],
  ["worker-2: buffers after a collection", 2],
  ["api-2: resident memory", 8],
  ["worker-1: files", 2],
  ["api-1: sockets", 2],
  ["worker-1: timers", 2],
  ["PostgreSQL: connections", 1],
  ["PostgreSQL: tables", 100],
  ["rows of delivery", 300],
  ["Redis: keys", 10],
  ["RabbitMQ: tokens", 10],
  ["RabbitMQ: dead tokens", 10],
  ["deliveries that wait", 10],
])("%s: %d more a minute is growth", (label, more) => {
  expect(grown(ill(label, (value, minute) => value + more * minute))).toEqual([label]);
});

test.each(["small", "csv", "table"])("a call that takes longer with each minute is growth (%s)", (kind) => {
  const found = grown(ill(kind, (value, minute) => value * 1.2 ** minute));
  expect(found).toContain(`${kind}: median`);
  expect(found.filter((label) => !label.startsWith(kind))).toEqual([]);
});

test("more CPU time for the same work is growth", () => {
  const label = "CPU time of PostgreSQL";
  const found = grown(ill(label, (value, minute) => value * (1 + minute / 10)));
  expect(found).toEqual([label, `${label}, beside the others'`]);
});

test("a machine that gets slower is not: the control gets slower too", () => {
  const run = load("hour");
  for (const points of run.calls.values()) for (const point of points) point.value *= 1 + point.at / 200;
  expect(run.calls.has(CONTROL)).toBe(true);
  expect(grown(run)).toEqual([]);
});

test("a kind with few calls is judged in fewer windows, and with too few not at all", () => {
  const run = load("hour");
  run.calls.set("rare", (run.calls.get("csv") as Point[]).slice(-15));
  const line = judged(run).find(({ label }) => label === "rare: median");
  expect(line).toEqual({ label: "rare: median", figure: "1 windows are too few to judge" });
});

test("a recording that was kept in a file is judged as it was", () => {
  const folder = mkdtempSync(join(tmpdir(), "soak-"));
  const run = load("leak");
  run.save(join(folder, "run.jsonl"));
  const again = Recording.load(join(folder, "run.jsonl"));
  rmSync(folder, { recursive: true });
  expect(judged(again)).toEqual(judged(run));
});

describe("retention that falls behind", () => {
  /** The long run with a change: a share of all uploads leaves batches behind, overdue or for ever. */
  const left = (share: number, isOverdue: boolean): Recording => {
    const run = ill("rows of batch", (value, minute) => value + 300 * share * minute);
    const rows = run.figures.get("rows of batch")?.points as Point[];
    const known = new Map(run.figures.get(OVERDUE_BATCHES)?.points.map(({ at, value }) => [at, value]));
    const points = rows.map(({ at }) => ({ at, value: (known.get(at) ?? 0) + (isOverdue ? 5 * share * at : 0) }));
    run.figures.set(OVERDUE_BATCHES, { what: "overdue", points });
    return run;
  };

  test("a part of the batches may wait for retention", () => {
    expect(grown(left(0.3, true))).toEqual([]);
  });

  test("most of them may not", () => {
    expect(grown(left(2, true))).toEqual([OVERDUE_BATCHES]);
  });

  test("rows that are not overdue may not stay", () => {
    expect(grown(left(2, false))).toEqual(["rows of batch"]);
  });
});
