/**
 * The promise: a workbook becomes chunks of stored rows: the rows after its header, without blank rows, each with its number in
 * the sheet.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { unzipSync } from "fflate";
import type { RawChunk, SplitLimits, WholeBody } from "../../../formats/formats.ts";
import { createSplitter, type SplitOptions } from "../../../formats/parts.ts";
import { defaultRead, type PartialRead, wholeRead } from "../../../formats/read/read.ts";
import { Spool } from "../../../formats/xlsx/spool.ts";
import { isProblem } from "../../../lib/errors.ts";
import { rowOf, tableOf, workbookOf, zipOf } from "../../helpers/workbook.ts";
import { wide } from "./split-kit.ts";

const inTurn = async <T>(work: () => T): Promise<T> => work();

async function split(body: Buffer, options: SplitOptions = {}, limits: Partial<SplitLimits> = {}) {
  const splitter = createSplitter("xlsx", { ...wide, ...limits }, { read: defaultRead, ...options });
  const whole = splitter.whole as WholeBody;
  try {
    for (let at = 0; at < body.length; at += 100) await whole.write(body.subarray(at, at + 100));
    const chunks: RawChunk[] = [];
    for await (const chunk of whole.chunks(inTurn)) chunks.push(chunk);
    return {
      chunks,
      rows: chunks.flatMap(({ data }) => data.toString().split("\n").filter(Boolean)),
      envelope: splitter.envelope,
    };
  } catch (error) {
    if (!isProblem(error)) throw error;
    return { code: error.type, detail: error.message, ...(error.data as object) };
  } finally {
    await whole.close();
  }
}

const ofRows = (data: string) => workbookOf({ sheets: { One: data } });
const readBy = (read: PartialRead): SplitOptions => ({ read: wholeRead(read) });

test("the first row that is not blank is the header; blank rows are not records; rows keep their numbers", async () => {
  const data = [
    rowOf(2, [" "]),
    rowOf(3, ["id ", "amount", null, " "]),
    rowOf(5, ["A1", 10]),
    rowOf(6, ["", "\u00a0\t"]),
    rowOf(9, ["A2", null, null, "x"]),
  ];
  expect(await split(ofRows(data.join("")))).toMatchObject({
    rows: [`{"row":5,"cells":["A1",10]}`, `{"row":9,"cells":["A2",null,null,"x"]}`],
    envelope: { header: ["id", "amount"], nameless: 2, isMapped: true },
    chunks: [{ firstLine: null, firstRecord: 1, records: 2 }],
  });
});

test("headerRows, comments, and names that the policy or the request says", async () => {
  const data = tableOf([["Preamble", "x"], ["Order", "Price"], ["no", "net"], ["A1", 10], ["# done"]]);
  const preamble = readBy({ dialect: { headerRows: [2, 3], commentChar: "#" } });
  expect(await split(ofRows(data), preamble)).toMatchObject({
    envelope: { header: ["Order no", "Price net"] },
    rows: [`{"row":4,"cells":["A1",10]}`],
  });
  const bare = ofRows(tableOf([["A1", 10]]));
  const named = { columns: ["id", "amount"] };
  expect(await split(bare, { ...readBy(named), hasHeader: false })).toMatchObject({
    envelope: { header: ["id", "amount"] },
    rows: [`{"row":1,"cells":["A1",10]}`],
  });
  expect(await split(bare, readBy({ dialect: { header: false } }))).toMatchObject({ code: "malformed-body" });
});

test("a wrong or missing header is reported with its column or line", async () => {
  expect(await split(ofRows(tableOf([["id", null, "b"]])))).toMatchObject({
    code: "malformed-body",
    column: 2,
    line: 1,
  });
  expect(await split(ofRows(tableOf([["id", "b", "id\u200b"]])))).toMatchObject({ code: "malformed-body", column: 3 });
  expect(await split(ofRows(rowOf(5, ["a"])), readBy({ dialect: { headerRows: [3] } }))).toMatchObject({
    code: "malformed-body",
    line: 3,
  });
  expect(await split(ofRows(rowOf(2, ["a"])), readBy({ dialect: { headerRows: [7] } }))).toMatchObject({
    code: "malformed-body",
    line: 7,
  });
});

test("a row of the header that is empty is not in the file; the rows behind it are records", async () => {
  const data = rowOf(2, ["id"]) + rowOf(5, ["A1"]);
  expect(await split(ofRows(data), readBy({ dialect: { headerRows: [2, 3] } }))).toMatchObject({
    envelope: { header: ["id"] },
    rows: [`{"row":5,"cells":["A1"]}`],
  });
});

test("no row, and no record", async () => {
  expect(await split(ofRows(""))).toMatchObject({ code: "empty-body" });
  expect(await split(ofRows(tableOf([["id"]])))).toMatchObject({ code: "empty-body" });
  expect(await split(Buffer.alloc(0))).toMatchObject({ code: "empty-body" });
});

test("chunks keep to their limits; a row that is too long has its place", async () => {
  const body = ofRows(tableOf([["id"], ["A1"], ["x".repeat(300)], ["A3"]]));
  const found = await split(body, {}, { chunkRecords: 2, maxRecordBytes: 100 });
  expect(found.chunks?.map(({ records, firstRecord, oversized }) => [records, firstRecord, oversized])).toEqual([
    [2, 1, [1]],
    [1, 3, []],
  ]);
  expect(found.rows).toEqual([`{"row":2,"cells":["A1"]}`, `{"row":3,"cells":[]}`, `{"row":4,"cells":["A3"]}`]);
  expect(await split(body, {}, { maxRecords: 2 })).toMatchObject({ code: "too-many-records", limit: 2 });
});

test("a shared string that stands in many cells counts as often as it is written", async () => {
  const rows = Array.from({ length: 200 }, () => `<row><c t="s"><v>0</v></c></row>`).join("");
  const body = workbookOf({ sheets: { One: rows }, shared: [`<si><t>${"x".repeat(1000)}</t></si>`] });
  expect(await split(body, {}, { maxBytes: 100_000 })).toMatchObject({ code: "payload-too-large", limit: 100_000 });
});

test.each([
  ["csv", "id,amount\nA1,10\n", "csv"],
  ["json", `[{"id":"A1"}]${" ".repeat(400)}`, "json"],
  ["ndjson", `{"id":"A1"}\n${" ".repeat(400)}`, "ndjson"],
  ["an old workbook", `\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1${"\0".repeat(400)}`, "xls"],
  ["a page", `<!doctype html><html>${" ".repeat(400)}`, "html"],
])("%s sent as a workbook is refused by its first bytes", async (_, body, found) => {
  expect(await split(Buffer.from(body, "latin1"))).toMatchObject({ code: "malformed-body", found });
});

test("the file in which a workbook waits has no name, and goes when it is closed", async () => {
  const folder = mkdtempSync(join(tmpdir(), "dataflow-spool-"));
  const spool = new Spool(folder);
  await spool.write(Buffer.from("abc"));
  await spool.write(Buffer.from("def"));
  const read = await spool.file?.read(Buffer.alloc(6), 0, 6, 0);
  expect([read?.buffer.toString(), spool.bytes, readdirSync(folder)]).toEqual(["abcdef", 6, []]);
  await spool.close();
  expect(spool.file).toBeNull();
  rmdirSync(folder);
});

test("if the disk is full, the answer says to send the workbook again", async () => {
  await expect(new Spool("/nowhere/at/all").write(Buffer.from("a"))).rejects.toMatchObject({
    type: "unavailable",
    code: 503,
  });
});

test("rejected rows are read again with the names of their columns, in any pieces", async () => {
  const names: string[][] = [];
  const checkColumns = (columns: readonly string[]) => {
    names.push([...columns]);
    return 0;
  };
  const splitter = createSplitter("xlsx", wide, { isKnown: true, checkColumns });
  const rows = [`{"row":3,"cells":["A1"]}`, `{"row":9,"cells":["A2"]}`];
  const body = Buffer.from([`{"columns":["id"],"nameless":1}`, ...rows].join("\n"));
  const chunks = [...body].flatMap((byte) => splitter.push(Buffer.of(byte)));
  chunks.push(...splitter.end());
  expect(chunks.map(({ data, records }) => [data.toString(), records])).toEqual([[`${rows.join("\n")}\n`, 2]]);
  expect([splitter.envelope, names]).toEqual([
    { charset: "utf-8", header: ["id"], nameless: 1, isMapped: true },
    [["id"]],
  ]);
});

describe("a body that is no workbook is refused while it arrives", () => {
  const long = randomBytes(70_000);
  const withTypes = (types: string) => zipOf({ "[Content_Types].xml": `<Types>${types}</Types>`, "a/long.bin": long });
  test.each<[string, string, Buffer]>([
    ["a binary workbook", "xls", zipOf({ "xl/workbook.bin": long })],
    ["a binary workbook by its types", "xls", withTypes("application/vnd.ms-excel.sheet.binary.macroEnabled.main")],
    ["a document of Word", "zip", withTypes("application/vnd.openxmlformats-officedocument.wordprocessingml")],
    ["an archive of a file", "zip", zipOf({ "orders.csv": long })],
  ])("%s", async (_name, found, body) => {
    const whole = createSplitter("xlsx", wide, {}).whole as WholeBody;
    const start = (async () => {
      for (let at = 0; at < 65_536; at += 1024) await whole.write(body.subarray(at, at + 1024));
    })();
    await expect(start).rejects.toMatchObject({ type: "malformed-body", data: { found } });
    await whole.close();
  });

  test.each<[string, Buffer]>([
    ["an empty archive", zipOf({})],
    ["an archive that breaks off in its first name", zipOf({ "xl/workbook.xml": long }).subarray(0, 28)],
  ])("%s, which is short", async (_name, body) => {
    expect(await split(body)).toMatchObject({ code: "malformed-body", found: "zip" });
  });

  test("a workbook whose first part is long is read", async () => {
    const parts = unzipSync(ofRows(tableOf([["id"], ["A1"]])));
    const book = zipOf({ "docProps/thumbnail.jpeg": long, ...parts });
    expect(await split(book)).toMatchObject({ chunks: [{ records: 1 }] });
  });
});
