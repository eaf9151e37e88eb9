import { csvCells, csvRecordStarts } from "../../../formats/check/csv-scan.ts";
import { oneByte, refusal, split } from "./split-kit.ts";

const header = (body: string | Buffer, settings = {}) =>
  split("csv", Buffer.concat([Buffer.from(body), Buffer.from("\nx")]), settings).envelope.header;

/** The records as a parser finds them in the chunks: text and physical line. */
function rows(body: string, settings = {}): [string, number][] {
  const { chunks, envelope } = split("csv", body, settings);
  return chunks.flatMap(({ data, firstLine, records }) => {
    const found = csvRecordStarts(data, envelope.delimiter as string);
    expect(found).toHaveLength(records);
    return found.map(({ start, end, line }): [string, number] => [
      data.toString("utf8", start, end),
      line + (firstLine as number),
    ]);
  });
}

describe("the header", () => {
  test("is the first row, without BOM, and no record", () => {
    for (const piece of [undefined, oneByte]) {
      const { envelope, chunks } = split("csv", "\ufeffa,b\r\n1,2\r\n", { piece });
      expect(envelope).toEqual({ charset: "utf-8", delimiter: ",", header: ["a", "b"] });
      expect(chunks).toMatchObject([{ firstRecord: 1, firstLine: 2, records: 1, data: Buffer.from("1,2\r\n") }]);
    }
  });

  test("tells the delimiter by its counts outside quotes", () => {
    expect(header("a;b,c;d")).toEqual(["a", "b,c", "d"]);
    expect(header("a\tb")).toEqual(["a", "b"]);
    expect(header('"x,y,z";b')).toEqual(["x,y,z", "b"]);
    expect(header("a,b;c")).toEqual(["a", "b;c"]);
    expect(header("alone")).toEqual(["alone"]);
    expect(header("a|b,c", { delimiter: "|" })).toEqual(["a", "b,c"]);
  });

  test("is decoded and unquoted, and not trimmed", () => {
    expect(header('"a ""b""", c ,"d"x,é')).toEqual(['a "b"', " c ", "dx", "é"]);
    expect(header(Buffer.from("pre\xe7o;\x80", "latin1"), { charset: "windows-1252" })).toEqual(["preço", "€"]);
    expect(header('"two\nlines",b')).toEqual(["two\nlines", "b"]);
  });

  test("drops the blanks after a closing quote, as the rows do", () => {
    expect(header('"a" ,"b"\t , "c" ,"d" x')).toEqual(["a", "b", ' "c" ', "d x"]);
    expect(header('"a"\t"b" \t"c" ', { delimiter: "\t" })).toEqual(["a", "b", "c"]);
    expect(refusal(() => header('"" ,b'))).toMatchObject({ code: "malformed-body" });
    expect(refusal(() => header('"a" ,a'))).toMatchObject({ code: "malformed-body" });
  });

  test("refused: no name, a name twice, bytes of another charset, too long, never ending", () => {
    for (const body of [
      "a,,b\n1",
      "a,b,\n1",
      'a,""\n1',
      "a,b,a\n1",
      '"a",a\n1',
      "a,b,a",
      '"a,b',
      `${"x".repeat(3000)}\n1`,
    ]) {
      for (const piece of [undefined, oneByte]) {
        const work = () => split("csv", body, { maxRecordBytes: 2000, piece });
        expect(refusal(work)).toEqual({ code: "malformed-body", line: 1 });
      }
    }
    expect(refusal(() => header(Buffer.from("pre\xe7o", "latin1")))).toEqual({ code: "malformed-body", line: 1 });
  });

  test("refused quickly, however many columns", () => {
    const names = Array.from({ length: 200_000 }, (_, i) => `c${i}`).join(",");
    expect(refusal(() => header(`${names},c199999`, { maxRecordBytes: 1e8 }))).toMatchObject({ line: 1 });
  });

  test("alone is an empty body", () => {
    for (const body of ["", "\n\r\n", "a,b", "a,b\n", "a,b\n\n\r\n", "a,b\n\r"]) {
      expect(refusal(() => split("csv", body))).toEqual({ code: "empty-body" });
    }
  });

  test("a delimiter that means something else is refused", () => {
    for (const delimiter of ['"', "\n", "\r", "", ",,", "é"]) {
      expect(refusal(() => split("csv", "a\n1", { delimiter })).code).toBe("unsupported-media-type");
    }
  });
});

describe("rows", () => {
  test("a quoted field may span lines; lines count on", () => {
    expect(rows('a,b\n1,"x\r\ny ""z""\n"\r\n2,"",\n')).toEqual([
      ['1,"x\r\ny ""z""\n"', 2],
      ['2,"",', 5],
    ]);
  });

  test("a stray quote is plain text and swallows nothing", () => {
    expect(rows('a,b\n5" pipe,1\n"x"y"z\n,2\n"q"" ",4\n "s\n3,"\n"\n')).toEqual([
      ['5" pipe,1', 2],
      ['"x"y"z', 3],
      [",2", 4],
      ['"q"" ",4', 5],
      [' "s', 6],
      ['3,"\n"', 7],
    ]);
  });

  test("blank lines are skipped, but counted, before the header too; a lone CR is plain text", () => {
    expect(rows("\n\r\na,b\n\n1,2\n\r\n3\r,4\r\n\n5,6", { chunkRecords: 1 })).toEqual([
      ["1,2", 5],
      ["3\r,4", 7],
      ["5,6", 9],
    ]);
  });

  test("a quoted field that never ends is refused with the line where its record begins", () => {
    for (const piece of [undefined, oneByte]) {
      const refused = (body: string) => refusal(() => split("csv", body, { piece, maxRecordBytes: 2000 }));
      expect(refused('a,b\n1,"x\ny"\n2,"x\n3,4\n')).toEqual({ code: "malformed-body", line: 4 });
      expect(refused(`a\n"${"x\n".repeat(2000)}`)).toEqual({ code: "malformed-body", line: 2 });
    }
  });

  test("a record that is too long stays one row, and the lines after it are right", () => {
    for (const lf of [3, 500, 5000]) {
      const long = `1,"${"x\n".repeat(lf)}${"y".repeat(3000)}"`;
      for (const piece of [undefined, oneByte]) {
        const body = `a,b\n0,0\n${long}\n2,"3\n"\n${long}\n4,5\n${long}`;
        const found = rows(body, { maxRecordBytes: 2000, piece });
        const { chunks } = split("csv", body, { maxRecordBytes: 2000, piece });
        const oversized = chunks.flatMap((chunk) => chunk.oversized.map((index) => chunk.firstRecord + index));
        expect(oversized).toEqual([2, 4, 6]);
        expect(found.map(([, line]) => line)).toEqual([2, 3, 4 + lf, 6 + lf, 7 + 2 * lf, 8 + 2 * lf]);
        const kept = long.slice(0, 1024).replaceAll("\n", " ");
        expect(found.map(([text]) => text)).toEqual(["0,0", `${kept}"`, '2,"3\n"', `${kept}"`, "4,5", `${kept}"`]);
      }
    }
  });

  test("one byte beyond the limit, inside quotes: still closed", () => {
    const long = `"${"x".repeat(1999)}\ny"`;
    expect(rows(`a\n${long}\n2\n`, { maxRecordBytes: Buffer.byteLength(long) - 1 }).map(([, line]) => line)).toEqual([
      2, 4,
    ]);
  });

  test("names are written into each record: long ones make small chunks, and no column's is longer than 1,000 characters", () => {
    const sizes = (header: string) => split("csv", `${header}\n${"1\n".repeat(20_000)}`).chunks.map((c) => c.records);
    expect(sizes("a")).toEqual([5_000, 5_000, 5_000, 5_000]);
    expect(sizes("a".repeat(1_000))).toEqual([4_195, 4_195, 4_195, 4_195, 3_220]);
    expect(refusal(() => split("csv", `b,${"a".repeat(1_001)}\n1,2\n`))).toEqual({ code: "malformed-body", line: 1 });
  });

  test("a header row has at most 1 MiB, also where a record may have more", () => {
    const header = Array.from({ length: 2_000 }, (_, i) => `${i}-${"a".repeat(600)}`).join();
    const refused = () => split("csv", `${header}\n1\n`, { maxRecordBytes: 16 * 2 ** 20 });
    expect(refusal(refused)).toEqual({ code: "malformed-body", line: 1 });
  });

  test("too many records", () => {
    const refused = () => split("csv", "a\n1\n2\n3\n", { maxRecords: 2 });
    expect(refusal(refused)).toEqual({ code: "too-many-records", limit: 2 });
  });
});

test("csvCells unquotes by the same rule", () => {
  expect(csvCells('a,"b,""c""",5" d,"e"f,,"', ",")).toEqual(["a", 'b,"c"', '5" d', "ef", "", ""]);
});
