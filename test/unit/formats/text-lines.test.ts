import { countLines, joined, lineBlocks, linesOf } from "../../../formats/text-lines.ts";

const long = Array.from({ length: 3_000 }, (_, i) => `${i} ${"é".repeat(i % 90)}`);

test.each([
  ["one", ["a"]],
  ["many, of characters beyond ASCII", long],
  ["empty ones, also at the ends", ["", "a", "", "", "b", ""]],
  ["one longer than a block, and one behind it", ["x".repeat(200_000), "y"]],
  ["one that ends where a block does", ["x".repeat(65_536), "", "y"]],
])("lines come back as they were: %s", (_name, lines) => {
  const bytes = joined(lines);
  expect([...lineBlocks(bytes)].flatMap((block) => block.split("\n"))).toEqual(lines);
  expect(linesOf(bytes)).toEqual(lines);
  expect(countLines(bytes)).toBe(lines.length);
});

test("a block is short, if its lines are", () => {
  const lengths = [...lineBlocks(joined(long))].map((block) => Buffer.byteLength(block));
  expect(Math.max(...lengths)).toBeLessThan(66_000);
});

test("no bytes are no lines", () => {
  expect(linesOf(joined([]))).toEqual([]);
});
