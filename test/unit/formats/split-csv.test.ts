import { CellReader } from "../../../formats/csv/cells.ts";
import { dialectOf, plainDialect } from "../../../formats/csv/dialect.ts";
import { csvRecordStarts } from "../../../formats/csv/scan.ts";
import { wholeRead } from "../../../formats/read/read.ts";
import { oneByte, refusal, split } from "./split-kit.ts";

const header = (body: string | Buffer, settings = {}) =>
  split("csv", Buffer.concat([Buffer.from(body), Buffer.from("\nx")]), settings).envelope.header;

/** The records in the chunks, as a parser finds them: text and physical line. */
function rows(body: string, settings = {}): [string, number][] {
  const { chunks, envelope } = split("csv", body, settings);
  return chunks.flatMap(({ data, firstLine, records }) => {
    const found = csvRecordStarts(data, dialectOf(envelope));
    expect(found).toHaveLength(records);
    return found.map(({ start, end, line }): [string, number] => [
      data.toString("utf8", start, end),
      line + (firstLine as number),
    ]);
  });
}

describe("the header", () => {
  test("is the first row, without BOM, and is not a record", () => {
    for (const piece of [undefined, oneByte]) {
      const { envelope, chunks } = split("csv", "\ufeffa,b\r\n1,2\r\n", { piece });
      expect(envelope).toEqual({ charset: "utf-8", delimiter: ",", header: ["a", "b"], isMapped: true });
      expect(chunks).toMatchObject([{ firstRecord: 1, firstLine: 2, records: 1, data: Buffer.from("1,2\r\n") }]);
    }
  });

  test("tells the delimiter: the one by which most of the first 20 rows are as wide as the header", () => {
    expect(header("a;b,c;d\n1;2;3")).toEqual(["a", "b,c", "d"]);
    expect(header("a;b,c;d\n1,2;3")).toEqual(["a;b", "c;d"]);
    expect(header("a|b,c")).toEqual(["a|b", "c"]);
    expect(header("a|b")).toEqual(["a", "b"]);
    expect(header("a,b;c\n\n1;2\n,\n3;4\n5,6")).toEqual(["a,b", "c"]);
    // Only the first 20 rows count.
    expect(header(`a,b;c\n${"1,2\n".repeat(10)}${"1;2\n".repeat(10)}${"1;2\n".repeat(10)}`)).toEqual(["a", "b;c"]);
    for (const piece of [undefined, oneByte, () => 1000])
      expect(header(`a,b;c\n1,${"x".repeat(70_000)}\n2;3`, { piece })).toEqual(["a", "b;c"]);
    expect(header("a\tb")).toEqual(["a", "b"]);
    expect(header('"x,y,z";b')).toEqual(["x,y,z", "b"]);
    expect(header("a,b;c")).toEqual(["a", "b;c"]);
    expect(header("alone")).toEqual(["alone"]);
    expect(header("a|b,c", { delimiter: "|" })).toEqual(["a", "b,c"]);
    // A comma within quotes of another delimiter does not count. A delimiter that leaves stray quotes in the rows is not chosen.
    expect(header('"a";"b, c"\n"1";"2, 3"')).toEqual(["a", "b, c"]);
    expect(header('a;b, c\n"1";"2, 3"')).toEqual(["a", "b, c"]);
    expect(header('"a"x;b\n1;2')).toEqual(["ax", "b"]);
    const two = { read: wholeRead({ dialect: { headerRows: [1, 3] } }) };
    for (const piece of [undefined, oneByte])
      expect(header("Orders\nnone,of\na;b,c\n1;2", { ...two, piece })).toEqual(["Orders a", "b,c"]);
    expect(header("a\tb,c", { read: wholeRead({ dialect: { delimiter: "tab" } }) })).toEqual(["a", "b,c"]);
  });

  test("with one name makes each row one cell, whatever it contains", () => {
    const cellsIn = (body: string, settings = {}) => {
      const { chunks, envelope } = split("csv", body, settings);
      const reader = new CellReader(dialectOf(envelope));
      return chunks.flatMap(({ data }) => data.toString().trim().split("\n")).map((row) => reader.cells(row));
    };
    expect(cellsIn('price\n1,5\n"2;5"\n3\t5')).toEqual([["1,5"], ["2;5"], ["3\t5"]]);
    const named = (...columns: string[]) => ({ read: wholeRead({ columns, dialect: { header: false } }) });
    expect(cellsIn("5\n1,5", named("price"))).toEqual([["5"], ["1,5"]]);
    // With several columns the first row would have too few cells.
    expect(cellsIn("5\n1,5", named("id", "price"))).toEqual([["5"], ["1", "5"]]);
  });

  test("is decoded, unquoted and trimmed", () => {
    expect(header('"a ""b""", c ,"d"x,é')).toEqual(['a "b"', "c", "dx", "é"]);
    expect(header(Buffer.from("pre\xe7o;\x80", "latin1"), { encoding: "windows-1252" })).toEqual(["preço", "€"]);
    expect(header('"two\nlines",b')).toEqual(["two\nlines", "b"]);
  });

  test("drops the blanks after a closing quote, as the rows do", () => {
    expect(header('"a" ,"b"\t , "c" ,"d" x')).toEqual(["a", "b", '"c"', "d x"]);
    expect(header('"a"\t"b" \t"c" ', { delimiter: "\t" })).toEqual(["a", "b", "c"]);
    expect(refusal(() => header('"" ,b'))).toMatchObject({ code: "malformed-body" });
    expect(refusal(() => header('"a" ,a'))).toMatchObject({ code: "malformed-body" });
  });

  test("refused: no name, a name twice, bytes of another charset, too long, never ending", () => {
    for (const [body, column] of [
      ["a,,b\n1", 2],
      ["a, \u00a0\u200b,b\n1", 2],
      ["a,b,a\n1", 3],
      ['"a",a\n1', 2],
      ["a,b, a\u200b\n", 3],
      ["cafe\u0301,b,café\n", 3],
      ['""', undefined],
      ['"a,b\n', undefined],
      [`${"x".repeat(3000)}\n1`, undefined],
    ] as const) {
      for (const piece of [undefined, oneByte]) {
        const work = () => split("csv", body, { maxRecordBytes: 2000, piece });
        const told = body === '""' ? { code: "empty-body" } : { code: "malformed-body", line: 1, column };
        expect(refusal(work)).toEqual(told);
      }
    }
    expect(refusal(() => header(Buffer.from("pre\xe7o\n", "latin1")))).toEqual({ code: "malformed-body", line: 1 });
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

test("a request's delimiter that the policy's dialect uses for something else is refused", () => {
  const read = wholeRead({ dialect: { commentChar: "#", quoteChar: "'" } });
  for (const delimiter of ["#", "'"])
    expect(refusal(() => split("csv", "a\n1", { delimiter, read })).code).toBe("unsupported-media-type");
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

  test("blank lines are skipped, but counted, before the header too", () => {
    for (const piece of [undefined, oneByte])
      expect(rows("\n\r\na,b\n\n1,2\n\r\n3,4\r\n\n5,6", { chunkRecords: 1, piece })).toEqual([
        ["1,2", 5],
        ["3,4", 7],
        ["5,6", 9],
      ]);
  });

  test.each([
    ["LF", "a,b\n1,2\n\n3,4\n", 4],
    ["CR LF", "a,b\r\n1,2\r\n\r\n3,4\r\n", 4],
    ["CR", "a,b\r1,2\r\r3,4\r", 4],
    ["CR CR LF", "a,b\r\r\n1,2\r\r\n\r\r\n3,4\r\r\n", 4],
    ["mixed", "a,b\r1,2\r\r\n\n\r\r\r\n3,4", 6],
    ["in cells", 'a,b\r1,2\n"\r\n\r\r\r\n","\n"\r3,4', 8],
  ])("line ends: %s", (_name, body, line) => {
    for (const piece of [undefined, oneByte, () => 2]) {
      const found = rows(body, { piece });
      expect([found[0], found.at(-1)]).toEqual([
        ["1,2", 2],
        ["3,4", line],
      ]);
    }
  });

  test("rows of empty or blank cells are blank lines, skipped and counted", () => {
    const body = `a,b,c\n,,\n1,,\n , \t,\u00a0\n"","  ",\n,2,\n""" ",,\n,"x",\n\u00c2,,\n`;
    for (const piece of [undefined, oneByte])
      expect(rows(body, { piece })).toEqual([
        ["1,,", 3],
        [",2,", 6],
        ['""" ",,', 7],
        [',"x",', 8],
        ["\u00c2,,", 9],
      ]);
  });

  test("a BOM before a row is skipped, also before a quote", () => {
    for (const piece of [undefined, oneByte])
      expect(rows('\ufeff\ufeffa,b\n\ufeff1,2\n\ufeff\ufeff"3\n",\ufeff4\n\ufeff\n5,6', { piece })).toEqual([
        ["1,2", 2],
        ['"3\n",\ufeff4', 3],
        ["5,6", 6],
      ]);
  });

  test("a first line sep= is skipped, and tells the delimiter if nothing else does", () => {
    for (const piece of [undefined, oneByte]) {
      const filled = ["sep=; ", "sep=;\t", '"sep=;"; ;', `sep=;${";".repeat(300)}`];
      for (const first of ["sep=;", "SEP=;", '"sep=;"', "\ufeffsep=;", "\n\nSep=;", ...filled])
        expect(split("csv", `${first}\r\na,b;c\n1;2`, { piece }).envelope).toMatchObject({ header: ["a,b", "c"] });
      expect(header("sep=\t\na\tb,c", { piece })).toEqual(["a", "b,c"]);
      expect(header("sep=;\na,b;c", { delimiter: ",", piece })).toEqual(["a", "b;c"]);
      expect(rows("sep=;\na;b\n1;2", { piece })).toEqual([["1;2", 3]]);
      // A letter cannot be a delimiter, and no text may follow the delimiter. So these lines are headers.
      expect(header("sep=x", { piece })).toEqual(["sep=x"]);
      expect(header("sep=;b\n1;2", { delimiter: ";", piece })).toEqual(["sep=", "b"]);
    }
  });

  test("nameless columns at the end of the header are dropped", () => {
    for (const piece of [undefined, oneByte])
      expect(split("csv", "a,b, ,\u200b\n1,2,,\n", { piece }).envelope).toMatchObject({
        header: ["a", "b"],
        nameless: 2,
      });
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

  test("a record one byte too long, inside quotes, still ends at its closing quote", () => {
    const long = `"${"x".repeat(1999)}\ny"`;
    expect(rows(`a\n${long}\n2\n`, { maxRecordBytes: Buffer.byteLength(long) - 1 }).map(([, line]) => line)).toEqual([
      2, 4,
    ]);
  });

  test("names are written into each record: long ones make small chunks, and no column's is longer than 1,000 characters", () => {
    const sizes = (header: string) => split("csv", `${header}\n${"1\n".repeat(20_000)}`).chunks.map((c) => c.records);
    expect(sizes("a")).toEqual([5_000, 5_000, 5_000, 5_000]);
    expect(sizes("a".repeat(1_000))).toEqual([4_195, 4_195, 4_195, 4_195, 3_220]);
    expect(refusal(() => split("csv", `b,${"a".repeat(1_001)}\n1,2\n`))).toMatchObject({ line: 1, column: 2 });
  });

  test("a header row has at most 1 MiB, even if a record may have more", () => {
    const header = Array.from({ length: 2_000 }, (_, i) => `${i}-${"a".repeat(600)}`).join();
    const refused = () => split("csv", `${header}\n1\n`, { maxRecordBytes: 16 * 2 ** 20 });
    expect(refusal(refused)).toEqual({ code: "malformed-body", line: 1 });
  });

  test("too many records", () => {
    const refused = () => split("csv", "a\n1\n2\n3\n", { maxRecords: 2 });
    expect(refusal(refused)).toEqual({ code: "too-many-records", limit: 2 });
  });
});

test("cells are unquoted by the same rule", () => {
  expect(new CellReader(plainDialect).cells('a,"b,""c""",5" d,"e"f,,"')).toEqual(["a", 'b,"c"', '5" d', "ef", "", ""]);
});
