/**
 * The promise: a chunk whose schema is legal but expensive does not block the process, and its check ends when nobody waits for
 * it.
 */
import { setImmediate as nextRound } from "node:timers/promises";
import { Pace } from "../../../formats/check/pace.ts";
import type { Format } from "../../../formats/formats.ts";
import { checkChunk } from "../../../formats/parts.ts";
import { compileRecordSchema } from "../../../formats/schema/record-schema.ts";
import { patience } from "../../helpers/patience.ts";

const LEVELS = 12;
const ref = (level: number) => ({ $ref: `#/$defs/d${level}` });
/** Each definition refers to the next one twice, which makes 2^12 checks of one record. */
const schema = {
  ...ref(0),
  $defs: Object.fromEntries([
    ...Array.from({ length: LEVELS }, (_, i) => [`d${i}`, { allOf: [ref(i + 1), ref(i + 1)] }]),
    [`d${LEVELS}`, { type: "object" }],
  ]),
};

function check(format: Format, data: string | Buffer, records: number, signal?: AbortSignal) {
  const validator = compileRecordSchema(schema, { coerce: format === "csv" });
  const spec = { format, envelope: { delimiter: ",", header: ["a"] }, validator, values: false, maxRecordBytes: 100 };
  return checkChunk({ firstLine: 1, records, data: Buffer.from(data as string), oversized: [] }, spec, signal);
}

/** How many rounds the event loop makes until the work is done. */
async function roundsDuring(work: Promise<unknown>): Promise<number> {
  let isOver = false;
  const over = work.finally(() => {
    isOver = true;
  });
  let rounds = 0;
  for (; !isOver; rounds++) await nextRound();
  await over;
  return rounds;
}

/** Some 200 ms of checks on a fast machine, once the code is warm. */
const RECORDS = 900;
const spoilt = Buffer.concat([Buffer.from([0xff, 10]), Buffer.from("1\n".repeat(RECORDS - 1))]);

test.each<[string, Format, string | Buffer]>([
  ["lines", "ndjson", '{"a":1}\n'.repeat(RECORDS)],
  [
    "lines, one of them no UTF-8",
    "ndjson",
    Buffer.concat([Buffer.from([0xff, 10]), Buffer.from('{"a":1}\n'.repeat(RECORDS - 1))]),
  ],
  ["rows", "csv", "1\n".repeat(RECORDS)],
  ["rows, one of them no UTF-8", "csv", spoilt],
])("costly %s leave the event loop its rounds", async (_name, format, data) => {
  // Time in which this thread waits for a core has no rounds.
  const before = process.threadCpuUsage();
  const checking = check(format, data, RECORDS);
  const rounds = await roundsDuring(checking);
  const { user, system } = process.threadCpuUsage(before);
  const turns = (user + system) / 100_000;
  expect((await checking).records).toBe(RECORDS);
  expect(rounds).toBeGreaterThan(Math.max(3, turns));
});

const numbers = (count: number) => `{"a":[${Array.from({ length: count }, (_, i) => i).join()}]}\n`;

function checkNumbers(count: number, records: number, a: object) {
  const validator = compileRecordSchema({ properties: { a } }, { coerce: false });
  const spec = { format: "ndjson" as const, envelope: {}, validator, values: false, maxRecordBytes: 2 ** 20 };
  const data = Buffer.from(numbers(count).repeat(records));
  return checkChunk({ firstLine: 1, records, data, oversized: [] }, spec);
}

test("the time is checked after each of a few long records", async () => {
  expect(await roundsDuring(checkNumbers(140_000, 12, {}))).toBeGreaterThan(3);
});

/** Keeps the core busy for this time, by the clock that the pace uses. */
function busyFor(ms: number): void {
  const spentMs = () => process.threadCpuUsage().user / 1_000;
  for (const until = spentMs() + ms; spentMs() < until; );
}

test("after a long turn the check yields to the event loop, also a check that begins then", async () => {
  await new Pace({ work: 0 }).each(1, 1, () => busyFor(60));
  expect(await roundsDuring(new Pace({ work: 0 }).each(1, 1, () => {}))).toBeGreaterThan(3);
});

test("several checks at once take turns", async () => {
  const all = [1, 2, 3].map(() => check("ndjson", '{"a":1}\n'.repeat(RECORDS), RECORDS));
  const rounds = await roundsDuring(Promise.race(all));
  expect(rounds).toBeGreaterThan(3);
  expect((await Promise.all(all)).map(({ records }) => records)).toEqual([RECORDS, RECORDS, RECORDS]);
});

test("an aborted check ends with the reason of the abort", async () => {
  const abort = new AbortController();
  const checking = check("ndjson", '{"a":1}\n'.repeat(100_000), 100_000, abort.signal);
  const began = performance.now();
  setImmediate(() => abort.abort(new Error("taken away")));
  await expect(checking).rejects.toThrow("taken away");
  expect(performance.now() - began).toBeLessThan(patience(2_000));
});
