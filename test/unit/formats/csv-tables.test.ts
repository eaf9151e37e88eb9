/**
 * The promise: any table of cells, written in any dialect, is the same table when it is read back, in whatever pieces it comes.
 */
import { isDeepStrictEqual } from "node:util";
import { parse } from "csv-parse/sync";
import fc from "fast-check";
import Papa from "papaparse";
import { CellReader, csvLine } from "../../../formats/csv/cells.ts";
import { type Dialect, dialectOf, plainDialect } from "../../../formats/csv/dialect.ts";
import { csvRecordStarts } from "../../../formats/csv/scan.ts";
import { checkChunk, createSplitter } from "../../../formats/parts.ts";
import { wholeRead } from "../../../formats/read/read.ts";
import { compileRecordSchema } from "../../../formats/schema/record-schema.ts";
import { rounds } from "../../helpers/seeded.ts";
import { wide } from "./split-kit.ts";

const delimiters = [",", ";", "\t", "|", ":", "^", "~"];

const dialects: fc.Arbitrary<Dialect> = fc
  .record({
    delimiter: fc.constantFrom(...delimiters),
    quoteChar: fc.constantFrom('"', "'", "`"),
    escapeChar: fc.constantFrom(null, "\\", "!"),
    skipInitialSpace: fc.boolean(),
  })
  .filter(({ delimiter, quoteChar, escapeChar }) => new Set([delimiter, quoteChar, escapeChar]).size === 3);

/** Bytes with a meaning in CSV, and some without. */
const cell = fc
  .array(
    fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom("a", "1", "é", "😀", " ", "\t", "\u00a0", "#", "\u2028", "\v") },
      { weight: 3, arbitrary: fc.constantFrom('"', "'", "`", "\\", "!", ...delimiters) },
      { weight: 2, arbitrary: fc.constantFrom("\n", "\r", "\r\n", "\r\r\n", "\ufeff") },
    ),
    { maxLength: 6 },
  )
  .map((parts) => parts.join(""));

/** A row with only blank cells counts as a blank line. No row begins with the comment character. */
const isRow = (row: string[]): boolean =>
  row.some((one) => one.replaceAll(/[ \t\u00a0]/g, "") !== "") && !row[0]?.startsWith("#");

const tables = fc
  .integer({ min: 1, max: 4 })
  .chain((width) =>
    fc.array(fc.array(cell, { minLength: width, maxLength: width }).filter(isRow), { minLength: 1, maxLength: 5 }),
  );

const lineEnds = fc.constantFrom("\n", "\r\n", "\r", "\r\r\n");

/** The rows have different line ends, and blank lines between them. Columns without a name may follow the named ones. */
const files = fc.record({
  dialect: dialects,
  table: tables,
  ends: fc.array(lineEnds, { minLength: 6, maxLength: 6 }),
  blank: fc.constantFrom("", "", " ", "\u00a0\t", "\ufeff"),
  endsOpen: fc.boolean(),
  before: fc.constantFrom("nothing", "sep", "comment", "preamble"),
  nameless: fc.constantFrom(0, 0, 2),
  encoding: fc.constantFrom("utf8", "utf16le", "utf16be"),
});

type File = typeof files extends fc.Arbitrary<infer T> ? T : never;

const headerOf = (table: string[][]) => (table[0] as string[]).map((_, i) => `c${i}`);
const withNameless = ({ table, nameless }: File) => table.map((row) => [...row, ...Array<string>(nameless).fill("")]);

function written(file: File): string {
  const { dialect, table, ends, blank, endsOpen, before, nameless } = file;
  const header = [...headerOf(table), ...Array<string>(nameless).fill("")];
  const lines = [header, ...withNameless(file)].map((row, i) => `${csvLine(row, dialect)}${ends[i % ends.length]}`);
  if (blank !== "" && dialect.delimiter !== "\t") lines.splice(1, 0, `${blank}\n`);
  if (before === "comment") lines.splice(1, 0, "#'\"`,\r");
  const start = { nothing: "", sep: `sep=${dialect.delimiter}\r\n`, comment: "#\"a'b`\n", preamble: '"a,b\n\n' };
  const text = start[before] + lines.join("");
  return endsOpen ? text.replace(/[\r\n]+$/, "") : text;
}

function bytesOf(file: File): Buffer {
  const text = written(file);
  if (file.encoding === "utf8") return Buffer.from(text);
  const wideText = Buffer.from(`\ufeff${text}`, "utf16le");
  return file.encoding === "utf16le" ? wideText : wideText.swap16();
}

const readOf = ({ dialect: { delimiter, ...dialect }, before }: File) =>
  wholeRead({
    dialect: {
      ...dialect,
      delimiter: before === "sep" ? null : delimiter,
      headerRows: before === "preamble" ? [3] : null,
      commentChar: before === "comment" ? "#" : null,
    },
  });

function chunksOf(file: File, cuts: readonly number[], limits = {}) {
  const bytes = bytesOf(file);
  const splitter = createSplitter("csv", { ...wide, ...limits }, { read: readOf(file) });
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  const pieces = [0, ...places].map((from, i) => Buffer.from(bytes.subarray(from, places[i] ?? bytes.length)));
  const chunks = pieces.flatMap((piece) => splitter.push(piece));
  return { chunks: [...chunks, ...splitter.end()], envelope: splitter.envelope };
}

/** The cells of the chunks' rows, as only the reader finds them. */
function cellsOf({ chunks, envelope }: ReturnType<typeof chunksOf>): string[][] {
  const reader = new CellReader(dialectOf(envelope));
  return chunks.flatMap(({ data, records }) => {
    const places = csvRecordStarts(data, dialectOf(envelope));
    if (places.length !== records) expect(places).toHaveLength(records);
    return places.map(({ start, end }) => reader.cells(data.toString("utf8", start, end)));
  });
}

test("in any pieces and chunks", () => {
  fc.assert(
    fc.property(
      files,
      fc.array(fc.nat(), { maxLength: 5 }),
      fc.integer({ min: 1, max: 3 }),
      (file, cuts, chunkRecords) => {
        expect(cellsOf(chunksOf(file, cuts, { chunkRecords }))).toEqual(withNameless(file));
      },
    ),
    { numRuns: rounds(500) },
  );
});

test("cut at every byte", () => {
  fc.assert(
    fc.property(files, (file) => {
      const whole = cellsOf(chunksOf(file, []));
      expect(whole).toEqual(withNameless(file));
      const { length } = bytesOf(file);
      for (let cut = 0; cut <= length; cut++) {
        const found = cellsOf(chunksOf(file, [cut]));
        // Thousands of Jest's comparisons take seconds, so Jest compares only values that differ.
        if (!isDeepStrictEqual(found, whole)) expect(found).toEqual(whole);
      }
      expect(
        cellsOf(
          chunksOf(
            file,
            Array.from({ length }, (_, i) => i),
          ),
        ),
      ).toEqual(whole);
    }),
    { numRuns: rounds(25) },
  );
});

test("as records, by the fast way and by the slow one", async () => {
  const schema = {};
  await fc.assert(
    fc.asyncProperty(files, async (file) => {
      const { chunks, envelope } = chunksOf(file, []);
      const names = headerOf(file.table);
      const wanted = file.table.map((row) =>
        Object.fromEntries(row.flatMap((text, i) => (text === "" ? [] : [[names[i] as string, text]]))),
      );
      for (const oversized of [[], [99_999]]) {
        const found = [];
        for (const chunk of chunks) {
          const validator = compileRecordSchema(schema, { coerce: true });
          const spec = {
            format: "csv" as const,
            envelope,
            validator,
            values: true,
            read: readOf(file),
            maxRecordBytes: 1e6,
          };
          const { values, rejected } = await checkChunk({ ...chunk, oversized }, spec);
          expect(rejected).toEqual([]);
          found.push(...(values ?? []));
        }
        expect(found).toEqual(wanted);
      }
    }),
    { numRuns: rounds(150) },
  );
});

/** Cells without what the two parsers read differently: bare line ends, BOMs, a single quote character. */
const plainCell = fc
  .array(fc.constantFrom("a", "1", "é", " ", '"', ",", ";", "\n", "\r\n", "#", "'"), { maxLength: 6 })
  .map((parts) => parts.join(""));

test("papaparse and csv-parse read the same", () => {
  const plain = fc.integer({ min: 1, max: 4 }).chain((width) =>
    fc.array(fc.array(plainCell, { minLength: width, maxLength: width }).filter(isRow), {
      minLength: 1,
      maxLength: 5,
    }),
  );
  fc.assert(
    fc.property(plain, fc.constantFrom(",", ";"), (table, delimiter) => {
      const dialect = { ...plainDialect, delimiter };
      const text = table.map((row) => `${csvLine(row, dialect)}\n`).join("");
      const file: File = {
        ...{ dialect, table, ends: ["\n"], blank: "", endsOpen: false },
        ...{ before: "nothing", nameless: 0, encoding: "utf8" },
      };
      expect(cellsOf(chunksOf(file, []))).toEqual(table);
      const papa = Papa.parse<string[]>(text, { delimiter, newline: "\n", skipEmptyLines: true }).data;
      expect(papa).toEqual(table);
      expect(parse(text, { delimiter, record_delimiter: "\n", skip_empty_lines: true })).toEqual(table);
    }),
    { numRuns: rounds(300) },
  );
});

test("no row of random bytes is lost: each byte outside of blank lines is in a row", () => {
  const noise = fc
    .array(fc.constantFrom('"', '"', ",", "\n", "\r", "\r\n", "a", " ", "\ufeff", "\\", "#"), { maxLength: 40 })
    .map((parts) => parts.join(""));
  fc.assert(
    fc.property(noise, fc.array(fc.nat(), { maxLength: 4 }), (text, cuts) => {
      const body = Buffer.from(`a,b\n${text}\n"z"`);
      const read = (places: number[]) => {
        const splitter = createSplitter("csv", { ...wide, chunkRecords: 2 }, { delimiter: "," });
        try {
          const ends = [...new Set(places.map((at) => at % body.length))].sort((a, b) => a - b);
          const pieces = [0, ...ends].map((from, i) => body.subarray(from, ends[i] ?? body.length));
          const chunks = [...pieces.flatMap((piece) => splitter.push(Buffer.from(piece))), ...splitter.end()];
          const joined = chunks.map(({ data }) => data.toString()).join("");
          return { chunks, letters: joined.replaceAll(/[^a\\#z]/g, "") };
        } catch (error) {
          return { refused: (error as { type: string }).type };
        }
      };
      const whole = read([]);
      expect(read(cuts)).toEqual(whole);
      if (whole.letters !== undefined) expect(whole.letters).toBe(`${text.replaceAll(/[^a\\#]/g, "")}z`);
    }),
    { numRuns: rounds(500) },
  );
});
