/** Bodies that are plainly another kind of file, and bodies that only look like one. */
import { deflateRawSync, gzipSync, zstdCompressSync } from "node:zlib";
import type { Format } from "../../../formats/formats.ts";
import type { SplitOptions } from "../../../formats/parts.ts";

export const utf16 = (text: string, isBig = false) => {
  const bytes = Buffer.from(text, "utf16le");
  return isBig ? bytes.swap16() : bytes;
};

/** UTF-32, little-endian. */
const utf32 = (text: string) => Buffer.from(Uint32Array.from(text, (letter) => letter.codePointAt(0) as number).buffer);

export const csv = "id,name,amount\nA1,Ann,10\nA2,Ben,20\n";

export const ndjson = '{"id":"A1"}\n{"id":"A2"}\n';

const page = "<!DOCTYPE html>\n<html><head><title>502</title></head><body>Bad gateway</body></html>\n";

const form = '--------abc\r\nContent-Disposition: form-data; name="f"; filename="a.csv"\r\n\r\na\r\n--------abc--\r\n';

/** A zip archive of these deflated files, with only the parts that a reader from its start needs. */
function zip(...files: [name: string, content: string][]): Buffer {
  const parts = files.map(([name, content]) => {
    const data = deflateRawSync(content);
    const head = Buffer.alloc(30);
    head.write("PK\x03\x04", "latin1");
    head.writeUInt16LE(8, 8);
    head.writeUInt32LE(data.length, 18);
    head.writeUInt16LE(name.length, 26);
    return Buffer.concat([head, Buffer.from(name), data]);
  });
  return Buffer.concat(parts);
}

const types = (main: string) =>
  `<Types><Override PartName="/xl/workbook" ContentType="application/vnd.${main}"/></Types>`;

const xlsxMain = "openxmlformats-officedocument.spreadsheetml.sheet.main+xml";

const ole = Buffer.concat([Buffer.from("d0cf11e0a1b11ae1", "hex"), Buffer.alloc(600, 7)]);

export const everyFormat: [name: string, found: string, body: string | Buffer][] = [
  ["gzip", "gzip", gzipSync(csv)],
  ["Zstandard", "zstd", zstdCompressSync(csv)],
  ["bzip2", "bzip2", "BZh91AY&SYabcdefgh"],
  ["xz", "xz", Buffer.from("fd377a585a000004e6d6b446", "hex")],
  ["7z", "7z", Buffer.from("377abcaf271c0004", "hex")],
  ["RAR", "rar", Buffer.from("526172211a0700cf", "hex")],
  ["PDF", "pdf", "%PDF-1.7\n1 0 obj\n"],
  ["a zip", "zip", zip(["orders.csv", csv])],
  ["an empty zip", "zip", Buffer.concat([Buffer.from("PK\x05\x06", "latin1"), Buffer.alloc(18)])],
  [
    "a document of Word",
    "zip",
    zip(
      ["[Content_Types].xml", types("openxmlformats-officedocument.wordprocessingml.document.main+xml")],
      ["word/document.xml", "<w/>"],
    ),
  ],
  ["a workbook", "xlsx", zip(["[Content_Types].xml", types(xlsxMain)], ["xl/workbook.xml", "<x/>"])],
  ["a workbook that begins with its sheet", "xlsx", zip(["xl/worksheets/sheet1.xml", "<x/>"])],
  [
    "a workbook with macros",
    "xlsx",
    zip(["_rels/.rels", "<x/>"], ["xl/vbaProject.bin", "x"], ["xl/workbook.xml", "<x/>"]),
  ],
  [
    "a workbook by its types alone",
    "xlsx",
    zip(["[Content_Types].xml", types(xlsxMain)], ["docProps/app.xml", "<x/>"]),
  ],
  [
    "a binary workbook",
    "xls",
    zip(["[Content_Types].xml", types("ms-excel.sheet.binary.macroEnabled.main")], ["xl/workbook.bin", "x"]),
  ],
  ["a binary workbook that begins with a sheet", "xls", zip(["xl/styles.xml", "x"], ["xl/worksheets/sheet1.bin", "x"])],
  ["an old or an encrypted workbook", "xls", ole],
  ["a workbook of Excel 95", "xls", Buffer.from("0908080000050500a10b0000", "hex")],
  ["UTF-16", "utf-16", utf16(csv)],
  ["UTF-16, big end first", "utf-16", utf16(csv, true)],
  ["UTF-16 in Russian", "utf-16", utf16("имя,цена\nАнна,10\n")],
  ["UTF-16 in Chinese", "utf-16", utf16("编号,名称,数量\r\n一,安娜的商店,十\r\n", true)],
  ["UTF-16 of JSON", "utf-16", utf16('{"id":"A1"}\n')],
  ["UTF-32", "utf-32", Buffer.from("0000feff0000006100000062", "hex")],
  ["UTF-32 without a mark", "utf-32", utf32(csv)],
  ["UTF-32 without a mark, big end first", "utf-32", utf32(csv).swap32()],
  ["a page", "html", page],
  ["a page behind blanks and a BOM", "html", `\ufeff\n  ${page}`],
  ["a page without a doctype", "html", '<HTML xmlns:o="urn:schemas-microsoft-com:office:office"><table><tr>'],
  ["a page that begins with a comment", "html", "<!-- saved from url -->\n<html>"],
  ["a page of XHTML", "html", '<?xml version="1.0"?>\n<!DOCTYPE html>\n<html xmlns="x">'],
  ["a table that calls itself a workbook", "html", "<table border=1><tr><td>id</td></tr></table>"],
  ["XML", "xml", '<?xml version="1.0" encoding="utf-8"?>\n<orders><order id="A1"/></orders>\n'],
  ["a form", "multipart", form],
];

const pretty = JSON.stringify([{ id: "A1" }, { id: "A2" }], null, 2);

export const big = "x".repeat(100_000);

export const others: [name: string, Format, found: string, detail: RegExp, body: string][] = [
  ["an array", "csv", "json", /application\/json/, '[{"id":"A1"},{"id":"A2"}]'],
  ["an empty array", "csv", "json", /application\/json/, " [ ]\n"],
  ["a pretty-printed array", "csv", "json", /application\/json/, pretty],
  ["a wrapper", "csv", "json", /application\/json/, '{"records":[{"id":"A1"}]}'],
  ["a pretty-printed object", "csv", "json", /application\/json/, '{\n  "id": "A1"\n}\n'],
  ["an array that never ends", "csv", "json", /application\/json/, '[{"id":"A1"},'],
  ["an array with a comma too many", "csv", "json", /application\/json/, '[{"id":"A1"},]'],
  ["a long array", "csv", "json", /application\/json/, `[{"id":"${big}"},{}]`],
  ["NDJSON", "csv", "ndjson", /application\/x-ndjson/, ndjson],
  ["NDJSON behind a BOM and a blank line", "csv", "ndjson", /x-ndjson/, `\ufeff\n${ndjson}`],
  ["a line of NDJSON", "csv", "ndjson", /x-ndjson/, '{"id":"A1","tags":["a"]}'],
  ["NDJSON with a wrong first line", "csv", "ndjson", /x-ndjson/, '{"id":A1}\n{"id":"A2"}\n'],
  ["NDJSON of long lines", "csv", "ndjson", /x-ndjson/, `{"id":"${big}"}\n{}\n`],
  ["NDJSON on one line", "csv", "ndjson", /x-ndjson/, '{"id":"A1"}{"id":"A2"}'],
  ["objects with commas between", "csv", "ndjson", /x-ndjson/, '{"id":"A1"},\n{"id":"A2"}\n'],
  ["NDJSON", "json", "ndjson", /x-ndjson/, ndjson],
  ["NDJSON on one line", "json", "ndjson", /x-ndjson/, '{"id":"A1"}{"id":"A2"}'],
  ["pretty-printed objects", "json", "ndjson", /x-ndjson/, '{\n"id": "A1"\n}\n{\n"id": "A2"\n}\n'],
  ["a single object", "json", "object", /"records"/, '{"id":"A1","amount":10}'],
  ["a single object with a list in it, far in", "json", "object", /"records"/, '{"id":{"records":[1]},"n":1}'],
  ["an empty object", "json", "object", /"records"/, "{}"],
  ["a broken object", "json", "object", /"records"/, '{"id":A1}'],
  ["an object that never ends", "json", "object", /"records"/, '{"id":"A1",'],
  ["a long object", "json", "object", /"records"/, `{"id":"${big}"}`],
  ["a wrapper", "json", "object", /"data".*"records"/, '{"data": [{"id":"A1"}]}'],
  ["a wrapper with more in it", "json", "object", /"data".*"records"/, '{"count":1,"data":[{"id":"A1"}],"next":null}'],
  ["a long wrapper", "json", "object", /"données".*"records"/, `{"données":[{"id":"A1"},{"id":"${big}"}]}`],
  ["a wrapper of another case", "json", "object", /"Records".*"records"/, '{"Records":[{"id":"A1"}]}'],
  ["a pretty-printed array", "ndjson", "json", /application\/json/, pretty],
  ["an array on one line", "ndjson", "json", /application\/json/, '[{"id":"A1"},{"id":"A2"}]\n'],
  ["an array with a blank before its object", "ndjson", "json", /application\/json/, '\n[ {"id":"A1"}]'],
  ["pretty-printed objects", "ndjson", "json", /application\/json/, '{\r\n  "id": "A1"\r\n}\r\n'],
  ["nothing but a bracket", "ndjson", "json", /application\/json/, "["],
];

export const taken: [name: string, Format, records: number, body: string | Buffer, options?: SplitOptions][] = [
  ["records in each line", "ndjson", 2, '{"records":[{"a":1}]}\n{"records":[]}\n'],
  ["records, and more in it", "ndjson", 1, '{"records":[{"a":1}],"n":1}\n'],
  ["records that are no list", "ndjson", 1, '{"records":{"a":[1]}}\n'],
  ["records that are a field", "ndjson", 1, '{"records":[{"a":1}]}\n', { isField: (name) => name === "records" }],
  ["names in brackets", "csv", 1, "[id],[name]\n1,2\n"],
  ["a name in brackets", "csv", 1, "[id]\n1\n"],
  ["a number in brackets", "csv", 1, "[1]\n1\n"],
  ["numbers in brackets", "csv", 1, "[1],[2]\n1,2\n"],
  ["names in braces", "csv", 1, "{id},{name}\n1,2\n"],
  ["a name in angle brackets", "csv", 1, "<id>,<name>\n1,2\n"],
  ["a name like a page's element", "csv", 1, "<header>,<body-text>\n1,2\n"],
  ["a name of dashes", "csv", 1, "--id,-name\n1,2\n"],
  ["a dash and a colon", "csv", 1, "-- a: b\nContent\n"],
  ["a cell that is JSON", "csv", 2, 'id,data\n1,"{""a"":1}"\n{},[]\n'],
  ["names like the start of an archive", "csv", 1, "PK,BZh,7z\n1,2,3\n"],
  ["a zero byte here and there", "csv", 2, "id,name\nA1,x\0\nA2,y\0\n"],
  ["UTF-16 that says so", "csv", 2, utf16(csv), { encoding: "utf-16le" }],
  ["UTF-16 in Chinese that says so", "csv", 1, utf16("编号,名称\n一,二\n", true), { encoding: "utf-16be" }],
  [
    "UTF-16 of characters that end in zeros",
    "csv",
    2,
    utf16(`一,丐\n${"一一一一,丐\n".repeat(2)}`),
    { encoding: "utf-16le" },
  ],
  ["UTF-8 behind its BOM, called UTF-16", "csv", 2, `\ufeff${csv}`, { encoding: "utf-16le" }],
  ["an array that is pretty-printed", "json", 2, `\n${pretty}\n`],
  ["the records first", "json", 1, '{ "records" : [{"data":[1]}]}'],
  ["a name with an escape", "json", 1, '{"rec\\u006frds":[{}]}'],
  ["an array of arrays", "ndjson", 1, "[1]\n"],
  ["an empty array as a line", "ndjson", 1, "[]\n"],
  ["an array of strings", "ndjson", 1, '["a"]\n'],
  ["an array further on", "ndjson", 2, '{}\n[{"a":1}]\n'],
  ["a comment", "ndjson", 1, "// x\n"],
];
