import { isDeepStrictEqual } from "node:util";
import { plainDialect } from "../../../formats/csv/dialect.ts";
import { csvRecordStarts } from "../../../formats/csv/scan.ts";
import { type Format, formats, type RawChunk } from "../../../formats/formats.ts";
import { createSplitter } from "../../../formats/parts.ts";
import { isProblem } from "../../../lib/errors.ts";
import { rounds } from "../../helpers/seeded.ts";
import { lines, seeded, split, wide } from "./split-kit.ts";

type Random = (below: number) => number;

const many = (random: Random, below: number, make: () => string) => Array.from({ length: 1 + random(below) }, make);
const oneOf = (random: Random, parts: string[]) => parts[random(parts.length)] as string;

/** A workbook is read when all of it is there. */
type Streamed = Exclude<Format, "xlsx">;
const streamed = formats.filter((format): format is Streamed => format !== "xlsx");

const alphabet: Record<Streamed, string[]> = {
  ndjson: ["{}", "\n", "\r\n", " ", "\t", "\r", "é", "x".repeat(40), "\0"],
  csv: ['"', '"', ",", "\n", "\n", "\r\n", "\r", "a", ";", "é", '""', "x".repeat(40)],
  json: ["[", "]", "{", "}", '"', "\\", ",", ",", "\n", " ", "1", '"a"', "{}", '{"b":[]}', '"records":'],
};

/** Bodies of the bytes that matter, in any order: most are wrong somewhere. */
function noise(format: Streamed, random: Random): string {
  const text = many(random, 60, () => oneOf(random, alphabet[format])).join("");
  if (format === "csv") return `a,b\n${text}`;
  return format === "json" && random(4) > 0 ? `[1,${text}]` : text;
}

function outcome(format: Format, body: string, settings: object): unknown {
  try {
    return split(format, body, settings);
  } catch (error) {
    if (isProblem(error)) return { type: error.type, data: error.data };
    throw error;
  }
}

describe.each(streamed)("%s in pieces", (format) => {
  test("any pieces give what one piece gives", () => {
    const random = seeded(11);
    for (let round = 0; round < rounds(1000); round++) {
      const body = noise(format, random);
      const limits = { chunkRecords: 1 + random(4), chunkBytes: 20 + random(60), maxRecordBytes: 30, maxRecords: 25 };
      const whole = outcome(format, body, limits);
      const most = 1 + random(9);
      const inPieces = outcome(format, body, { ...limits, piece: () => 1 + random(most) });
      // Thousands of Jest's comparisons take seconds, so Jest compares only values that differ.
      if (!isDeepStrictEqual(inPieces, whole)) expect(inPieces).toEqual(whole);
    }
  });

  test("chunks follow each other without a gap and keep their limits", () => {
    const random = seeded(5);
    const record = { ndjson: "[1234567]\n", csv: "1234567,1\n", json: "[1234567]," }[format];
    const frame = { ndjson: ["", ""], csv: ["a,b\n", ""], json: ["[", "0]"] }[format];
    const body = frame.join(record.repeat(1000));
    const { chunks, records } = split(format, body, {
      chunkRecords: 30,
      chunkBytes: 400,
      piece: () => 1 + random(5000),
    });
    let next = 1;
    for (const [no, chunk] of chunks.entries()) {
      expect(chunk).toMatchObject({ no, firstRecord: next, records: Math.min(30, records - next + 1) });
      next += chunk.records;
    }
    const bySize = split(format, body, { chunkBytes: 95, piece: () => 1 + random(5000) }).chunks.slice(0, -1);
    expect(bySize.every((chunk) => chunk.records === 10 && chunk.data.length === 100)).toBe(true);
  });

  test("a chunk has its own memory, of its own size", () => {
    const [chunk] = split(format, { ndjson: "1\n", csv: "a\n1\n", json: "[1]" }[format]).chunks;
    expect(chunk?.data.buffer.byteLength).toBe(2);
  });
});

/** Splits 12 MiB of `fill` after `start`, and answers by how many MB the process has grown. */
function growth(format: Format, start: string, fill: string): { grown: number; chunks: RawChunk[] } {
  const splitter = createSplitter(format, { ...wide, maxRecords: 1e8 });
  const piece = Buffer.alloc(1 << 16, fill);
  const before = process.memoryUsage().arrayBuffers;
  let most = 0;
  const chunks = splitter.push(Buffer.from(start));
  for (let i = 0; i < 192; i++) {
    for (const chunk of splitter.push(piece)) chunks.push({ ...chunk, data: chunk.data.subarray(0, 1) });
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
  }
  return { grown: most / 1e6, chunks };
}

test.each([
  ["ndjson", '{"a":"', "x"],
  ["ndjson", "", " "],
  ["csv", "a,b\n1,", "x"],
  ["csv", 'a,b\n1,"', "\n"],
  ["csv", "a,b\n", "\n"],
  ["json", '["', "x"],
  ["json", '["', "\n"],
  ["json", "", " "],
] as const)("an endless record costs flat memory: %s, %j and then %j", (format, start, fill) => {
  const { grown, chunks } = growth(format, start, fill);
  expect(chunks).toEqual([]);
  expect(grown).toBeLessThan(6);
});

describe("against a naive reference", () => {
  test("NDJSON: the lines that are not blank", () => {
    const random = seeded(21);
    for (let round = 0; round < 500; round++) {
      const body = `1\n${noise("ndjson", random)}`;
      const expected = body.split("\n").filter((line) => /[^ \t\r]/.test(line));
      const { chunks } = split("ndjson", body, { piece: () => 1 + random(9), chunkRecords: 3 });
      const found = chunks
        .flatMap((chunk) => chunk.data.toString().split("\n"))
        .filter((line) => /[^ \t\r]/.test(line));
      expect(found).toEqual(expected);
    }
  });

  test("CSV: records and lines by a regular expression", () => {
    const random = seeded(22);
    const field = /(?:"(?:[^"]|"")*"(?!")[^,\r\n]*|(?!")[^,\r\n]*)(,|\r?\r\n|\n|\r|$)/y;
    for (let round = 0; round < rounds(700); round++) {
      const body = `a,b\n${many(random, 40, () => oneOf(random, alphabet.csv)).join("")}\n"z"`;
      const expected = referenceRows(body, field);
      if (expected === null) continue;
      const { chunks } = split("csv", body, { delimiter: ",", piece: () => 1 + random(9), chunkRecords: 3 });
      expect(chunks.flatMap(rowsOf)).toEqual(expected);
    }
  });

  test("JSON: what JSON.parse says", () => {
    const random = seeded(23);
    for (let round = 0; round < rounds(400); round++) {
      const values = Array.from({ length: 1 + random(6) }, () => randomValue(random, 3));
      const text = JSON.stringify(random(2) ? values : { records: values }, null, random(3));
      const result = split("json", text, { piece: () => 1 + random(9), chunkRecords: 2 });
      expect(lines(result).map((line) => JSON.parse(line))).toEqual(values);
    }
  });
});

function rowsOf({ data, firstLine }: RawChunk): [string, number][] {
  return csvRecordStarts(data, plainDialect).map(({ start, end, line }) => [
    data.toString("utf8", start, end),
    line + (firstLine ?? 0),
  ]);
}

/** The rows of a text, of which the first is the header. Null if a quoted field never ends. */
function referenceRows(body: string, field: RegExp): [string, number][] | null {
  const found: [string, number][] = [];
  let start = 0;
  let line = 1;
  for (field.lastIndex = 0; start < body.length; ) {
    const match = field.exec(body);
    if (match === null) return null;
    if (match[1] === ",") continue;
    const row = body.slice(start, field.lastIndex);
    const text = row.slice(0, row.length - (match[1] as string).length);
    if (!/^(?:(?:"")?,)*(?:"")?$/.test(text)) found.push([text, line]);
    line += row.split(/\r?\r\n|\n|\r/).length - 1;
    start = field.lastIndex;
  }
  return found.slice(1);
}

function randomValue(random: Random, depth: number): unknown {
  const text = () => many(random, 4, () => oneOf(random, ["a", '"', "\\", "[", "}", ",", "\n", "é", " "])).join("");
  // Keys without a backslash, because Node 24.21's JSON.parse confuses the keys `\\` and `"` of objects that begin alike.
  const key = () => text().replaceAll("\\", "");
  const scalars = [() => random(1000), text, () => null, () => true, () => -1.5];
  const nested = [
    () => Array.from({ length: random(3) }, () => randomValue(random, depth - 1)),
    () => Object.fromEntries(Array.from({ length: random(3) }, () => [key(), randomValue(random, depth - 1)])),
  ];
  const makers = depth > 0 ? [...scalars, ...nested] : scalars;
  return (makers[random(makers.length)] as () => unknown)();
}
