/** The promise: the only file of a form is its body, byte for byte; any other form is refused. */
import { formats } from "../../../formats/formats.ts";
import { Problem } from "../../../lib/errors.ts";
import { FORM_ALLOWANCE } from "../../../services/imports/imports.contract.ts";
import { formFile } from "../../../services/imports/imports.form.ts";

async function* inPieces(bytes: Buffer, pieceBytes: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

/** The file and its format, or the refusal. */
async function read(
  form: string | Buffer,
  { pieceBytes = 65_536, named = undefined as string | undefined, allowed = formats } = {},
) {
  try {
    const body = inPieces(Buffer.from(form as string), pieceBytes);
    const { content, pieces } = await formFile(body, { boundary: "cut", ...(named && { named }) }, allowed);
    const found: Buffer[] = [];
    for await (const piece of pieces) found.push(piece);
    return { ...content, file: Buffer.concat(found).toString("latin1") };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return { code: error.type, detail: error.message, ...error.data } as Record<string, unknown>;
  }
}

const part = (disposition: string, content: string, ...headers: string[]) =>
  `--cut\r\nContent-Disposition: form-data; ${disposition}\r\n${headers.map((line) => `${line}\r\n`).join("")}\r\n${content}\r\n`;
const file = (content: string, name = "orders.csv", ...headers: string[]) =>
  part(`name="file"; filename="${name}"`, content, ...headers);
const END = "--cut--\r\n";
const csv = "id,name\r\n--cutter,x\r\n\r\n--\r\nA1,Ann";

describe("a form with one file", () => {
  test("is that file, wherever the network cuts it", async () => {
    const form = Buffer.from(`a preamble\r\n${file(csv.replace("--cutter", "--cu"))}${END}an epilogue`);
    const body = { format: "csv", file: csv.replace("--cutter", "--cu") };
    for (let pieceBytes = 1; pieceBytes <= form.length; pieceBytes++)
      expect(await read(form, { pieceBytes })).toEqual(body);
  });

  test.each([
    ["nothing", ""],
    ["line ends", "\r\n\r\n"],
    ["dashes", "--"],
    ["binary bytes", Buffer.from(Array.from({ length: 256 }, (_, i) => i)).toString("latin1")],
    ["half a boundary", "\r\n--cu\r\n--c"],
  ])("may hold %s", async (_, content) => {
    const form = Buffer.from(file(content) + END, "latin1");
    for (const pieceBytes of [1, 7, 1000]) expect(await read(form, { pieceBytes })).toMatchObject({ file: content });
  });

  test.each<[name: string, head: [string, ...string[]], content: object, named?: string]>([
    ["its type", ["x.dat", "Content-Type: application/x-ndjson"], { format: "ndjson" }],
    [
      "its type, with parameters",
      ["x.dat", "content-type: text/csv; charset=latin1; header=absent"],
      { format: "csv", charset: "windows-1252", hasHeader: false },
    ],
    ["its type, which goes before the name", ["x.json", "Content-Type: text/csv"], { format: "csv" }],
    ["what Windows calls a .csv", ["x.csv", "Content-Type: application/vnd.ms-excel"], { format: "csv" }],
    ["its name", ["x.json", "Content-Type: application/octet-stream"], { format: "json" }],
    ["its name in capitals", ["X.Y.NDJSON"], { format: "ndjson" }],
    [
      "its name, and the type's parameters",
      ["x.txt", "Content-Type: text/plain; delimiter=pipe"],
      { format: "csv", delimiter: "|" },
    ],
    ["a tab in its name", ["x.tsv"], { format: "csv", delimiter: "\t" }],
    ["the query", ["x.dat", "Content-Type: text/csv"], { format: "json" }, "json"],
    ["a tab in the query", ["x.csv"], { format: "csv", delimiter: "\t" }, "tsv"],
  ])("is told by %s", async (_, head, content, ...[named]) => {
    const [name, ...headers] = head;
    expect(await read(file("[]", name, ...headers) + END, { named })).toEqual({ ...content, file: "[]" });
  });

  test.each([
    ["bare names", "name=file; filename=orders.csv"],
    ["a quote in its name", 'name="file"; filename="my \\"own\\".csv"'],
    ["a path of Windows as its name", 'name="file"; filename="C:\\\\data\\\\orders.csv"'],
    ["a name in UTF-8", 'filename="preços.csv"; name="file"'],
    ["an extended name", "name=\"file\"; filename*=UTF-8''pre%C3%A7os.csv"],
  ])("may have %s", async (_, disposition) => {
    expect(await read(part(disposition, "a") + END)).toEqual({ format: "csv", file: "a" });
  });
});

const malformed = { code: "malformed-body" };
const field = (pointer: string) => ({ code: "validation", errors: [expect.objectContaining({ pointer })] });
const whole = file("a\n1\n");

test.each<[name: string, form: string, refusal: object]>([
  ["no byte", "", malformed],
  ["no boundary", "a\n1\n", malformed],
  ["another boundary", whole.replaceAll("cut", "put") + END.replace("cut", "put"), malformed],
  ["nothing", END, field("")],
  ["no file", part('name="note"', "hello") + END, field("/note")],
  ["no file chosen", part('name="file"; filename=""', "") + END, field("/file")],
  ["a second file", whole + file("b\n2\n", "b.csv") + END, field("/file")],
  ["a field before the file", part('name="a/b"', "x") + whole + END, field("/a~1b")],
  ["a field behind the file", whole + part('name="note"', "please hurry") + END, field("/note")],
  ["a part without a disposition", `--cut\r\nContent-Type: text/csv\r\n\r\na\r\n${END}`, malformed],
  [
    "a part of another disposition",
    `--cut\r\nContent-Disposition: attachment; filename="a.csv"\r\n\r\na\r\n${END}`,
    malformed,
  ],
  ["a part without a name", part('filename="a.csv"', "a") + END, malformed],
  [
    "a header without an end",
    `--cut\r\nContent-Disposition: form-data; name="f"; filename="a.csv"\r\n${END}`,
    malformed,
  ],
  ["its boundary within the file", file("a\r\n--cut\r\n1") + END, malformed],
  ["a line within the file that begins with its boundary", file("a\r\n1\r\n--cutter,x\r\n2") + END, malformed],
  ["a header of garbage", `--cut\r\n\x00\x01\r\n\r\na\r\n${END}`, malformed],
  ["a file in base64", file("YQ==", "a.csv", "Content-Transfer-Encoding: base64") + END, malformed],
  ["a compressed file that says so itself", file("x", "a.csv", "Content-Encoding: gzip") + END, malformed],
  ["a file of an unknown kind", file("x", "a.dat") + END, { code: "unsupported-media-type" }],
  ["a file without an ending", file("x", "csv-file") + END, { code: "unsupported-media-type" }],
  [
    "a charset that is none",
    file("x", "a.csv", "Content-Type: text/csv; charset=klingon") + END,
    { code: "unsupported-media-type" },
  ],
])("refused: a form with %s", async (_, form, refusal) => {
  for (const pieceBytes of [65_536, 1]) expect(await read(form, { pieceBytes })).toMatchObject(refusal);
});

test("refused: a form that is cut off, wherever that is", async () => {
  const form = whole + END.trimEnd();
  for (let length = 0; length < form.length; length++)
    expect(await read(form.slice(0, length))).toMatchObject(malformed);
  expect(await read(form)).toMatchObject({ file: "a\n1\n" });
});

test("refused: a format that the policy does not take", async () => {
  expect(await read(whole + END, { allowed: ["json"] })).toMatchObject({ code: "unsupported-media-type" });
});

test("refused: a form of little but what stands beside its file", async () => {
  const long = "x".repeat(2 * FORM_ALLOWANCE);
  const told = { ...malformed, detail: expect.stringContaining("beside its file") };
  expect(await read(`${long}\r\n${whole}${END}`)).toMatchObject(told);
  expect(await read(whole + END + long)).toMatchObject(told);
  expect(await read(file("a", "a.csv", `X-Long: ${long}`) + END)).toMatchObject(told);
});

test("is never more than a few pieces in memory", async () => {
  const piece = Buffer.alloc(65_536, "a\n");
  let sent = 0;
  async function* form() {
    yield Buffer.from(whole.slice(0, -2));
    for (let i = 0; i < 400; i++) {
      yield Buffer.from(piece);
      sent += piece.length;
    }
    yield Buffer.from(`\r\n${END}`);
  }
  let taken = 0;
  let mostHeld = 0;
  for await (const found of (await formFile(form(), { boundary: "cut" }, formats)).pieces) {
    taken += found.length;
    mostHeld = Math.max(mostHeld, sent - taken);
  }
  expect(taken).toBe(4 + 400 * piece.length);
  expect(mostHeld).toBeLessThan(4 * piece.length);
});
