/**
 * The promise: blank lines and white space are skipped, count as lines, and are limited. The bench `attacks` measures their cost.
 */
import type { Format } from "../../../formats/formats.ts";
import { oneByte, refusal, split } from "./split-kit.ts";

test.each<[string, Format, string, string, number | null]>([
  ["NDJSON", "ndjson", "", "\n\r\n \t\r\n\n", 5],
  ["NDJSON, behind a record", "ndjson", '{"b":2}\n', "\n \n\r\n", 1],
  ["CSV, before the header", "csv", "", "\r\n\n\n", 5],
  ["JSON", "json", "[", " \n\t\r", null],
])("blank lines in %s are skipped, in whatever pieces they come", (_what, format, head, blank, firstLine) => {
  const record = format === "csv" ? "a\n1\n" : '{"a":1}';
  const body = `${head}${blank}${record}${format === "json" ? " ]" : "\n"}`;
  for (const piece of [undefined, oneByte, () => 2]) {
    const { chunks } = split(format, body, { piece });
    expect(chunks).toMatchObject([{ firstLine, records: head.startsWith("{") ? 2 : 1 }]);
    expect(chunks[0]?.data.toString().trim().split("\n").at(-1)).toBe(format === "csv" ? "1" : record);
  }
});

test("as many lines as records may be blank, and 100,000 in any case", () => {
  const refused = (format: Format, head: string, lines: number, maxRecords: number, piece?: () => number) =>
    refusal(() => split(format, `${head}${"\n".repeat(lines)}1\n`, { maxRecords, piece }));
  expect(refused("ndjson", "", 100_001, 5)).toEqual({ code: "too-many-records", limit: 100_000 });
  expect(refused("csv", "a\n", 100_001, 5)).toEqual({ code: "too-many-records", limit: 100_000 });
  expect(refused("csv", "", 100_001, 5, oneByte)).toEqual({ code: "too-many-records", limit: 100_000 });
  expect(refused("ndjson", "", 200_001, 200_000, oneByte)).toEqual({ code: "too-many-records", limit: 200_000 });
  expect(split("ndjson", `${"\n".repeat(100_000)}1`, { maxRecords: 5 }).records).toBe(1);
});
