/** The promise: staged rows come back as the same rows, whatever their values contain. */
import { stageOf } from "../../../database/targets/stage.ts";
import type { TableRow } from "../../../services/batch/batch.table.domain.ts";

const row = (...values: TableRow["values"]): TableRow => ({ values, isDelete: false });

/** Cuts the texts into rows as the server does. */
function kept(rows: TableRow[], width: number): TableRow[] {
  const { patterns, texts, separator, nothing } = stageOf(rows, width);
  const [numbers = [], ...columns] = texts.map((text) => text.split(separator).slice(1));
  return numbers.map((no, rank) => {
    const { absent = new Set(), isDelete = false } = patterns[Number(no)] ?? {};
    const told = columns.map((column) => (column[rank] === nothing ? null : column[rank]));
    return { values: told.map((value, i) => (absent.has(i) ? undefined : value)), isDelete };
  });
}

test.each<[string, TableRow[]]>([
  ["plain values", [row("1", "a"), row("2", "b")]],
  ["empty texts", [row("", "")]],
  ["NULL beside what is absent", [row("1", null), row("2", undefined), row(null, "3")]],
  ["a record that deletes", [{ values: ["1", undefined], isDelete: true }, row("1", "a")]],
  ["the separator itself", [row("a\x1fb", "1"), row("c", null)]],
  ["the sign for NULL itself", [row("\x1e", null), row("b", "\x1e")]],
  ["letters beyond Latin", [row("zażółć", "🙂"), row("日本", null)]],
])("%s", (_name, rows) => {
  expect(kept(rows, 2)).toEqual(rows);
});

test("rows of the same shape share a pattern", () => {
  const { patterns, texts } = stageOf([row("1", undefined), row("2", undefined), row("3", "c")], 2);
  expect(patterns.map(({ absent }) => [...absent])).toEqual([[1], []]);
  expect(texts[0]).toBe("-\x1f0\x1f0\x1f1");
});
